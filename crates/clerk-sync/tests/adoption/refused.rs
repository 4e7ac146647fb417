//! A table that does not fit is refused before anything is written, and what is printed mends it.

use crate::{Kind, databases, with_table};
use clerk_sync::{
    mapping::{Column, MappingSpec},
    store::{StoreErrorKind, conformance::Fixture as _},
};
use rstest::rstest;

fn spec() -> MappingSpec {
    let columns = [("clerk_id", "id"), ("name", "full_name"), ("banned", "banned")];
    let columns = columns.iter().map(|(name, source)| Column::from_source(name, source).unwrap()).collect();
    MappingSpec { columns, ..MappingSpec::default() }
}

/// The statement that a finding tells to run.
fn statement(todo: &str) -> &str {
    todo.rsplit_once("run: ").map_or("", |(_, statement)| statement)
}

#[rstest]
#[case::postgres(
    Kind::Postgres,
    "create table users (clerk_id varchar(10), banned varchar(5), extra text not null)"
)]
#[case::mysql(
    Kind::Mysql,
    "create table users (clerk_id varchar(10), banned varchar(5), extra varchar(9) not null)"
)]
#[tokio::test]
async fn what_is_printed_mends_it(#[case] kind: Kind, #[case] ddl: &str) {
    let database = with_table(kind, ddl, spec()).await;
    let error = database.store.migrate().await.expect_err("it does not fit");
    assert_eq!(*error.kind(), StoreErrorKind::Schema);
    let text = error.to_string();
    for problem in [
        "the table has no column name",
        "the column banned has the type",
        "the column clerk_id holds the user's id and is not unique by itself",
        "the column extra must not be null, has no default, and nothing fills it",
    ] {
        assert!(text.contains(problem), "{problem}: {text}");
    }
    // Nothing was written, and nothing is altered until a person does it.
    let mut rounds = 0;
    loop {
        let schema = database.store.schema().await.expect("a schema");
        if schema.is_users_table_ready() {
            break;
        }
        rounds += 1;
        assert!(rounds < 4, "{:?}", schema.users_table);
        for finding in schema.users_table.iter().filter(|finding| finding.blocks) {
            let sql = statement(&finding.todo).to_owned();
            assert!(!sql.is_empty(), "{finding}");
            assert!(database.run_sql(&sql).await, "{sql}");
        }
    }
    database.store.migrate().await.expect("now it fits");
    assert!(database.store.fitted().await.expect("now it fits").is_some());
}

#[tokio::test]
async fn sqlite_says_what_is_wrong_too() {
    let ddl = "create table users (clerk_id text, banned blob, extra text not null)";
    let database = with_table(Kind::Sqlite, ddl, spec()).await;
    let text = database.store.migrate().await.expect_err("it does not fit").to_string();
    assert!(text.contains("the table has no column name"), "{text}");
    assert!(text.contains("the column banned has the type BLOB, which cannot hold boolean"), "{text}");
    assert!(
        text.contains("create unique index \"users_clerk_id_key\" on \"users\" (\"clerk_id\")"),
        "{text}"
    );
    assert!(text.contains("extra = { initial = \"\" }"), "{text}");
}

#[rstest]
#[tokio::test]
async fn a_table_that_is_missing_is_not_made(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = with_table(kind, "create table others (a integer)", spec()).await;
    let text = database.store.migrate().await.expect_err("there is none").to_string();
    assert!(text.contains("there is no table users: correct [users] table"), "{text}");
    assert!(!database.store.schema().await.expect("a schema").is_ready());
}

#[rstest]
#[tokio::test]
async fn partial_and_prefix_keys_make_nobody_unique(
    #[values(
        (Kind::Postgres, "create table users (clerk_id text, name text, banned boolean, gone boolean); \
          create unique index a on users (clerk_id) where not gone; create unique index b on users (lower(clerk_id)); \
          create unique index c on users (clerk_id, name)"),
        (Kind::Mysql, "create table users (clerk_id varchar(255), name text, banned boolean, unique key a (clerk_id(10)), \
          unique key c (clerk_id, name(9)))"),
        (Kind::Sqlite, "create table users (clerk_id text, name text, banned boolean, gone boolean); \
          create unique index a on users (clerk_id) where not gone; create unique index b on users (lower(clerk_id)); \
          create unique index c on users (clerk_id, name)")
    )]
    table: (Kind, &str),
) {
    let (kind, ddl) = table;
    let database = with_table(kind, ddl, spec()).await;
    let text = database.store.migrate().await.expect_err("the key is not unique").to_string();
    assert!(text.contains("is not unique by itself"), "{text}");
}

/// A table that we made fits, whatever the database.
#[tokio::test]
async fn our_own_tables_fit() {
    for database in [databases::postgres().await, databases::mysql().await, databases::sqlite().await] {
        let before = database.store.mapping().fingerprint();
        let fitted = database.store.fitted().await.expect("it fits").expect("a fitted store");
        assert_eq!(fitted.mapping().fingerprint(), before, "no row has to be mapped anew");
        assert!(fitted.schema().await.expect("a schema").users_table.is_empty());
    }
}
