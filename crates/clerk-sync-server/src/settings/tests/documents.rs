//! What is printed: checks, values, the example and the table.

use std::collections::BTreeSet;

use super::*;

/// The example with every setting switched on.
fn uncommented() -> String {
    let switch_on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    example().lines().map(switch_on).collect::<Vec<_>>().join("\n")
}

#[test]
fn definitions_are_sound() {
    let names: BTreeSet<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
    assert_eq!(names.len(), DEFINITIONS.len());
    let flags: Vec<&str> = DEFINITIONS.iter().filter_map(Definition::flag).collect();
    assert_eq!(flags.iter().collect::<BTreeSet<_>>().len(), flags.len());
    for definition in DEFINITIONS {
        assert!(definition.name.starts_with("CLERK_") || definition.name == "DATABASE_URL");
        assert!(definition.doc.ends_with('.') && !definition.doc.contains('|'), "{}", definition.name);
        assert_eq!(definition.flag().is_none(), definition.secret && definition.name != "DATABASE_URL");
    }
    assert_eq!(find("CLERK_SYNC_MAX_DELETES").unwrap().flag(), Some("max-deletes"));
    assert_eq!(find("CLERK_API_URL").unwrap().flag(), Some("clerk-api-url"));
    assert_eq!(find("DATABASE_URL").unwrap().flag(), Some("database-url"));
}

#[test]
fn every_setting_is_read_once() {
    let loaded = Given::default().load();
    let read: Vec<&str> = loaded.entries().iter().map(|entry| entry.definition.name).collect();
    let defined: Vec<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
    assert_eq!(read, defined);
}

#[test]
fn the_example_changes_nothing() {
    for text in [example(), uncommented()] {
        let loaded = file(&text).load();
        assert_eq!(loaded.problems, [], "{text}");
        let defaults = Given::default().load();
        for (ours, default) in loaded.entries().iter().zip(defaults.entries()) {
            assert_eq!(ours.shown, default.shown, "{}", default.definition.name);
        }
        let (ours, default) = (loaded.into_settings().unwrap(), Given::default().settings());
        let without_place = |settings: Settings| {
            let users = UsersConfig {
                path: None,
                lines: Default::default(),
                columns: None,
                ..settings.users.clone()
            };
            format!("{:?}", Settings { users, ..settings })
        };
        assert_eq!(without_place(ours), without_place(default));
    }
}

#[test]
fn the_example_has_every_setting() {
    let text = example();
    for definition in DEFINITIONS {
        assert!(text.contains(&format!("\n#{} = ", definition.name)), "{}", definition.name);
    }
    assert!(text.lines().all(|line| line.len() <= 110), "{text}");
    let users = file(&uncommented()).settings().users;
    let keys: Vec<&str> = users.lines.keys().map(String::as_str).collect();
    assert_eq!(keys, ["allow", "columns", "create", "on_delete", "table"]);
}

#[test]
fn the_default_columns_are_those_of_the_mapping() {
    let default = clerk_sync::mapping::MappingSpec::default();
    let from = |column: &ColumnConfig| match &column.content {
        ColumnContent::From(clerk) => {
            clerk_sync::mapping::Column::from_source(&column.name, &clerk.from).unwrap()
        }
        other => panic!("a column of Clerk's, not {other:?}"),
    };
    let columns: Vec<_> = file(&uncommented()).settings().users.columns.unwrap().iter().map(from).collect();
    assert_eq!(columns, default.columns);
}

#[test]
fn the_committed_example_is_up_to_date() {
    assert!(
        include_str!("../clerk-sync.example.toml") == example(),
        "it is not: run `cargo test -p clerk-sync-server -- --ignored write_the_committed_example`"
    );
}

#[test]
#[ignore = "writes a file of the repository; run it after changing a setting"]
fn write_the_committed_example() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/settings/clerk-sync.example.toml");
    std::fs::write(path, example()).unwrap();
    std::fs::write(README, readme()).unwrap();
}

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// The README with the table of now.
fn readme() -> String {
    const MARK: &str = "<!-- settings -->\n";
    let text = std::fs::read_to_string(README).unwrap();
    let mut parts = text.split(MARK);
    let (before, after) = (parts.next().unwrap(), parts.nth(1).expect("two marks"));
    format!("{before}{MARK}{}\n{MARK}{after}", settings_table().trim_end())
}

#[test]
fn the_table_in_the_readme_is_up_to_date() {
    assert!(
        std::fs::read_to_string(README).unwrap() == readme(),
        "it is not: run `cargo test -p clerk-sync-server -- --ignored write_the_committed_example`"
    );
}

#[test]
fn the_table_has_a_row_for_every_setting() {
    let table = settings_table();
    assert_eq!(table.lines().count(), DEFINITIONS.len() + 2);
    assert!(table.lines().all(|row| row.matches('|').count() == 5), "{table}");
    assert!(table.contains(
        "| `CLERK_SYNC_LISTEN` | `127.0.0.1:8787` | `--listen` | Where the public routes listen. |"
    ));
    assert!(table.contains("Secret; also as `CLERK_SECRET_KEY_FILE`."));
}

#[test]
fn print_shows_values_with_their_sources_and_no_secret() {
    let given = file(
        "CLERK_SYNC_LOG = \"debug\"\n[users]\ntable = \"people\"\n[users.columns]\n\"User Id\" = \"id\"\n",
    )
    .env("CLERK_SECRET_KEY", SECRET_KEY)
    .env("CLERK_WEBHOOK_SIGNING_SECRET", SIGNING_SECRET)
    .env("DATABASE_URL", "postgres://app:MARKER@db.example/app?sslmode=require")
    .flag("CLERK_SYNC_LISTEN", "127.0.0.1:9");
    let loaded = given.load();
    let text = loaded.print_text();
    for line in [
        "CLERK_SECRET_KEY             = (set)  (environment)",
        "CLERK_JWT_KEY                = (not set)",
        "DATABASE_URL                 = postgres://app@db.example:5432/app  (environment)",
        "CLERK_SYNC_LISTEN            = 127.0.0.1:9  (--listen)",
        "CLERK_SYNC_LOG               = debug  (clerk-sync.toml:1)",
        "CLERK_SYNC_CATCH_UP_EVERY    = 10s  (default)",
        "[users]",
        "table = \"people\"",
        "\"User Id\" = \"id\"",
    ] {
        assert!(text.lines().any(|printed| printed == line), "{line}\n{text}");
    }
    let json = loaded.print_json();
    let setting = |name: &str| {
        json["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap().clone()
    };
    assert_eq!(setting("CLERK_SYNC_LISTEN")["value"], "127.0.0.1:9");
    assert_eq!(setting("CLERK_SECRET_KEY")["value"], serde_json::Value::Null);
    assert_eq!(setting("CLERK_SECRET_KEY")["set"], true);
    assert_eq!(json["users"]["table"], "people");
    assert_eq!(json["users"]["columns"][0]["name"], "User Id");
    assert!(!everything_printed(&loaded).contains("MARKER"));
}

#[test]
fn check_says_what_is_set_and_what_is_wrong() {
    let given = env("CLERK_SECRET_KEY", SECRET_KEY)
        .env("CLERK_SYNC_SCRUB_EVERY", "12h")
        .env("DATABASE_URL", "postgres://u:MARKER@h/d?channel_binding=require");
    let text = given.load().check_text();
    let expected = "CLERK_SECRET_KEY        ok (environment)\n\
                    DATABASE_URL            ok (environment)\n\
                    CLERK_SYNC_SCRUB_EVERY  ok (environment)\n\
                    All other settings have their defaults (22).\n\
                    note: DATABASE_URL: channel_binding=require is accepted, but";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(given.load().check_json()["ok"], true);

    let given = given.env("CLERK_SYNC_LOG_FORMAT", "xml").file("[users]\ncreate = 1\n");
    let loaded = given.load();
    let lines = loaded.check_lines();
    let state = |name: &str| &lines.iter().find(|line| line.setting == name).unwrap().state;
    assert!(matches!(state("CLERK_SYNC_LOG_FORMAT"), CheckState::Problem(_)));
    assert_eq!(state("CLERK_SYNC_SCRUB_EVERY"), &CheckState::Ok);
    assert_eq!(state("CLERK_JWT_KEY"), &CheckState::NotSet);
    assert_eq!(state("CLERK_SYNC_IMPORT"), &CheckState::Ok);
    let text = loaded.check_text();
    assert!(text.contains("CLERK_SYNC_LOG_FORMAT   wrong, see below ("), "{text}");
    assert!(text.contains("problem: clerk-sync.toml:2: [users] create must be"), "{text}");
    let json = loaded.check_json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn a_secret_file_that_cannot_be_read_is_wrong_and_not_missing() {
    let loaded = env("CLERK_SECRET_KEY_FILE", "/nowhere/at/all").load();
    let lines = loaded.check_lines();
    assert!(matches!(lines[0].state, CheckState::Problem(_)));
    assert!(
        loaded.check_text().starts_with("CLERK_SECRET_KEY  wrong, see below (/nowhere/at/all, named by ")
    );
}
