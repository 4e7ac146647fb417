//! Flow E: whether users were imported, whether it goes on, and what it left for a person to decide.

use super::{
    super::text::{ago, moment},
    database::unread,
    finding::Finding,
    patient::Patient,
};
use crate::settings::Import;
use clerk_sync::reconcile::{Overview, PassError};
use std::time::Duration;

pub(super) const NAME: &str = "import";
const CATCH_UP: &str = "catch-up";
const HELD: &str = "held deletions";
const ALIVE: &str = "alive";

/// However often catch-ups are, this long without one is no problem of ours: Clerk may be away.
const LEAST_QUIET: Duration = Duration::from_secs(15 * 60);

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(store) = patient.store().await else { return Vec::new() };
    let overview = match Overview::read(store.as_ref()).await {
        Ok(overview) => overview,
        Err(PassError::Store(error)) => return vec![unread(store.as_ref(), NAME, &error).await],
        Err(error) => {
            let todo = "run the version of clerk-sync that serves this database";
            return vec![Finding::problem(NAME, error.to_string(), todo)];
        }
    };
    let mut findings = vec![import(patient, &overview)];
    findings.extend(catch_up(patient, &overview));
    findings.push(match overview.scrub.held {
        0 => Finding::ok(HELD, "none"),
        held => Finding::note(
            HELD,
            format!("{held}, more than CLERK_SYNC_MAX_DELETES allows without asking"),
            format!("if these users are really gone, clerk-sync reconcile --confirm-deletes {held}"),
        ),
    });
    if overview.scrub.alive > 0 {
        let found = format!("{} users are deleted here and alive in Clerk", overview.scrub.alive);
        findings.push(Finding::note(
            ALIVE,
            found,
            "clerk-sync reconcile names them, sync --force brings one back",
        ));
    }
    findings
}

fn import(patient: &Patient, overview: &Overview) -> Finding {
    let import = &overview.import;
    if overview.is_imported() {
        let at = import.completed_at.or(import.first_completed_at).unwrap_or_default();
        let age = ago(patient.clock.now_ms() - at);
        return Finding::ok(NAME, format!("completed {} ({age})", moment(at)));
    }
    match (patient.settings.import, import.started_at) {
        (Import::Off, _) => Finding::note(
            NAME,
            "none has completed, and CLERK_SYNC_IMPORT is off: catch-up and scrub stay idle, so lost webhooks are not made up for",
            "run clerk-sync backfill once",
        ),
        (Import::Auto, 0) => Finding::note(NAME, "none yet", "clerk-sync serve does it"),
        (Import::Auto, at) => Finding::note(
            NAME,
            format!("begun {}, not complete yet", moment(at)),
            "clerk-sync serve goes on with it",
        ),
    }
}

fn catch_up(patient: &Patient, overview: &Overview) -> Option<Finding> {
    let every = patient.settings.catch_up_every.filter(|_| overview.is_imported())?;
    let quiet = i64::try_from(LEAST_QUIET.max(every * 10).as_millis()).unwrap_or(i64::MAX);
    let since = overview.catch_up.completed_at.or(overview.import.completed_at)?;
    let age = patient.clock.now_ms() - since;
    Some(if age <= quiet {
        Finding::ok(CATCH_UP, format!("in time, {}", ago(age)))
    } else {
        Finding::note(
            CATCH_UP,
            format!("none for a while: {}", ago(age)),
            "is clerk-sync serve running? Its log says why passes end early",
        )
    })
}
