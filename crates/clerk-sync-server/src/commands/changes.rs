//! `clerk-sync changes [--after N] [--follow]`.

use super::text::{line, moment};
use crate::{
    cli::{CommandResult, Ending, wants_json},
    mirror,
    settings::Loaded,
};
use clap::ArgMatches;
use clerk_auth::clock::{Clock as _, SystemClock};
use clerk_sync::store::FeedEntry;
use serde_json::json;
use std::time::Duration;

const PAGE: u32 = 1_000;
const POLL_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let store = mirror::open_to_look(loaded).await?;
    let mut after = matches.get_one::<i64>("after").copied().unwrap_or_default();
    let follow = matches.get_flag("follow");
    let stop = super::serve::stop_on_signal()?;
    let clock = SystemClock::new();
    loop {
        let page = store.changes(after, PAGE).await?;
        for entry in &page.entries {
            line(if wants_json(matches) { as_json(entry, &page.epoch) } else { as_text(entry) });
        }
        let more = page.entries.last().map(|entry| entry.number);
        after = more.unwrap_or(after);
        if stop.is_cancelled() || (more.is_none() && !follow) {
            return Ok(Ending::Done);
        }
        if more.is_none() {
            tokio::select! {
                () = clock.sleep(POLL_EVERY) => {}
                () = stop.cancelled() => return Ok(Ending::Done),
            }
        }
    }
}

fn as_json(entry: &FeedEntry, epoch: &str) -> String {
    json!({
        "number": entry.number,
        "user_id": entry.user.as_str(),
        "change": entry.change.name(),
        "flow": entry.flow,
        "message_id": entry.message_id,
        "updated_at": entry.updated_at,
        "as_of": entry.as_of,
        "written_at": entry.written_at,
        "epoch": epoch,
    })
    .to_string()
}

fn as_text(entry: &FeedEntry) -> String {
    let message = entry.message_id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
    format!(
        "{:>8}  {}  {:<7}  {}  by {}{message}",
        entry.number,
        moment(entry.written_at),
        entry.change.name(),
        entry.user,
        entry.flow
    )
}
