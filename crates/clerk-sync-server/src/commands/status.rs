//! `clerk-sync status`.

use super::text::{ago, line, moment};
use crate::{
    cli::{CommandResult, Ending, wants_json},
    mirror,
    settings::Loaded,
};
use anyhow::Context as _;
use clap::ArgMatches;
use clerk_auth::clock::{Clock as _, SystemClock};
use serde_json::json;

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let (settings, mapping) = mirror::checked(loaded)?;
    let store = mirror::open_store(&settings, mapping).await?;
    let database = settings.database_url.to_string();
    let at_database = || format!("DATABASE_URL {database}");
    let schema = store.schema().await.with_context(at_database)?;
    if schema.found == 0 {
        if wants_json(matches) {
            line(
                json!({"database": database, "schema": {"found": 0, "known": schema.known}, "ready": false}),
            );
        } else {
            line(format_args!(
                "database       {database}\nschema         none yet: run clerk-sync migrate, or clerk-sync serve"
            ));
        }
        return Ok(Ending::Attention);
    }
    let summary = store.summary().await.with_context(at_database)?;
    let binding = store.binding().await.with_context(at_database)?;
    let instance = binding.map(|binding| binding.instance_id);
    if wants_json(matches) {
        line(json!({
            "database": database,
            "schema": {"found": schema.found, "known": schema.known},
            "ready": schema.is_ready(),
            "instance": instance,
            "users": {"present": summary.present, "provisional": summary.provisional, "gone": summary.gone},
            "dead_letters": summary.dead_letters,
            "last_change": summary.last_change,
            "last_event_at": summary.last_event_at,
        }));
    } else {
        let last_event = match summary.last_event_at {
            Some(at) => format!("{} ({})", moment(at), ago(SystemClock::new().now_ms() - at)),
            None => "none yet".to_owned(),
        };
        let ready = if schema.is_ready() { "" } else { ", not ready: run clerk-sync migrate" };
        line(format_args!("database       {database} ({})", store.name()));
        line(format_args!("schema         version {} of {}{ready}", schema.found, schema.known));
        line(format_args!("instance       {}", instance.as_deref().unwrap_or("not known yet")));
        line(format_args!(
            "users          {} present, {} provisional, {} deleted",
            summary.present, summary.provisional, summary.gone
        ));
        line(format_args!("changes        {}", summary.last_change));
        line(format_args!("dead letters   {}", summary.dead_letters));
        line(format_args!("last event     {last_event}"));
    }
    store.close().await;
    Ok(if schema.is_ready() { Ending::Done } else { Ending::Attention })
}
