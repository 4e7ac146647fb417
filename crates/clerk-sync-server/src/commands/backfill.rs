//! `clerk-sync backfill [--parallel N]`: imports everyone, or goes on where an import was interrupted.

use super::{serve::stop_on_signal, text::line, watch::watched};
use crate::{
    cli::{CommandResult, Ending, migrates, wants_json},
    mirror::{self, Mirror},
    settings::Loaded,
    telemetry,
};
use anyhow::Context as _;
use clap::ArgMatches;
use clerk_sync::reconcile::{PassError, Tally};
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let (settings, mapping) = mirror::checked(loaded)?;
    telemetry::start(&settings.log, settings.log_format);
    let parallel = matches.get_one::<u8>("parallel").copied().unwrap_or(1);
    let store = mirror::ready_store(&settings, mapping, migrates(matches)).await?;
    let mirror = Mirror::start("backfill", &settings, store)?;
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
    mirror.shut_down().await;
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
        line(json!({
            "seen": imported.seen,
            "expected": imported.expected,
            "difference": imported.difference,
            "written": tally.written(),
            "refused": tally.refused(),
            "resumed": imported.resumed,
            "calls": tally.calls(),
            "seconds": (seconds * 1_000.0).round() / 1_000.0,
        }));
    } else {
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
    Ok(Ending::Done)
}
