//! A flag for every setting that is no secret.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, ValueHint};

use super::definition::{DEFINITIONS, DefaultValue, Definition, Kind};

/// Adds `--config` and a flag for each setting to a command that reads the settings.
#[must_use]
pub fn with_flags(command: Command) -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("PATH")
        .help("The settings file [default: clerk-sync.toml, if it is there]")
        .help_heading("Settings")
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath);
    DEFINITIONS.iter().filter_map(flag).fold(command.arg(config), Command::arg)
}

/// The file that `--config` names.
#[must_use]
pub fn config_path(matches: &ArgMatches) -> Option<PathBuf> {
    matches.try_get_one::<PathBuf>("config").ok().flatten().cloned()
}

/// The settings that flags give, by the names of the settings.
#[must_use]
pub fn given_flags(matches: &ArgMatches) -> Vec<(&'static str, String)> {
    // A command may have been built without some flag; then nobody gave it.
    let value = |name| matches.try_get_one::<String>(name).ok().flatten();
    DEFINITIONS
        .iter()
        .filter_map(|definition| Some((definition.name, value(definition.name)?.clone())))
        .collect()
}

fn flag(definition: &Definition) -> Option<Arg> {
    let arg = Arg::new(definition.name)
        .long(definition.flag()?)
        .value_name(placeholder(definition.kind))
        .help(help(definition))
        .help_heading("Settings");
    Some(arg)
}

fn help(definition: &Definition) -> String {
    let mut help = format!("{} [{}", definition.doc.replace('`', ""), definition.name);
    match definition.default {
        DefaultValue::Text(text) => help.push_str(&format!("; default: {text}]")),
        DefaultValue::Described(text) => help.push_str(&format!("; default: {}]", text.replace('`', ""))),
    }
    help
}

fn placeholder(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Secret => "TEXT",
        Kind::List => "LIST",
        Kind::Url | Kind::DatabaseUrl => "URL",
        Kind::Address => "ADDRESS",
        Kind::Duration => "DURATION",
        Kind::Number => "NUMBER",
        Kind::Choice(_) => "WORD",
    }
}
