//! The database: away, read-only, without rights, of another version, with other tables.

use super::Report;
use crate::harness::{Clerk, Database, Kind, Setup};
use rstest::rstest;

const PASSWORD: &str = "hunter2";
const ELSEWHERE: &str = "public address";

async fn ready(kind: Kind) -> (Clerk, Database, Setup) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["migrate"]).await;
    (clerk, database, setup)
}

#[rstest]
#[case::nobody("postgres://app:hunter2@127.0.0.1:9/app", "refused")]
#[case::nobody_either("mysql://app:hunter2@127.0.0.1:9/app", "refused")]
#[case::no_host("postgres://app:hunter2@no-such-host.invalid/app", "database")]
#[tokio::test]
async fn a_database_that_does_not_answer_is_named_once(#[case] url: &str, #[case] found: &str) {
    let clerk = Clerk::start().await;
    let setup = Setup::new(&clerk, &Database::sqlite()).set("DATABASE_URL", url);
    let report = Report::of(&setup).await;
    report.says("database", "problem", &["@", found, "host, port, user, password"]);
    assert_eq!(report.problems(), ["database", ELSEWHERE], "{report:#?}");
    for check in ["privileges", "migrations", "mapping", "webhooks", "dead letters", "import", "instance"] {
        report.says(check, "note", &["not checked: the database does not answer"]);
    }
    assert!(!format!("{report:?}").contains(PASSWORD), "{report:#?}");
}

#[rstest]
#[case(Kind::Postgres, "does not exist")]
#[case(Kind::Mysql, "nowhere_at_all")]
#[tokio::test]
async fn a_database_that_is_not_there_is_named(#[case] kind: Kind, #[case] says: &str) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let (server, _) = database.url.rsplit_once('/').unwrap();
    let url = format!("{server}/nowhere_at_all");
    let report = Report::of(&Setup::new(&clerk, &database).set("DATABASE_URL", &url)).await;
    report.says("database", "problem", &[says]);
}

#[rstest]
#[tokio::test]
async fn an_empty_database_is_to_be_migrated(#[values(Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let report = Report::of(&Setup::new(&clerk, &database)).await;
    report.says("migrations", "problem", &["version 0", "clerk-sync migrate", "--print"]);
    report.says("mapping", "problem", &["there is no table users", "clerk-sync migrate"]);
    assert_eq!(report.problems(), ["mapping", "migrations", ELSEWHERE], "{report:#?}");
    for check in ["webhooks", "dead letters", "import", "instance"] {
        report.says(check, "note", &["not checked", "migrations"]);
    }
    assert!(database.tables().await.is_empty(), "looking makes nothing");
}

#[rstest]
#[tokio::test]
async fn an_older_and_a_newer_schema_are_told(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (_clerk, database, setup) = ready(kind).await;
    for (version, todo) in [(1, "clerk-sync migrate"), (99, "run a newer clerk-sync")] {
        database.run(&format!("update clerk_sync_meta set schema_version = {version}")).await;
        let report = Report::of(&setup).await;
        report.says("migrations", "problem", &[&format!("version {version}"), todo]);
        assert_eq!(report.problems(), ["migrations", ELSEWHERE], "{report:#?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_column_that_is_missing_is_a_problem_of_the_mapping(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (_clerk, database, setup) = ready(kind).await;
    database.run("alter table users drop column last_name").await;
    let report = Report::of(&setup).await;
    report.says("mapping", "problem", &["the table has no column last_name", "clerk-sync migrate"]);
    assert!(report.problems().contains(&"mapping"), "{report:#?}");
    assert_eq!(report.states("migrations"), ["ok"], "{report:#?}");
}

#[rstest]
#[tokio::test]
async fn a_users_table_of_someone_else_is_a_problem_of_the_mapping(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (_clerk, database, setup) = ready(kind).await;
    database.run("update clerk_sync_meta set users_table = null").await;
    let report = Report::of(&setup).await;
    report.says("mapping", "problem", &["users"]);
}

/// Rights that are missing, on the users table, on one column of it, and on ours.
#[rstest]
#[tokio::test]
async fn rights_that_are_missing_are_named_with_their_table(
    #[values(Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database, setup) = ready(kind).await;
    let role = format!("poor_{}", database.name());
    let name = database.name();
    let create = match kind {
        Kind::Mysql => format!("create user {role} identified by '{PASSWORD}'"),
        _ => {
            format!("create role {role} login password '{PASSWORD}'; grant usage on schema {name} to {role}")
        }
    };
    database.run(&create).await;
    for table in ["users", "changes", "pending_deletions", "runs", "lease", "shares", "meta"] {
        let grant = format!("grant select, insert, update, delete on {name}.clerk_sync_{table} to {role}");
        database.run(&grant).await;
    }
    database.run(&format!("grant select, insert on {name}.clerk_sync_dead_letters to {role}")).await;
    let columns = "clerk_id, email, username, first_name, image_url, created_at, updated_at";
    database.run(&format!("grant select, insert, delete on {name}.users to {role}")).await;
    database.run(&format!("grant update ({columns}) on {name}.users to {role}")).await;

    let database = database.with_user(&role, PASSWORD);
    let report = Report::of(&setup.set("DATABASE_URL", &database.url)).await;
    report.says("privileges", "problem", &["no right to update on users", "grant update on users"]);
    report.says("privileges", "problem", &["no right to update, delete on clerk_sync_dead_letters"]);
    assert_eq!(report.states("privileges").len(), 2, "{report:#?}");
    assert_eq!(report.problems(), ["privileges", ELSEWHERE], "{report:#?}");
    assert!(!format!("{report:?}").contains(PASSWORD), "{report:#?}");
    database.run(&format!("grant update on {name}.users to {role}")).await;
    database.run(&format!("grant update, delete on {name}.clerk_sync_dead_letters to {role}")).await;
    let setup = Setup::new(&clerk, &database);
    assert_eq!(Report::of(&setup).await.states("privileges"), ["ok"]);
    let forget = if kind == Kind::Mysql {
        format!("drop user {role}")
    } else {
        format!("drop owned by {role}; drop role {role}")
    };
    database.run(&forget).await;
}

#[tokio::test]
async fn row_level_security_that_hides_rows_is_named() {
    let (clerk, database, _setup) = ready(Kind::Postgres).await;
    let (name, role) = (database.name(), format!("veiled_{}", database.name()));
    database
        .run(&format!(
            "create role {role} login password '{PASSWORD}'; grant usage on schema {name} to {role}; \
             grant all on all tables in schema {name} to {role}; alter table users enable row level security"
        ))
        .await;
    let database = database.with_user(&role, PASSWORD);
    let report = Report::of(&Setup::new(&clerk, &database)).await;
    report.says("privileges", "problem", &["row-level security", "users", "bypassrls"]);
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_named() {
    let (_clerk, database, setup) = ready(Kind::Postgres).await;
    let url = format!("{}&options=-c%20default_transaction_read_only%3Don", database.url);
    let report = Report::of(&setup.set("DATABASE_URL", &url)).await;
    report.says("database", "problem", &["takes no writes", "primary"]);
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_named() {
    let (_clerk, database, setup) = ready(Kind::Postgres).await;
    let url = database.url.replace(&database.name(), "nowhere_at_all");
    let report = Report::of(&setup.set("DATABASE_URL", &url)).await;
    report.says("database", "problem", &["no schema", "schema= in DATABASE_URL"]);
}

/// The pooler gives every transaction another session; a look is no exception.
#[tokio::test]
async fn a_database_behind_a_pooler_is_looked_at_like_any() {
    let (clerk, database) = (Clerk::start().await, Database::behind_pgbouncer().await);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["migrate"]).await;
    let report = Report::of(&setup).await;
    assert_eq!(report.problems(), [ELSEWHERE], "{report:#?}");
    assert_eq!(report.states("privileges"), ["ok"]);
}
