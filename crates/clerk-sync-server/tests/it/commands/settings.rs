//! `config check|print|example`, and settings that are wrong or missing.

use crate::harness::{Clerk, Database, Setup};
use insta::assert_snapshot;
use rstest::rstest;
use serde_json::Value;

#[tokio::test]
async fn check_says_what_is_set_and_what_is_wrong() {
    let setup = Setup::bare();
    assert_snapshot!(setup.output(&["config", "check"]).await, @"All other settings have their defaults (25).");
    let setup = setup
        .set("CLERK_SECRET_KEY", "sk_test_abcdefgh")
        .set("DATABASE_URL", "postgres://app:hunter2@db.example/app")
        .set("CLERK_SYNC_SCRUB_EVERY", "12h")
        .set("UNRELATED", "ignored")
        .set("CLERK_TELEMETRY_DISABLED", "1");
    let good = setup.output(&["config", "check"]).await;
    assert_snapshot!(&good, @r"
    CLERK_SECRET_KEY        ok (environment)
    DATABASE_URL            ok (environment)
    CLERK_SYNC_SCRUB_EVERY  ok (environment)
    All other settings have their defaults (22).
    ");
    let setup = setup
        .set("CLERK_SYNC_LISTEN", "nowhere")
        .config("CLERK_SYNC_LOG_FORMAT = \"xml\"\n[users]\ncreate = 1\n");
    let wrong = setup.run(&["config", "check"]).await;
    assert_eq!(wrong.code, Some(2));
    assert_snapshot!(&wrong.out, @r#"
    CLERK_SECRET_KEY        ok (environment)
    DATABASE_URL            ok (environment)
    CLERK_SYNC_LISTEN       wrong, see below (environment)
    CLERK_SYNC_SCRUB_EVERY  ok (environment)
    CLERK_SYNC_LOG_FORMAT   wrong, see below (clerk-sync.toml:1)
    [users]                 read (clerk-sync.toml)
    All other settings have their defaults (20).
    problem: clerk-sync.toml:3: [users] create must be true or false, without quotes
    problem: CLERK_SYNC_LISTEN (environment) must be an IP address and a port, such as 127.0.0.1:8787 or [::]:8787; it is "nowhere"
    problem: CLERK_SYNC_LOG_FORMAT (clerk-sync.toml:1) must be `text` or `json`; it is "xml"
    "#);
    let json = setup.run(&["config", "check", "--json"]).await;
    assert_eq!(json.code, Some(2));
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["problems"].as_array().unwrap().len(), 3);
    assert!(!format!("{wrong:?}{json}{good}").contains("hunter2"));
}

#[tokio::test]
async fn check_looks_at_the_columns_too() {
    let setup =
        Setup::bare().config("[users.columns]\nclerk_id = \"id\"\nnote = \"private_metadata.note\"\n");
    let wrong = setup.run(&["config", "check"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.out.contains("private_metadata"), "{wrong:?}");
    let setup = Setup::bare().config("[users.columns]\nemail = \"primary_email_address\"\n");
    let wrong = setup.run(&["config", "check"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.out.contains("problem: ") && wrong.out.contains("id"), "{wrong:?}");
}

#[tokio::test]
async fn print_shows_every_setting_and_no_secret() {
    let setup = Setup::bare()
        .set("CLERK_SECRET_KEY", "sk_test_abcdefgh")
        .set("CLERK_SYNC_ADMIN_TOKEN", "0123456789abcdef0123")
        .set("DATABASE_URL", "mysql://app:hunter2@db.example/app")
        .config("CLERK_WEBHOOK_SIGNING_SECRET = \"whsec_YWJjZGVmZ2hpamts\"\n");
    let arguments = ["config", "print", "--listen", "127.0.0.1:9"];
    let text = setup.output(&arguments).await;
    for line in [
        "CLERK_SECRET_KEY             = (set)  (environment)",
        "CLERK_WEBHOOK_SIGNING_SECRET = (set)  (clerk-sync.toml:1)",
        "CLERK_SYNC_LISTEN            = 127.0.0.1:9  (--listen)",
        "CLERK_SYNC_ADMIN_TOKEN       = (set)  (environment)",
    ] {
        assert!(text.lines().any(|printed| printed == line), "{line}\n{text}");
    }
    let json: Value = serde_json::from_str(&setup.output(&["config", "print", "--json"]).await).unwrap();
    assert_eq!(json["settings"][0]["name"], "CLERK_SECRET_KEY");
    assert_eq!(json["settings"][0]["value"], Value::Null);
    assert_eq!(json["users"]["table"], "users");
    for hidden in ["hunter2", "whsec_", "YWJjZGVm", "sk_test_", "0123456789abcdef"] {
        assert!(!text.contains(hidden) && !json.to_string().contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn the_example_is_a_file_that_changes_nothing() {
    let example = Setup::bare().output(&["config", "example"]).await;
    let before = Setup::bare().output(&["config", "print", "--json"]).await;
    let setup = Setup::bare().config(&example);
    setup.output(&["config", "check"]).await;
    let after = setup.output(&["config", "print", "--json"]).await;
    let settings = |text: &str| serde_json::from_str::<Value>(text).unwrap()["settings"].clone();
    assert_eq!(settings(&before), settings(&after));
}

#[rstest]
#[case::secret_key(
    "CLERK_SECRET_KEY",
    "pk_test_abc",
    "CLERK_SECRET_KEY (environment) must be the secret key"
)]
#[case::signing_secret(
    "CLERK_WEBHOOK_SIGNING_SECRET",
    "MARKER",
    "CLERK_WEBHOOK_SIGNING_SECRET (environment) must be whsec_"
)]
#[case::api_url("CLERK_API_URL", "http://clerk.example", "CLERK_API_URL (environment)")]
#[case::database(
    "DATABASE_URL",
    "postgres://u:MARKER@h/d?sslmod=require",
    "DATABASE_URL (environment) cannot be used"
)]
#[case::database_kind("DATABASE_URL", "oracle://u:MARKER@h/d", "DATABASE_URL (environment) cannot be used")]
#[case::listen(
    "CLERK_SYNC_LISTEN",
    "8787",
    "CLERK_SYNC_LISTEN (environment) must be an IP address and a port"
)]
#[case::admin("CLERK_SYNC_ADMIN_LISTEN", "0.0.0.0:8788", "CLERK_SYNC_ADMIN_TOKEN")]
#[case::admin_token(
    "CLERK_SYNC_ADMIN_TOKEN",
    "MARKER",
    "CLERK_SYNC_ADMIN_TOKEN (environment) must be at least 16 characters"
)]
#[case::tombstones("CLERK_SYNC_KEEP_TOMBSTONES", "1d", "CLERK_SYNC_KEEP_TOMBSTONES (environment)")]
#[case::log_format("CLERK_SYNC_LOG_FORMAT", "xml", "CLERK_SYNC_LOG_FORMAT (environment)")]
#[case::unknown("CLERK_SYNC_LISTENN", "MARKER", "did you mean CLERK_SYNC_LISTEN?")]
#[case::unknown_at_all("CLERK_SYNC_FROBNICATE", "MARKER", "CLERK_SYNC_FROBNICATE")]
#[case::missing_file("CLERK_SECRET_KEY_FILE", "/nowhere/at/all", "CLERK_SECRET_KEY")]
#[tokio::test]
async fn a_wrong_setting_is_one_clear_sentence(#[case] name: &str, #[case] value: &str, #[case] says: &str) {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let good = Setup::new(&clerk, &database);
    let setup = match name {
        "CLERK_SECRET_KEY_FILE" => good.unset("CLERK_SECRET_KEY"),
        _ => good,
    }
    .set(name, value);
    for arguments in [&["serve"][..], &["sync", "user_ada"], &["migrate"], &["status"]] {
        let finished = setup.run(arguments).await;
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.err.starts_with("clerk-sync: ") && finished.err.contains(says), "{finished:?}");
        assert_eq!(finished.err.lines().count(), 1, "{finished:?}");
        assert!(!finished.err.contains("MARKER"), "{finished:?}");
        assert!(finished.out.is_empty());
    }
    assert!(!database.file().exists(), "nothing is half-done");
}

#[tokio::test]
async fn a_missing_key_is_asked_for_by_name() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database).unset("CLERK_SECRET_KEY");
    for arguments in [&["serve"][..], &["sync", "user_ada"], &["dead-letters", "replay", "1"]] {
        let finished = setup.run(arguments).await;
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.err.contains("CLERK_SECRET_KEY is not set: copy it from"), "{finished:?}");
    }
    // What only looks at the database needs no key.
    setup.output(&["migrate"]).await;
    setup.output(&["status"]).await;
}

#[tokio::test]
async fn secrets_come_from_files_as_well() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let key = format!("{}\n", clerk.config().secret_key);
    let setup = Setup::new(&clerk, &database)
        .unset("CLERK_SECRET_KEY")
        .file("key", &key)
        .set("CLERK_SECRET_KEY_FILE", "key");
    let server = setup.serve().await;
    server.logged("this database mirrors the instance").await;
    server.stop().await;
}

#[tokio::test]
async fn all_problems_come_at_once_and_files_that_are_not_there_are_named() {
    let setup = Setup::bare()
        .set("CLERK_SYNC_LISTEN", "x")
        .set("CLERK_SYNC_LOG_FORMAT", "x")
        .config("CLERK_SYNC_SCRUB_EVERYY = \"1h\"\n");
    let finished = setup.run(&["serve"]).await;
    assert_eq!(finished.code, Some(2));
    assert_eq!(finished.err.lines().count(), 3, "{finished:?}");
    assert!(
        finished.err.contains("clerk-sync.toml:1") && finished.err.contains("did you mean"),
        "{finished:?}"
    );
    let finished = Setup::bare().run(&["serve", "--config", "other.toml"]).await;
    assert_eq!(finished.code, Some(2));
    assert!(finished.err.contains("other.toml cannot be read"), "{finished:?}");
}

#[tokio::test]
async fn what_cannot_be_typed_is_refused() {
    for arguments in
        [&[][..], &["frobnicate"], &["serve", "--frobnicate"], &["config"], &["migrate", "--secret-key", "x"]]
    {
        let finished = Setup::bare().run(arguments).await;
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.err.contains("Usage: clerk-sync"), "{arguments:?}: {finished:?}");
    }
    let version = Setup::bare().output(&["--version"]).await;
    assert!(version.starts_with("clerk-sync 0."), "{version}");
}
