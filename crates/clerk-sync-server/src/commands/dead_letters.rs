//! `clerk-sync dead-letters list|show|replay|drop`.

use super::text::{line, moment};
use crate::{
    cli::{CommandResult, Ending, Usage, load, migrates, wants_json},
    mirror::{self, Mirror},
    telemetry,
};
use anyhow::Context as _;
use clap::ArgMatches;
use clerk_sync::{engine::Replay, store::DeadLetter, user_id::UserId};
use serde_json::{Value, json};
use std::time::Duration;

const PAGE: u32 = 500;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(matches: &ArgMatches) -> CommandResult {
    match matches.subcommand() {
        Some(("list", matches)) => list(matches).await,
        Some(("show", matches)) => show(matches).await,
        Some(("replay", matches)) => replay(matches).await,
        Some(("drop", matches)) => forget(matches).await,
        _ => Err(Usage("no command given: see clerk-sync dead-letters --help".to_owned()).into()),
    }
}

fn number(matches: &ArgMatches) -> i64 {
    matches.get_one::<i64>("number").copied().unwrap_or_default()
}

fn no_such(number: i64) -> Usage {
    Usage(format!("there is no dead letter {number}: see clerk-sync dead-letters list"))
}

async fn list(matches: &ArgMatches) -> CommandResult {
    let store = mirror::open_to_look(load(matches)?).await?;
    let mut after = 0;
    let mut any = false;
    loop {
        let page = store.dead_letters(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        any = true;
        for letter in &page {
            if wants_json(matches) {
                line(as_json(letter));
            } else {
                let user = letter.letter.user.as_ref().map_or("no user", UserId::as_str);
                let buried_at = moment(letter.letter.buried_at);
                line(format_args!(
                    "{:>6}  {buried_at}  {}  {user}  {}",
                    letter.number, letter.letter.event_type, letter.letter.reason
                ));
            }
        }
    }
    if !any && !wants_json(matches) {
        line("no dead letters");
    }
    Ok(Ending::Done)
}

async fn show(matches: &ArgMatches) -> CommandResult {
    let number = number(matches);
    let letter = mirror::open_to_look(load(matches)?)
        .await?
        .dead_letter(number)
        .await?
        .ok_or_else(|| no_such(number))?;
    if wants_json(matches) {
        line(as_json(&letter));
        return Ok(Ending::Done);
    }
    let DeadLetter { number, letter } = letter;
    line(format_args!("number    {number}"));
    line(format_args!("event     {}", letter.event_type));
    line(format_args!("message   {}", letter.message_id.as_deref().unwrap_or("unknown")));
    line(format_args!("user      {}", letter.user.as_ref().map_or("none", UserId::as_str)));
    line(format_args!("kept at   {}", moment(letter.buried_at)));
    line(format_args!("reason    {}", letter.reason));
    line(format_args!("mapped    {}", letter.mapped.as_deref().unwrap_or("nothing that could be read")));
    Ok(Ending::Done)
}

fn as_json(letter: &DeadLetter) -> Value {
    let kept = &letter.letter;
    json!({
        "number": letter.number,
        "message_id": kept.message_id,
        "event_type": kept.event_type,
        "user_id": kept.user.as_ref().map(UserId::as_str),
        "reason": kept.reason,
        "mapped": kept.mapped.as_deref().and_then(|mapped| serde_json::from_str::<Value>(mapped).ok()),
        "buried_at": kept.buried_at,
    })
}

async fn replay(matches: &ArgMatches) -> CommandResult {
    let number = number(matches);
    let (settings, mapping) = mirror::checked(load(matches)?)?;
    telemetry::start(&settings.log, settings.log_format);
    let store = mirror::ready_store(&settings, mapping, migrates(matches)).await?;
    let mirror = Mirror::start("dead-letters", &settings, store)?;
    mirror.bind().await?;
    mirror.join();
    let replayed = mirror.engine.replay(number, PATIENCE).await;
    mirror.shut_down().await;
    let replayed =
        replayed.with_context(|| format!("dead letter {number} stays"))?.ok_or_else(|| no_such(number))?;
    let (result, detail, ending) = match replayed {
        Replay::Applied { present: true } => {
            ("applied", "the row is as Clerk says; the letter is gone", Ending::Done)
        }
        Replay::Applied { present: false } => (
            "applied",
            "Clerk has no such user; the row is dealt with as [users] says, and the letter is gone",
            Ending::Done,
        ),
        Replay::NoUser => {
            ("no_user", "the event names no user, so there is nobody to read: drop it", Ending::Attention)
        }
        Replay::AbsentNotYet => (
            "unconfirmed",
            "Clerk has no such user, which does not count for one that is unknown here or younger than 10 minutes; the letter stays: try later, or drop it",
            Ending::Attention,
        ),
    };
    if wants_json(matches) {
        line(json!({"number": number, "result": result, "detail": detail}));
    } else {
        line(detail);
    }
    Ok(ending)
}

async fn forget(matches: &ArgMatches) -> CommandResult {
    let number = number(matches);
    if !mirror::open_to_look(load(matches)?).await?.drop_dead_letter(number).await? {
        return Err(no_such(number).into());
    }
    if wants_json(matches) {
        line(json!({"number": number, "result": "dropped"}));
    } else {
        line(format_args!("dead letter {number} is dropped"));
    }
    Ok(Ending::Done)
}
