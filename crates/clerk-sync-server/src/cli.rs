//! The command line: what can be typed, and what the exit codes mean.

use crate::{
    commands,
    settings::{self, Loaded, Sources, config_path, given_flags, process_environment, with_flags},
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clerk_sync::user_id::UserId;
use std::{fmt, process::ExitCode};

/// Something a person can mend by typing or setting something else. Exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All done: 0.
    Done,
    /// Done, and something is left for a person to look at: 2.
    Attention,
}

pub(crate) type CommandResult = anyhow::Result<Ending>;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("clerk-sync: starting the runtime: {error}");
            return ExitCode::from(1);
        }
    };
    let result = runtime.block_on(run(&matches));
    // What still waits on the network or a disk must not hold up the end.
    runtime.shutdown_background();
    match result {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Attention) => ExitCode::from(2),
        Err(error) => {
            eprintln!("clerk-sync: {error:#}");
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

async fn run(matches: &ArgMatches) -> CommandResult {
    match matches.subcommand() {
        Some(("serve", matches)) => commands::serve::run(load(matches)?, migrates(matches)).await,
        Some(("dev", matches)) => crate::dev::run(matches).await,
        Some(("emulate", matches)) => commands::emulate::run(matches).await,
        Some(("migrate", matches)) => commands::migrate::run(load(matches)?, matches).await,
        Some(("backfill", matches)) => commands::backfill::run(load(matches)?, matches).await,
        Some(("reconcile", matches)) => commands::reconcile::run(load(matches)?, matches).await,
        Some(("sync", matches)) => commands::sync::run(load(matches)?, matches).await,
        Some(("status", matches)) => commands::status::run(load(matches)?, matches).await,
        Some(("doctor", matches)) => commands::doctor::run(matches).await,
        Some(("changes", matches)) => commands::changes::run(load(matches)?, matches).await,
        Some(("dead-letters", matches)) => commands::dead_letters::run(matches).await,
        Some(("deletions", matches)) => commands::deletions::run(matches).await,
        Some(("config", matches)) => commands::config::run(matches),
        // clap demands a subcommand.
        _ => Err(Usage("no command given: see clerk-sync --help".to_owned()).into()),
    }
}

/// Reads the settings from wherever they may stand.
pub(crate) fn load(matches: &ArgMatches) -> anyhow::Result<Loaded> {
    Ok(settings::load(&sources(matches)?))
}

/// Where settings may stand.
pub(crate) fn sources(matches: &ArgMatches) -> anyhow::Result<Sources> {
    let sources =
        Sources::collect(given_flags(matches), process_environment(), config_path(matches).as_deref());
    Ok(sources.map_err(|problem| Usage(problem.to_string()))?)
}

pub(crate) fn wants_json(matches: &ArgMatches) -> bool {
    matches.get_flag("json")
}

pub(crate) fn migrates(matches: &ArgMatches) -> bool {
    !matches.get_flag("no-migrate")
}

/// The users that were named.
pub(crate) fn users(matches: &ArgMatches) -> Result<Vec<UserId>, Usage> {
    let ids = matches.get_many::<String>("user").unwrap_or_default();
    let read = |id| UserId::try_new(id).map_err(|error| Usage(format!("{id:?} is no user id: {error}")));
    ids.map(|id: &String| read(id)).collect()
}

fn json_flag() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Answer in JSON")
}

fn no_migrate_flag() -> Arg {
    Arg::new("no-migrate")
        .long("no-migrate")
        .action(ArgAction::SetTrue)
        .help("Refuse to work on an older schema instead of migrating it")
}

fn number_arg() -> Arg {
    Arg::new("number")
        .value_name("NUMBER")
        .required(true)
        .value_parser(value_parser!(i64))
        .help("Its number, as listed")
}

fn users_arg() -> Arg {
    Arg::new("user").value_name("USER_ID").required(true).num_args(1..).help("Clerk's user ids, user_...")
}

/// Everything that can be typed.
fn command() -> Command {
    Command::new("clerk-sync")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Keeps your own users table equal to Clerk")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_flags(
            Command::new("serve").about("Takes webhooks and keeps the table fresh").arg(no_migrate_flag()),
        ))
        .subcommand(dev_command())
        .subcommand(emulate_command())
        .subcommand(with_flags(
            Command::new("migrate")
                .about("Brings the database's schema to this version")
                .arg(json_flag())
                .arg(
                    Arg::new("print")
                        .long("print")
                        .action(ArgAction::SetTrue)
                        .help("Print the SQL for an empty database instead"),
                )
                .arg(
                    Arg::new("from")
                        .long("from")
                        .value_name("VERSION")
                        .requires("print")
                        .value_parser(value_parser!(i32).range(0..))
                        .help("Print what is newer than this version of the schema"),
                ),
        ))
        .subcommand(backfill_command())
        .subcommand(reconcile_command())
        .subcommand(with_flags(
            Command::new("sync")
                .about("Reads users from Clerk and writes their rows")
                .arg(users_arg())
                .arg(
                    Arg::new("force")
                        .long("force")
                        .action(ArgAction::SetTrue)
                        .help("Lift a tombstone, if Clerk has the user"),
                )
                .arg(json_flag())
                .arg(no_migrate_flag()),
        ))
        .subcommand(with_flags(
            Command::new("status").about("Shows what the database holds").arg(json_flag()),
        ))
        .subcommand(with_flags(
            Command::new("doctor")
                .about("Checks settings, Clerk, database and public address, and says what to do")
                .arg(json_flag()),
        ))
        .subcommand(with_flags(
            Command::new("changes")
                .about("Prints the change feed")
                .arg(
                    Arg::new("after")
                        .long("after")
                        .value_name("N")
                        .default_value("0")
                        .value_parser(value_parser!(i64))
                        .help("Only changes with a greater number"),
                )
                .arg(
                    Arg::new("follow")
                        .long("follow")
                        .action(ArgAction::SetTrue)
                        .help("Go on as changes come"),
                )
                .arg(json_flag()),
        ))
        .subcommand(dead_letters_command())
        .subcommand(deletions_command())
        .subcommand(config_command())
}

fn backfill_command() -> Command {
    with_flags(
        Command::new("backfill")
            .about("Imports every user, or goes on where an import was interrupted")
            .arg(
                Arg::new("parallel")
                    .long("parallel")
                    .value_name("N")
                    .default_value("1")
                    .value_parser(value_parser!(u8).range(1..=64))
                    .help("Pages under way at once: Clerk's latency binds less, its rate limit as before"),
            )
            .arg(
                Arg::new("dry-run")
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .conflicts_with("parallel")
                    .help("Tell whose rows are there, whose would be linked or made, and write nothing"),
            )
            .arg(json_flag())
            .arg(no_migrate_flag()),
    )
}

fn reconcile_command() -> Command {
    with_flags(
        Command::new("reconcile")
            .about("Compares every user with Clerk now, and repairs what differs")
            .arg(
                Arg::new("dry-run")
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .help("Print each difference and write nothing; exit 2 if there is any"),
            )
            .arg(
                Arg::new("show-values")
                    .long("show-values")
                    .action(ArgAction::SetTrue)
                    .requires("dry-run")
                    .help("Print the values that differ, too"),
            )
            .arg(
                Arg::new("confirm-deletes")
                    .long("confirm-deletes")
                    .value_name("N")
                    .value_parser(value_parser!(u64))
                    .help("Delete up to N users whom Clerk does not have, though they are more than CLERK_SYNC_MAX_DELETES"),
            )
            .arg(json_flag())
            .arg(no_migrate_flag()),
    )
}

fn dev_command() -> Command {
    Command::new("dev")
        .about("A sample app, a local Clerk and clerk-sync in one process, without keys or internet")
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .default_value("3000")
                .value_parser(value_parser!(u16))
                .help("The sample app's port; Clerk and clerk-sync take the next three. 0: any free ones"),
        )
        .arg(
            Arg::new("database-url")
                .long("database-url")
                .value_name("URL")
                .help("Where the table lives [default: sqlite://clerk-sync-dev.db, emptied at each start]"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print the addresses as one line of JSON"),
        )
}

fn emulate_command() -> Command {
    Command::new("emulate")
        .about("The local Clerk alone: keys from the environment, or made up and printed")
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .default_value("127.0.0.1:3001")
                .value_parser(value_parser!(std::net::SocketAddr))
                .help("Where it listens"),
        )
        .arg(Arg::new("webhook-url").long("webhook-url").value_name("URL").help("Where its webhooks go"))
        .arg(
            Arg::new("requests-per-10s")
                .long("requests-per-10s")
                .value_name("N")
                .default_value("100")
                .value_parser(value_parser!(u32).range(1..))
                .help("Its rate limit"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print address and keys as one line of JSON"),
        )
}

fn dead_letters_command() -> Command {
    Command::new("dead-letters")
        .about("Events that verify but cannot be applied")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_flags(Command::new("list").about("Lists them, oldest first").arg(json_flag())))
        .subcommand(with_flags(Command::new("show").about("Shows one").arg(number_arg()).arg(json_flag())))
        .subcommand(with_flags(
            Command::new("replay")
                .about("Reads its user from Clerk again and, if that works, drops it")
                .arg(number_arg())
                .arg(json_flag())
                .arg(no_migrate_flag()),
        ))
        .subcommand(with_flags(
            Command::new("drop")
                .about("Forgets one")
                .arg(number_arg())
                .arg(json_flag())
                .arg(no_migrate_flag()),
        ))
}

fn deletions_command() -> Command {
    Command::new("deletions")
        .about("Deletions that [users] delete_after holds back")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_flags(
            Command::new("list").about("Lists them, and those that were cancelled").arg(json_flag()),
        ))
        .subcommand(with_flags(
            Command::new("cancel")
                .about("Leaves users' rows in the table for good")
                .arg(users_arg())
                .arg(json_flag())
                .arg(no_migrate_flag()),
        ))
        .subcommand(with_flags(
            Command::new("run")
                .about("Does what was held back now, cancelled or not")
                .arg(users_arg())
                .arg(json_flag())
                .arg(no_migrate_flag()),
        ))
}

fn config_command() -> Command {
    Command::new("config")
        .about("Looks at the settings")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_flags(Command::new("check").about("Says what is wrong with them").arg(json_flag())))
        .subcommand(with_flags(
            Command::new("print").about("Prints them with their sources, without secrets").arg(json_flag()),
        ))
        .subcommand(
            Command::new("example").about("Prints a settings file with every setting and its default"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn no_secret_but_a_database_url_has_a_flag() {
        let serve = command().find_subcommand("serve").expect("the command").clone();
        let flags: Vec<&str> = serve.get_arguments().filter_map(Arg::get_long).collect();
        assert!(
            flags.contains(&"database-url") && flags.contains(&"listen") && flags.contains(&"clerk-api-url")
        );
        assert!(
            !flags
                .iter()
                .any(|flag| flag.contains("secret") || flag.contains("token") || flag.contains("jwt"))
        );
    }
}
