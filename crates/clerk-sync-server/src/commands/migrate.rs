//! `clerk-sync migrate [--print [--from VERSION]]`.

use super::text::line;
use crate::{
    cli::{CommandResult, Ending, wants_json},
    mirror,
    settings::Loaded,
};
use anyhow::Context as _;
use clap::ArgMatches;
use serde_json::json;

pub(crate) async fn run(loaded: Loaded, matches: &ArgMatches) -> CommandResult {
    let (settings, mapping) = mirror::checked(loaded)?;
    let store = mirror::open_store(&settings, mapping).await?;
    if matches.get_flag("print") {
        let sql = match matches.get_one::<i32>("from") {
            Some(0) | None => store.migration_sql(),
            Some(version) => store.migration_sql_from(*version),
        };
        if sql.is_empty() {
            line("-- nothing to do: this program knows no newer schema");
        } else {
            line(sql.trim_end());
        }
        return Ok(Ending::Done);
    }
    let done = store.migrate().await.with_context(|| format!("DATABASE_URL {}", settings.database_url))?;
    if wants_json(matches) {
        line(json!({"done": done}));
    } else if done.is_empty() {
        line("nothing to do: the schema is up to date");
    } else {
        done.iter().for_each(line);
    }
    store.close().await;
    Ok(Ending::Done)
}
