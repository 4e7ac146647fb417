//! `clerk-sync config check|print|example`.

use super::text::line;
use crate::{
    cli::{CommandResult, Ending, Usage, load, wants_json},
    settings, table,
};
use clap::ArgMatches;

pub(crate) fn run(matches: &ArgMatches) -> CommandResult {
    match matches.subcommand() {
        Some(("check", matches)) => check(matches),
        Some(("print", matches)) => print(matches),
        Some(("example", _)) => {
            line(settings::example().trim_end());
            Ok(Ending::Done)
        }
        _ => Err(Usage("no command given: see clerk-sync config --help".to_owned()).into()),
    }
}

fn check(matches: &ArgMatches) -> CommandResult {
    let mut loaded = load(matches)?;
    let _ = table::mapping(&mut loaded);
    if wants_json(matches) {
        line(loaded.check_json());
    } else {
        line(loaded.check_text().trim_end());
    }
    Ok(if loaded.problems.is_empty() { Ending::Done } else { Ending::Attention })
}

fn print(matches: &ArgMatches) -> CommandResult {
    let loaded = load(matches)?;
    if wants_json(matches) {
        line(loaded.print_json());
    } else {
        line(loaded.print_text().trim_end());
    }
    Ok(Ending::Done)
}
