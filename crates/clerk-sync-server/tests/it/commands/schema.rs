//! `migrate`, `--no-migrate`, and databases that are not as they must be.

use crate::harness::{Clerk, Database, Kind, Person, Setup};
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn migrate_says_what_it_did_and_the_second_time_that_nothing_was_to_do(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let fourth = if kind == Kind::Postgres { "schema 4: room in the ledger\n" } else { "" };
    assert_eq!(
        setup.output(&["migrate"]).await,
        format!(
            "schema 1: the mirror\nschema 2: reconciling\nschema 3: deletions held back\n{fourth}created table users\n"
        )
    );
    assert_eq!(setup.output(&["migrate"]).await, "nothing to do: the schema is up to date\n");
    assert_eq!(setup.json(&["migrate", "--json"]).await, [json!({"done": []})]);

    // A column that was added to the mapping is added to the table that we made.
    let columns =
        "[users.columns]\nclerk_id = \"id\"\nfirst_name = \"first_name\"\nplan = \"public_metadata.plan\"\n";
    let setup = setup.config(columns);
    let done = setup.json(&["migrate", "--json"]).await;
    assert_eq!(done, [json!({"done": ["added column plan to users"]})]);
    let server = setup.serve_with(&["--no-migrate"]).await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
}

#[rstest]
#[tokio::test]
async fn what_migrate_print_prints_makes_an_empty_database_ready(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let sql = setup.output(&["migrate", "--print"]).await;
    assert!(database.tables().await.is_empty(), "it only prints");
    database.run(&sql).await;
    let tables = database.tables().await;

    let server = setup.serve_with(&["--no-migrate"]).await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    assert_eq!(database.users().await.len(), 1);
    server.stop().await;
    assert_eq!(setup.output(&["migrate"]).await, "nothing to do: the schema is up to date\n");

    let other = Database::fresh(kind).await;
    Setup::new(&clerk, &other).output(&["migrate"]).await;
    assert_eq!(tables, other.tables().await);
}

#[rstest]
#[tokio::test]
async fn without_migrating_an_empty_database_is_refused_with_what_to_do(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    for arguments in [
        &["serve", "--no-migrate"][..],
        &["sync", "user_ada", "--no-migrate"],
        &["dead-letters", "replay", "1", "--no-migrate"],
        &["dead-letters", "drop", "1", "--no-migrate"],
        &["dead-letters", "list"],
        &["deletions", "cancel", "user_ada", "--no-migrate"],
        &["deletions", "run", "user_ada", "--no-migrate"],
        &["deletions", "list"],
        &["changes"],
    ] {
        let finished = setup.run(arguments).await;
        assert_eq!(finished.code, Some(1), "{arguments:?}: {finished:?}");
        for words in ["run clerk-sync migrate", "clerk-sync migrate --print", "version 0"] {
            assert!(finished.err.contains(words), "{arguments:?}: {finished:?}");
        }
        assert!(finished.out.is_empty());
    }
    assert!(database.tables().await.is_empty());
    assert_eq!(clerk.stats().requests, 0);
}

#[rstest]
#[tokio::test]
async fn a_users_table_that_is_not_ours_is_refused_and_not_touched(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    database.run("create table users (id integer primary key, name varchar(20))").await;
    database.run("insert into users values (1, 'Grace')").await;
    let setup = Setup::new(&clerk, &database);
    let words =
        ["there is a table users already", "clerk-sync did not make it", "set create = false in [users]"];
    for arguments in [&["serve"][..], &["migrate"], &["sync", "user_ada"]] {
        let finished = setup.run(arguments).await;
        assert_eq!(finished.code, Some(1), "{arguments:?}: {finished:?}");
        assert!(words.iter().all(|words| finished.err.contains(words)), "{arguments:?}: {finished:?}");
    }
    let status = setup.run(&["status"]).await;
    assert_eq!(status.code, Some(2), "{status:?}");
    assert!(words.iter().all(|words| status.out.contains(words)), "{status:?}");
    let rows = database.select(&["id", "name"], "from users").await;
    assert_eq!(rows, [[Some("1".to_owned()), Some("Grace".to_owned())]]);
    let ours = if kind == Kind::Mysql {
        // Its DDL commits by itself; what is there by then holds nothing.
        database.number("count(*) from clerk_sync_users").await
    } else {
        i64::try_from(database.tables().await.len()).unwrap() - 1
    };
    assert_eq!(ours, 0, "{:?}", database.tables().await);

    let server = setup.config("[users]\ntable = \"clerk_users\"\n").serve().await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    assert_eq!(database.number("count(*) from clerk_users").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_schema_that_is_newer_than_the_program_is_refused(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["migrate"]).await;
    database.run("update clerk_sync_meta set schema_version = 99").await;
    let before = database.dump().await;
    for arguments in [
        &["serve"][..],
        &["serve", "--no-migrate"],
        &["migrate"],
        &["sync", "user_ada"],
        &["changes"],
        &["dead-letters", "list"],
        &["deletions", "list"],
        &["deletions", "run", "user_ada"],
    ] {
        let finished = setup.run(arguments).await;
        assert_eq!(finished.code, Some(1), "{arguments:?}: {finished:?}");
        assert!(finished.err.contains("version 99"), "{arguments:?}: {finished:?}");
    }
    let status = setup.run(&["status", "--json"]).await;
    assert_eq!(status.code, Some(2));
    assert!(status.out.contains(r#""found":99"#) && status.out.contains(r#""ready":false"#), "{status:?}");
    assert_eq!(database.dump().await, before);
}

#[tokio::test]
async fn a_running_process_says_that_it_is_not_ready_when_the_schema_moves_on() {
    let (clerk, database) = (Clerk::start().await, Database::fresh(Kind::Postgres).await);
    let server = Setup::new(&clerk, &database).serve().await;
    assert!(server.is_ready().await);
    database.run("update clerk_sync_meta set schema_version = 99").await;
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code().as_str()), (503, "not_ready"));
    assert!(ready.retry_after() > 0);
}
