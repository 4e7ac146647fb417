//! `clerk-sync status`.

use super::text::{ago, line, moment};
use crate::{
    cli::{CommandResult, Ending, wants_json},
    mirror::{self, Mirror},
    settings::{Import, Loaded, Settings},
};
use anyhow::Context as _;
use clap::ArgMatches;
use clerk_auth::clock::{Clock as _, SystemClock};
use clerk_sync::{
    reconcile::Overview,
    store::{Lease, PendingCount, SchemaState, Store, Summary, TableFinding, TableProblem},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// How long Clerk may take to count its users.
const CLERK_PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let (settings, mapping) = mirror::checked(loaded)?;
    let store = mirror::open_store(&settings, mapping).await?;
    let database = settings.database_url.to_string();
    let at_database = || format!("DATABASE_URL {database}");
    let schema = store.schema().await.with_context(at_database)?;
    if schema.found == 0 {
        if wants_json(matches) {
            line(json!({
                "database": database,
                "schema": {"found": 0, "known": schema.known},
                "ready": false,
                "users_table": findings_json(&schema),
            }));
        } else {
            line(format_args!(
                "database       {database}\nschema         none yet: run clerk-sync migrate, or clerk-sync serve"
            ));
            // That it is not there yet is no news.
            let is_missing = |problem: &TableProblem| matches!(problem, TableProblem::MissingTable { .. });
            finding_lines(&schema, is_missing).for_each(line);
        }
        return Ok(Ending::Attention);
    }
    let summary = store.summary().await.with_context(at_database)?;
    let binding = store.binding().await.with_context(at_database)?;
    // An older schema has no such tables yet.
    let is_ready = schema.is_ready();
    let known = if is_ready {
        let overview = Overview::read(store.as_ref()).await.with_context(at_database)?;
        let lease = store.lease().await.with_context(at_database)?;
        Some((overview, lease, store.pending_count().await.with_context(at_database)?))
    } else {
        None
    };
    let (overview, lease, pending) = known.unwrap_or_default();
    let lease = lease.filter(|lease| !lease.expires_in.is_zero());
    let status = Status {
        database,
        store: store.name(),
        schema,
        instance: binding.map(|binding| binding.instance_id),
        summary,
        overview,
        lease,
        pending,
        clerk: clerk_count(&settings, &store, is_ready).await,
        import: settings.import,
        now_ms: SystemClock::new().now_ms(),
    };
    if wants_json(matches) {
        line(status.json())
    } else {
        status.lines().iter().for_each(line)
    }
    store.close().await;
    Ok(if is_ready { Ending::Done } else { Ending::Attention })
}

/// Clerk's count of users, if Clerk can be asked: the rest of the answer does not wait for it.
async fn clerk_count(settings: &Settings, store: &Arc<dyn Store>, ready: bool) -> Result<i64, String> {
    settings.require_secret_key().map_err(|missing| missing.to_string())?;
    if !ready {
        return Err("the schema is not ready".to_owned());
    }
    let mirror = Mirror::start("status", settings, Arc::clone(store)).map_err(|error| error.to_string())?;
    mirror.join();
    let count = tokio::time::timeout(CLERK_PATIENCE, mirror.count(CLERK_PATIENCE)).await;
    mirror.leave().await;
    match count {
        Ok(count) => count.map_err(|error| error.to_string()),
        Err(_) => Err("Clerk did not answer in time".to_owned()),
    }
}

/// Everything that is shown.
struct Status {
    database: String,
    store: &'static str,
    schema: SchemaState,
    instance: Option<String>,
    summary: Summary,
    overview: Overview,
    lease: Option<Lease>,
    pending: PendingCount,
    /// Clerk's count of users, or why it is not known.
    clerk: Result<i64, String>,
    import: Import,
    now_ms: i64,
}

fn findings_json(schema: &SchemaState) -> Vec<Value> {
    let finding = |finding: &TableFinding| json!({ "problem": finding.problem.to_string(), "todo": finding.todo, "blocks": finding.blocks });
    schema.users_table.iter().map(finding).collect()
}

fn finding_lines(
    schema: &SchemaState,
    is_known: impl Fn(&TableProblem) -> bool,
) -> impl Iterator<Item = String> {
    let findings = schema.users_table.iter().filter(move |finding| !is_known(&finding.problem));
    findings.map(|finding| {
        let weight = if finding.blocks { "problem" } else { "warning" };
        format!("users table    {weight}: {finding}")
    })
}

impl Status {
    fn json(&self) -> Value {
        let Self { summary, overview, .. } = self;
        let Overview { import, catch_up, scrub, scrubbing } = overview;
        json!({
            "database": self.database,
            "schema": {"found": self.schema.found, "known": self.schema.known},
            "ready": self.schema.is_ready(),
            "users_table": findings_json(&self.schema),
            "instance": self.instance,
            "users": {"present": summary.present, "provisional": summary.provisional, "gone": summary.gone},
            "clerk_users": self.clerk.as_ref().ok(),
            "dead_letters": summary.dead_letters,
            "pending_deletions": {"waiting": self.pending.waiting, "cancelled": self.pending.cancelled},
            "last_change": summary.last_change,
            "last_event_at": summary.last_event_at,
            "imported": overview.is_imported(),
            "import": {
                "started_at": (import.started_at != 0).then_some(import.started_at),
                "completed_at": import.completed_at,
                "seen": import.seen,
                "difference": import.difference,
            },
            "catch_up": {
                "completed_at": catch_up.completed_at,
                "watermark": catch_up.floor.map(|floor| floor.watermark),
                "watermark_age_ms": catch_up.floor.map(|floor| self.now_ms - floor.watermark),
                "written": catch_up.written,
            },
            "scrub": {
                "completed_at": scrub.completed_at,
                "incomplete_at": scrub.incomplete_at,
                "under_way": scrubbing,
                "seen": scrub.seen,
                "repaired": scrub.repaired,
                "deleted": scrub.deleted,
                "alive": scrub.alive,
            },
            "held_deletions": scrub.held,
            "lease": self.lease.as_ref().map(|lease| json!({
                "holder": lease.holder,
                "token": lease.token,
                "expires_in_ms": u64::try_from(lease.expires_in.as_millis()).unwrap_or(u64::MAX),
            })),
        })
    }

    fn lines(&self) -> Vec<String> {
        let Self { summary, overview, schema, .. } = self;
        let ready = if schema.found == schema.known { "" } else { ", not ready: run clerk-sync migrate" };
        let at = |at: Option<i64>, never: &str| match at {
            Some(at) => format!("{} ({})", moment(at), ago(self.now_ms - at)),
            None => never.to_owned(),
        };
        let clerk = match &self.clerk {
            Ok(count) => format!("{count} users"),
            Err(why) => format!("not known: {why}"),
        };
        let mut lines = vec![
            format!("database       {} ({})", self.database, self.store),
            format!("schema         version {} of {}{ready}", schema.found, schema.known),
        ];
        lines.extend(finding_lines(schema, |_| false));
        lines.extend([
            format!("instance       {}", self.instance.as_deref().unwrap_or("not known yet")),
            format!(
                "users          {} present, {} provisional, {} deleted",
                summary.present, summary.provisional, summary.gone
            ),
            format!("in Clerk       {clerk}"),
            format!("changes        {}", summary.last_change),
            format!("dead letters   {}", summary.dead_letters),
            format!("last event     {}", at(summary.last_event_at, "none yet")),
            format!("import         {}", self.import_line()),
        ]);
        let catch_up = &overview.catch_up;
        let watermark = catch_up.floor.map(|floor| format!(", up to changes of {}", moment(floor.watermark)));
        lines.push(format!(
            "catch-up       {}{}",
            at(catch_up.completed_at, "none yet"),
            watermark.filter(|_| catch_up.completed_at.is_some()).unwrap_or_default()
        ));
        lines.push(format!("scrub          {}", self.scrub_line()));
        if self.pending != PendingCount::default() {
            lines.push(format!(
                "held back      {} deletions, and {} were cancelled: clerk-sync deletions list",
                self.pending.waiting, self.pending.cancelled
            ));
        }
        if overview.scrub.held > 0 {
            lines.push(format!(
                "held           {0} deletions, more than CLERK_SYNC_MAX_DELETES: if these users are really gone, \
                 clerk-sync reconcile --confirm-deletes {0}",
                overview.scrub.held
            ));
        }
        lines.push(match &self.lease {
            Some(lease) => format!("reconciled by  {}", lease.holder),
            None => "reconciled by  nobody at the moment".to_owned(),
        });
        lines
    }

    fn import_line(&self) -> String {
        let import = &self.overview.import;
        match (import.started_at, import.completed_at) {
            (0, _) if self.import == Import::Off => {
                "never: catch-up and scrub stay idle until clerk-sync backfill has completed once".to_owned()
            }
            (0, _) => "never; serve does it".to_owned(),
            (started_at, None) => format!("begun {}, not complete yet", moment(started_at)),
            (_, Some(at)) => {
                format!("{} ({}), {} users", moment(at), ago(self.now_ms - at), import.seen)
            }
        }
    }

    fn scrub_line(&self) -> String {
        let scrub = &self.overview.scrub;
        let under_way = if self.overview.scrubbing { "; one is under way" } else { "" };
        match scrub.completed_at {
            None => format!("none yet{under_way}"),
            Some(at) => format!(
                "{} ({}): {} users compared, {} repaired, {} deleted, {} alive though deleted here{under_way}",
                moment(at),
                ago(self.now_ms - at),
                scrub.seen,
                scrub.repaired,
                scrub.deleted,
                scrub.alive
            ),
        }
    }
}
