//! Flags, environment, file: which comes first, and what is not ours.

use std::path::Path;

use super::*;

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let in_file = || file("CLERK_SYNC_LISTEN = \"127.0.0.1:1\"\n");
    let in_environment = || in_file().env("CLERK_SYNC_LISTEN", "127.0.0.1:2");
    let with_flag = || in_environment().flag("CLERK_SYNC_LISTEN", "127.0.0.1:3");
    for (given, expected) in [
        (Given::default(), "127.0.0.1:8787 (default)"),
        (in_file(), "127.0.0.1:1 (clerk-sync.toml:1)"),
        (in_environment(), "127.0.0.1:2 (environment)"),
        (with_flag(), "127.0.0.1:3 (--listen)"),
        (in_file().env("CLERK_SYNC_LISTEN", " "), "127.0.0.1:1 (clerk-sync.toml:1)"),
        (in_environment().flag("CLERK_SYNC_LISTEN", ""), "127.0.0.1:2 (environment)"),
        (file("CLERK_SYNC_LISTEN = \"\""), "127.0.0.1:8787 (default)"),
    ] {
        assert_eq!(shown(&given.load(), "CLERK_SYNC_LISTEN"), expected);
        given.settings();
    }
}

#[test]
fn only_the_value_that_counts_is_looked_at() {
    file("CLERK_SYNC_LISTEN = \"nonsense\"").env("CLERK_SYNC_LISTEN", "127.0.0.1:2").settings();
}

#[test]
fn unknown_variables_of_ours_are_refused_and_others_ignored() {
    let problem = env("CLERK_SYNC_LISTN", "MARKER").problem();
    assert_eq!(problem, "unknown variable \"CLERK_SYNC_LISTN\": did you mean CLERK_SYNC_LISTEN?");
    let problem = env("CLERK_SYNC_FROBNICATE", "MARKER").problem();
    assert!(problem.contains("remove it, or see `clerk-sync config example`"), "{problem}");
    let problem = env("CLERK_SYNC_LISTEN_FILE", "/MARKER").problem();
    assert!(problem.ends_with("CLERK_SYNC_LISTEN is no secret and has no _FILE form"), "{problem}");
    env("CLERK_TELEMETRY_DISABLED", "1")
        .env("NEXT_PUBLIC_CLERK_SIGN_IN_URL", "nonsense")
        .env("CLERK_SYNC_UNKNOWN_BUT_EMPTY", "")
        .env("PATH", "/bin")
        .settings();
}

#[test]
fn the_name_that_next_js_uses_is_accepted() {
    let given = env("NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY", PUBLISHABLE_KEY);
    assert!(given.settings().clerk_publishable_key.is_some());
    assert!(
        shown(&given.load(), "CLERK_PUBLISHABLE_KEY")
            .ends_with("(NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY in the environment)")
    );
    let given = given.env("CLERK_PUBLISHABLE_KEY", "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k");
    assert_eq!(given.settings().environment(), Some(Environment::Production));
    let problem = env("NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY", "pk_test_x").problem();
    let start =
        "CLERK_PUBLISHABLE_KEY (NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY in the environment) cannot be used: ";
    assert!(problem.starts_with(start), "{problem}");
}

#[test]
fn secrets_come_from_files_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, format!("{SECRET_KEY}\r\n")).unwrap();
    let path = path.to_str().unwrap();
    let given = env("CLERK_SECRET_KEY_FILE", path);
    assert_eq!(given.settings().clerk_secret_key.unwrap().expose_secret(), SECRET_KEY);
    let source = format!("(set) ({path}, named by CLERK_SECRET_KEY_FILE in the environment)");
    assert_eq!(shown(&given.load(), "CLERK_SECRET_KEY"), source);
    let in_file = file(&format!("CLERK_SECRET_KEY_FILE = '{path}'"));
    assert_eq!(in_file.settings().clerk_secret_key.unwrap().expose_secret(), SECRET_KEY);
    // Each source decides alone: the environment comes before the file, in whichever form.
    let both = in_file.env("CLERK_SECRET_KEY", "sk_live_other");
    assert_eq!(both.settings().environment(), Some(Environment::Production));

    let problem = env("CLERK_SECRET_KEY_FILE", path).env("CLERK_SECRET_KEY", "sk_test_MARKER").problem();
    assert_eq!(
        problem,
        "CLERK_SECRET_KEY (environment) is set twice, as itself and as CLERK_SECRET_KEY_FILE in the environment: keep one"
    );
    std::fs::write(directory.path().join("empty"), "\n").unwrap();
    std::fs::write(directory.path().join("wrong"), "MARKER").unwrap();
    for (name, says) in [
        ("missing", "cannot be read: "),
        ("empty", "is empty"),
        ("", "must be a file"),
        ("wrong", "must be a Clerk"),
    ] {
        let path = directory.path().join(name);
        let problem = env("CLERK_SECRET_KEY_FILE", path.to_str().unwrap()).problem();
        assert!(problem.starts_with("CLERK_SECRET_KEY (/") && problem.contains(says), "{problem}");
    }
}

#[test]
fn the_file_is_found_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mine.toml");
    let problem = Sources::collect(Vec::new(), Vec::new(), Some(&path)).unwrap_err().to_string();
    assert!(
        problem.starts_with("--config: the settings file ") && problem.contains("cannot be read"),
        "{problem}"
    );
    std::fs::write(&path, "CLERK_SYNC_LOG = \"debug\"\n").unwrap();
    let sources = Sources::collect(Vec::new(), Vec::new(), Some(&path)).unwrap();
    assert_eq!(load(&sources).into_settings().unwrap().log, "debug");
    // There is none in the directory of this crate.
    assert!(Sources::collect(Vec::new(), Vec::new(), None).unwrap().file.is_none());
    assert!(Sources::collect(Vec::new(), Vec::new(), Some(Path::new("/"))).is_err());
}

#[test]
fn flags_exist_for_all_but_secrets() {
    let command = with_flags(clap::Command::new("serve"));
    command.clone().debug_assert();
    let arguments = ["serve", "--listen", "127.0.0.1:1", "--clerk-api-url=http://localhost:3001"];
    let more = ["--database-url", "sqlite::memory:", "--config", "x.toml", "--max-deletes", "5%"];
    let matches = command.clone().try_get_matches_from(arguments.into_iter().chain(more)).unwrap();
    assert_eq!(config_path(&matches).unwrap(), Path::new("x.toml"));
    let given = given_flags(&matches);
    let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["CLERK_API_URL", "DATABASE_URL", "CLERK_SYNC_LISTEN", "CLERK_SYNC_MAX_DELETES"]);
    let settings = load(&Sources { flags: given, ..Sources::default() }).into_settings().unwrap();
    assert_eq!(settings.database_url.to_string(), "sqlite://:memory:");
    for flag in ["--clerk-secret-key", "--clerk-webhook-signing-secret", "--clerk-jwt-key", "--admin-token"] {
        assert!(command.clone().try_get_matches_from(["serve", flag, "x"]).is_err(), "{flag}");
    }
    // A command without the flags gives none.
    let matches = clap::Command::new("x").try_get_matches_from(["x"]).unwrap();
    assert_eq!((given_flags(&matches), config_path(&matches)), (Vec::new(), None));
}

#[test]
fn debug_output_of_sources_holds_no_values() {
    let given =
        env("CLERK_SECRET_KEY", SECRET_KEY).file(SECRET_KEY).flag("DATABASE_URL", "postgres://u:MARKER@h/d");
    assert!(!format!("{:?}", given.sources).contains("MARKER"));
}
