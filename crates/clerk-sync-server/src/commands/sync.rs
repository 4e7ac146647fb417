//! `clerk-sync sync <user_id>... [--force]`.

use super::text::line;
use crate::{
    cli::{CommandResult, Ending, migrates, users, wants_json},
    mirror::{self, Mirror},
    settings::Loaded,
    telemetry,
};
use clap::ArgMatches;
use clerk_sync::{
    engine::Reread,
    rule::{State, Verdict},
    user_id::UserId,
};
use serde_json::json;
use std::time::Duration;

/// A person can wait for the rate limit.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let users = users(matches)?;
    let (settings, mapping) = mirror::checked(loaded)?;
    telemetry::start(&settings.log, settings.log_format);
    let store = mirror::ready_store(&settings, mapping, migrates(matches)).await?;
    let mirror = Mirror::start("sync", &settings, store)?;
    mirror.bind().await?;
    mirror.join();
    let force = matches.get_flag("force");
    let mut ending = Ending::Done;
    let mut failed = false;
    for user in &users {
        let report = sync(&mirror, user, force).await;
        match report.state {
            "held" | "unconfirmed" => ending = Ending::Attention,
            "failed" | "unknown" => failed = true,
            _ => {}
        }
        if wants_json(matches) {
            line(json!({"user_id": user.as_str(), "result": report.state, "detail": report.detail}));
        } else {
            line(format_args!("{user}: {}", report.detail));
        }
    }
    mirror.shut_down().await;
    if failed {
        anyhow::bail!("not every user could be synced");
    }
    Ok(ending)
}

struct Report {
    state: &'static str,
    detail: String,
}

async fn sync(mirror: &Mirror, user: &UserId, force: bool) -> Report {
    let report = |state, detail: &str| Report { state, detail: detail.to_owned() };
    match mirror.engine.sync(user, force, PATIENCE).await {
        Ok(Reread::Applied { present: true, applied }) => match (applied.verdict, applied.standing) {
            (Verdict::Stale, Some(standing)) if standing.state == State::Gone => {
                report("held", "deleted here, and Clerk has it: sync --force brings it back")
            }
            (Verdict::Stale, _) => report("unchanged", "the row is newer than Clerk's answer; it stays"),
            (Verdict::Stands, _) if applied.change.is_some() => {
                report("written", "the row is as Clerk says now")
            }
            _ => report("unchanged", "the row was as Clerk says already"),
        },
        Ok(Reread::Applied { present: false, .. }) => {
            report("deleted", "Clerk has no such user; the row is dealt with as [users] says")
        }
        Ok(Reread::AbsentNotYet) => match mirror.store.entry(user).await {
            Ok(None) => report("unknown", "neither Clerk nor this database has such a user"),
            _ => report(
                "unconfirmed",
                "Clerk has no such user, which does not count for one younger than 10 minutes; nothing was written, try again later",
            ),
        },
        Err(error) => Report { state: "failed", detail: error.to_string() },
    }
}
