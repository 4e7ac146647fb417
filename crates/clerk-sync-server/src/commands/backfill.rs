//! `clerk-sync backfill [--parallel N] [--dry-run]`: imports everyone, or goes on where an import was interrupted.

mod links;

use super::{serve::stop_on_signal, text::line, watch::watched};
use crate::{
    cli::{CommandResult, Ending, migrates, wants_json},
    mirror::{self, Mirror},
    settings::{Loaded, Settings},
    telemetry,
};
use anyhow::Context as _;
use clap::ArgMatches;
use clerk_sync::{
    clerk::Lane,
    reconcile::{Imported, Pass, PassError, Tally},
    store::Linking,
};
use serde_json::json;
use std::sync::Arc;

/// Calls of a dry run that fail are made so often.
const ATTEMPTS: u32 = 6;

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let dry_run = matches.get_flag("dry-run");
    let (settings, mapping) = mirror::checked(loaded)?;
    telemetry::start(&settings.log, settings.log_format);
    let store = mirror::ready_store(&settings, mapping, !dry_run && migrates(matches)).await?;
    let mirror = Mirror::start("backfill", &settings, store)?;
    let result = if dry_run {
        foresee(&mirror, &settings, matches).await
    } else {
        import(&mirror, &settings, matches).await
    };
    mirror.shut_down().await;
    result
}

async fn import(mirror: &Mirror, settings: &Settings, matches: &ArgMatches) -> CommandResult {
    let parallel = matches.get_one::<u8>("parallel").copied().unwrap_or(1);
    mirror.bind().await?;
    mirror.join();
    let stop = stop_on_signal()?;
    let reconciler = mirror.reconciler();
    let hold = reconciler.hold(&mirror.name, &stop).await?;
    let tally = Arc::new(Tally::default());
    let began = mirror.clock.monotonic();
    let pass = hold.pass();
    let import = reconciler.import(&pass, parallel.into(), &tally);
    let result = watched("import", &tally, settings.requests_per_10s, mirror.clock.as_ref(), import).await;
    let seconds = (mirror.clock.monotonic() - began).as_secs_f64();
    hold.release().await;
    let report = links::Report::new(mirror, tally.links()).await;
    if let (Err(_), Some(report), false) = (&result, &report, wants_json(matches)) {
        report.tell(links::Tense::Past);
    }
    let imported = match result {
        Ok(imported) => imported,
        Err(PassError::Stopped) => anyhow::bail!(
            "stopped after {} users, whose rows are written: run clerk-sync backfill again to go on from there",
            tally.seen()
        ),
        Err(error) => {
            return Err(error).context(format!(
                "the import ended after {} users, whose rows are written (run clerk-sync backfill again to go on from there)",
                tally.seen()
            ));
        }
    };
    if wants_json(matches) {
        let mut json = json!({
            "seen": imported.seen,
            "expected": imported.expected,
            "difference": imported.difference,
            "written": tally.written(),
            "refused": tally.refused(),
            "resumed": imported.resumed,
            "calls": tally.calls(),
            "seconds": (seconds * 1_000.0).round() / 1_000.0,
        });
        if let Some(report) = report {
            json["links"] = report.json();
        }
        line(json);
    } else {
        tell(&imported, &tally, seconds);
        if let Some(report) = report {
            report.tell(links::Tense::Past);
            if imported.resumed {
                line("what was linked before the interruption is not counted here");
            }
        }
    }
    Ok(Ending::Done)
}

fn tell(imported: &Imported, tally: &Tally, seconds: f64) {
    line(format_args!(
        "{} users seen, {} rows written in {seconds:.1} s with {} calls to Clerk{}",
        imported.seen,
        tally.written(),
        tally.calls(),
        if imported.resumed { " (an interrupted import went on)" } else { "" }
    ));
    if tally.refused() > 0 {
        line(format_args!(
            "{} users could not be written: see clerk-sync dead-letters list",
            tally.refused()
        ));
    }
    if imported.difference != 0 {
        let (number, more) = (imported.difference.unsigned_abs(), imported.difference > 0);
        line(format_args!(
            "Clerk counts {number} users {} than this database holds ({} in all); the next scrub looks into it, \
             or clerk-sync reconcile now",
            if more { "more" } else { "fewer" },
            imported.expected
        ));
    }
}

/// What an import would do. Exit 2 where somebody has to look into it first.
async fn foresee(mirror: &Mirror, settings: &Settings, matches: &ArgMatches) -> CommandResult {
    mirror.try_to_share().await.context(
        "a dry run writes nothing but its share of Clerk's rate limit: its role must be able to insert, update and delete \
         in clerk_sync_shares",
    )?;
    mirror.join();
    let pass = Pass { lane: Lane::Bulk, token: None, stop: stop_on_signal()?, attempts: ATTEMPTS };
    let (reconciler, tally) = (mirror.reconciler(), Arc::new(Tally::default()));
    let work = reconciler.foresee_import(&pass, &tally);
    let result = watched("look", &tally, settings.requests_per_10s, mirror.clock.as_ref(), work).await;
    let foreseen = result.context("looking at everyone (nothing was written)")?;
    let links = &foreseen.links;
    let without = foreseen.present + foreseen.deleted + foreseen.unreadable + links.count(Linking::Ambiguous);
    let missing = foreseen.seen.saturating_sub_unsigned(without);
    let doubtful = links.count(Linking::Taken) + links.count(Linking::Ambiguous);
    let ending = if doubtful + foreseen.unreadable > 0 { Ending::Attention } else { Ending::Done };
    let report = links::Report::new(mirror, foreseen.links).await;
    if wants_json(matches) {
        let mut json = json!({
            "seen": foreseen.seen,
            "present": foreseen.present,
            "missing": missing,
            "deleted": foreseen.deleted,
            "unreadable": foreseen.unreadable,
        });
        if let Some(report) = report {
            json["links"] = report.json();
        }
        line(json);
    } else {
        line(format_args!(
            "{} users seen: {} have a row, {missing} would get one; nothing was written",
            foreseen.seen, foreseen.present
        ));
        if foreseen.deleted > 0 {
            line(format_args!(
                "{} users were deleted here: only clerk-sync sync --force brings them back",
                foreseen.deleted
            ));
        }
        if foreseen.unreadable > 0 {
            line(format_args!(
                "{} users cannot be mapped and would become dead letters",
                foreseen.unreadable
            ));
        }
        if let Some(report) = report {
            report.tell(links::Tense::Future);
        }
    }
    Ok(ending)
}
