//! `clerk-sync deletions list|cancel|run`.

use super::text::{line, moment};
use crate::{
    cli::{CommandResult, Ending, Usage, load, migrates, users, wants_json},
    mirror, telemetry,
};
use clap::ArgMatches;
use clerk_sync::{
    store::{CarryOut, PendingDeletion, Store, StoreError},
    user_id::UserId,
};
use serde_json::{Value, json};
use std::sync::Arc;

const PAGE: u32 = 500;

pub(crate) async fn run(matches: &ArgMatches) -> CommandResult {
    match matches.subcommand() {
        Some(("list", matches)) => list(matches).await,
        Some(("cancel", matches)) => change(matches, Change::Cancel).await,
        Some(("run", matches)) => change(matches, Change::CarryOut).await,
        _ => Err(Usage("no command given: see clerk-sync deletions --help".to_owned()).into()),
    }
}

async fn list(matches: &ArgMatches) -> CommandResult {
    let store = mirror::open_to_look(load(matches)?).await?;
    let mut last: Option<UserId> = None;
    loop {
        let page = store.pending_deletions(last.as_ref(), PAGE).await?;
        for pending in &page {
            if wants_json(matches) {
                line(as_json(pending));
            } else {
                let due = pending.due_at.map_or("cancelled: the row stays".to_owned(), moment);
                line(format_args!("{}  {due}", pending.user));
            }
        }
        let Some(end) = page.into_iter().next_back() else { break };
        last = Some(end.user);
    }
    if last.is_none() && !wants_json(matches) {
        line("no deletion is held back");
    }
    Ok(Ending::Done)
}

fn as_json(pending: &PendingDeletion) -> Value {
    json!({
        "user_id": pending.user.as_str(),
        "due_at": pending.due_at,
        "cancelled": pending.due_at.is_none(),
    })
}

#[derive(Clone, Copy)]
enum Change {
    Cancel,
    CarryOut,
}

impl Change {
    /// False if nothing is held back.
    async fn make(self, store: &Arc<dyn Store>, user: &UserId) -> Result<bool, StoreError> {
        match self {
            Self::Cancel => store.cancel_deletion(user).await,
            Self::CarryOut => {
                let done = store.carry_out(std::slice::from_ref(user), CarryOut::Now).await?;
                Ok(!done.is_empty())
            }
        }
    }

    /// The result and what it means.
    fn done(self) -> (&'static str, String) {
        let (result, detail) = match self {
            Self::Cancel => ("cancelled", "the row stays for good, and the user stays deleted"),
            Self::CarryOut => ("done", "what was held back is done"),
        };
        (result, detail.to_owned())
    }
}

async fn change(matches: &ArgMatches, change: Change) -> CommandResult {
    let users = users(matches)?;
    let (settings, mapping) = mirror::checked(load(matches)?)?;
    telemetry::start(&settings.log, settings.log_format);
    let store = mirror::ready_store(&settings, mapping, migrates(matches)).await?;
    let (mut missing, mut failed) = (false, false);
    for user in &users {
        let (result, detail) = match change.make(&store, user).await {
            Ok(true) => change.done(),
            Ok(false) => {
                missing = true;
                ("none", "no deletion is held back: see clerk-sync deletions list".to_owned())
            }
            Err(error) => {
                failed = true;
                ("failed", error.to_string())
            }
        };
        if wants_json(matches) {
            line(json!({"user_id": user.as_str(), "result": result, "detail": detail}));
        } else {
            line(format_args!("{user}: {detail}"));
        }
    }
    store.close().await;
    if failed {
        anyhow::bail!("not every deletion could be changed");
    }
    Ok(if missing { Ending::Attention } else { Ending::Done })
}
