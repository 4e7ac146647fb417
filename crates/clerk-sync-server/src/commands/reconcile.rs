//! `clerk-sync reconcile [--dry-run] [--confirm-deletes N]`: catch up and compare everything, now.

use super::{serve::stop_on_signal, text::line, watch::watched};
use crate::{
    cli::{CommandResult, Ending, Usage, migrates, wants_json},
    mirror::{self, Mirror},
    settings::{Loaded, Settings},
    telemetry,
};
use anyhow::Context as _;
use clap::ArgMatches;
use clerk_sync::{
    clerk::Lane,
    mapping::{Mapping, Row},
    reconcile::{CaughtUp, Difference, DifferenceKind, Pass, Reconciler, Scrubbed, Tally},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Calls that fail are made so often.
const ATTEMPTS: u32 = 6;

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let confirmed = matches.get_one::<u64>("confirm-deletes").copied();
    let dry_run = matches.get_flag("dry-run");
    if dry_run && confirmed.is_some() {
        return Err(Usage("--dry-run deletes nobody: leave --confirm-deletes out".to_owned()).into());
    }
    let (settings, mapping) = mirror::checked(loaded)?;
    telemetry::start(&settings.log, settings.log_format);
    let migrate = !dry_run && migrates(matches);
    let store = mirror::ready_store(&settings, mapping, migrate).await?;
    let mirror = Mirror::start("reconcile", &settings, store)?;
    let stop = stop_on_signal()?;
    let result = if dry_run {
        look(&mirror, &settings, matches, stop).await
    } else {
        repair(&mirror, &settings, matches, confirmed, stop).await
    };
    mirror.shut_down().await;
    result
}

async fn repair(
    mirror: &Mirror,
    settings: &Settings,
    matches: &ArgMatches,
    confirmed: Option<u64>,
    stop: CancellationToken,
) -> CommandResult {
    mirror.bind().await?;
    mirror.join();
    let reconciler = mirror.reconciler();
    let hold = reconciler.hold(&mirror.name, &stop).await?;
    let tally = Arc::new(Tally::default());
    let work = passes(&reconciler, hold.pass(), confirmed, &tally);
    let result = watched("reconcile", &tally, settings.requests_per_10s, mirror.clock.as_ref(), work).await;
    hold.release().await;
    let scrubbed = result.context("reconciling (what was written until now stands)")?;
    if wants_json(matches) {
        line(in_json(&scrubbed));
    } else {
        tell(&scrubbed);
    }
    Ok(ending(&scrubbed))
}

/// Catch-up, then scrub. The scrub compares everything, so that without an import there is nothing to catch up with.
async fn passes(
    reconciler: &Reconciler,
    pass: Pass,
    confirmed: Option<u64>,
    tally: &Arc<Tally>,
) -> anyhow::Result<Scrubbed> {
    if reconciler.catch_up(&pass, &Tally::default()).await? == CaughtUp::NeedsImport {
        tracing::info!("more has changed than a catch-up reads; the comparison of everything brings it");
    }
    Ok(reconciler.scrub(&pass, confirmed, tally).await?)
}

async fn look(
    mirror: &Mirror,
    settings: &Settings,
    matches: &ArgMatches,
    stop: CancellationToken,
) -> CommandResult {
    mirror.try_to_share().await.context(
        "a dry run writes nothing but its share of Clerk's rate limit: its role must be able to insert, update and delete \
         in clerk_sync_shares",
    )?;
    mirror.join();
    let (as_json, values) = (wants_json(matches), matches.get_flag("show-values"));
    let mapping = mirror.engine.mapping();
    let pass = Pass { lane: Lane::Bulk, token: None, stop, attempts: ATTEMPTS };
    let tally = Arc::new(Tally::default());
    let mut differences = 0_u64;
    let reconciler = mirror.reconciler();
    let work = reconciler.look(&pass, &tally, |difference| {
        differences += 1;
        line(if as_json {
            difference_json(mapping, &difference, values).to_string()
        } else {
            difference_text(mapping, &difference, values)
        });
    });
    let result = watched("compare", &tally, settings.requests_per_10s, mirror.clock.as_ref(), work).await;
    let scrubbed = result.context("comparing (nothing was written)")?;
    if !as_json {
        if scrubbed.held > 0 {
            line(format_args!(
                "{} users are missing in Clerk, more than CLERK_SYNC_MAX_DELETES allows to delete",
                scrubbed.held
            ));
        }
        line(format_args!(
            "{} users compared, {differences} differences; nothing was written",
            scrubbed.seen
        ));
        if !scrubbed.complete {
            line(
                "Clerk's list was shorter than Clerk counts users: what lies behind its end was not compared",
            );
        }
    }
    Ok(if differences > 0 { Ending::Attention } else { ending(&scrubbed) })
}

/// 0: in sync, or brought in sync. 2: something is left for a person to look at.
fn ending(scrubbed: &Scrubbed) -> Ending {
    let left = scrubbed.held + scrubbed.alive + scrubbed.unconfirmed + scrubbed.refused;
    if left > 0 || !scrubbed.complete { Ending::Attention } else { Ending::Done }
}

fn tell(scrubbed: &Scrubbed) {
    line(format_args!(
        "{} users compared: {} rows repaired, {} users deleted",
        scrubbed.seen, scrubbed.repaired, scrubbed.deleted
    ));
    if scrubbed.held > 0 {
        line(format_args!(
            "{0} users are missing in Clerk, more than CLERK_SYNC_MAX_DELETES allows to delete: none of them was. \
             If they are really gone: clerk-sync reconcile --confirm-deletes {0}",
            scrubbed.held
        ));
    }
    if scrubbed.alive > 0 {
        line(format_args!(
            "{} users were deleted here and are alive in Clerk: see the log, and bring each back with clerk-sync sync --force",
            scrubbed.alive
        ));
    }
    if scrubbed.unconfirmed > 0 {
        line(format_args!(
            "{} users are missing in Clerk, which does not count yet for users so young: run it again in a minute",
            scrubbed.unconfirmed
        ));
    }
    if scrubbed.refused > 0 {
        line(format_args!(
            "{} users could not be written: see clerk-sync dead-letters list",
            scrubbed.refused
        ));
    }
    if !scrubbed.complete {
        line(
            "Clerk's list was shorter than Clerk counts users: what lies behind its end was not compared; run it again",
        );
    }
}

fn in_json(scrubbed: &Scrubbed) -> Value {
    json!({
        "seen": scrubbed.seen,
        "repaired": scrubbed.repaired,
        "deleted": scrubbed.deleted,
        "held": scrubbed.held,
        "alive": scrubbed.alive,
        "unconfirmed": scrubbed.unconfirmed,
        "refused": scrubbed.refused,
        "complete": scrubbed.complete,
    })
}

fn direction(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Missing => "in Clerk, not in the table: would be created",
        DifferenceKind::Differs => "differs from Clerk: would be updated",
        DifferenceKind::Surplus => "in the table, not in Clerk: would be deleted",
        DifferenceKind::Held => "in the table, not in Clerk's list: held, as too many are",
        DifferenceKind::Alive => "in Clerk, deleted here: only sync --force brings it back",
    }
}

fn difference_text(mapping: &Mapping, difference: &Difference, values: bool) -> String {
    let mut text = format!("{}: {}", difference.user, direction(difference.kind));
    let columns = difference.columns(mapping);
    if difference.kind == DifferenceKind::Differs {
        text.push_str(&format!(" ({})", columns.join(", ")));
    }
    if values {
        let (stored, clerk) = (by_column(mapping, &difference.stored), by_column(mapping, &difference.clerk));
        for column in columns {
            let value = |row: &Map<String, Value>| row.get(column).map_or("-".to_owned(), Value::to_string);
            text.push_str(&format!("\n    {column}: table {}, Clerk {}", value(&stored), value(&clerk)));
        }
    }
    text
}

fn difference_json(mapping: &Mapping, difference: &Difference, values: bool) -> Value {
    let mut json = json!({
        "user_id": difference.user.as_str(),
        "difference": difference.kind.name(),
        "columns": difference.columns(mapping),
    });
    if values && let Some(fields) = json.as_object_mut() {
        for (name, row) in [("table", &difference.stored), ("clerk", &difference.clerk)] {
            let row = row.as_ref().map(|row| clerk_sync::mapping::row_json(mapping, row));
            fields.insert(name.to_owned(), row.unwrap_or(Value::Null));
        }
    }
    json
}

fn by_column(mapping: &Mapping, row: &Option<Row>) -> Map<String, Value> {
    let json = row.as_ref().map(|row| clerk_sync::mapping::row_json(mapping, row));
    json.and_then(|json| json.as_object().cloned()).unwrap_or_default()
}
