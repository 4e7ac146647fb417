//! What becomes of the row of a user who is gone, on real databases.

use crate::{Kind, adopting, try_adopting};
use clerk_sync::{
    mapping::{Column, DeletionSpec, Mapping, MappingSpec, OnDelete, Row, Value},
    observation::{Flow, Observation},
    rule::Change,
    store::{CarryOut, Store, StoreErrorKind, conformance::Fixture as _},
    user_id::UserId,
};
use rstest::rstest;
use serde_json::json;
use std::time::Duration;

/// `orders` refers to users, and lets none go.
fn ddl(kind: Kind) -> String {
    ddl_with(kind, "")
}

fn ddl_with(kind: Kind, deferred: &str) -> String {
    let (text, moment, bin) = match kind {
        Kind::Postgres => ("text", "timestamptz", ""),
        Kind::Mysql => ("varchar(255)", "datetime(3)", " character set utf8mb4 collate utf8mb4_bin"),
        Kind::Sqlite => ("text", "datetime", ""),
    };
    format!(
        "create table users (clerk_id {text}{bin} not null primary key, email {text} unique, name {text} not null, \
         banned boolean, deleted_at {moment} null); \
         create table orders (number integer primary key, user_id {text}{bin} not null, \
         foreign key (user_id) references users (clerk_id) {deferred});"
    )
}

fn spec(deletion: DeletionSpec) -> MappingSpec {
    let columns =
        [("clerk_id", "id"), ("email", "primary_email_address"), ("name", "full_name"), ("banned", "banned")];
    let columns = columns.iter().map(|(name, source)| Column::from_source(name, source).unwrap()).collect();
    MappingSpec { columns, deletion, ..MappingSpec::default() }
}

fn marking() -> DeletionSpec {
    DeletionSpec { on_delete: OnDelete::Mark, ..DeletionSpec::default() }
}

fn anonymizing() -> DeletionSpec {
    let text = |text: &str| Value::Text(text.to_owned());
    DeletionSpec {
        on_delete: OnDelete::Anonymize,
        deleted_at: Some("deleted_at".to_owned()),
        replacements: vec![
            ("email".to_owned(), text("{id}@deleted.invalid")),
            ("name".to_owned(), text("it's \\ gone")),
        ],
        ..DeletionSpec::default()
    }
}

fn user(id: &str) -> UserId {
    UserId::try_new(id).unwrap()
}

fn seen(mapping: &Mapping, id: &str, version: i64) -> Observation {
    let json = json!({
        "id": id, "updated_at": version, "created_at": 1, "first_name": "Ada", "last_name": "Lovelace", "banned": false,
        "primary_email_address_id": "idn_1",
        "email_addresses": [{ "id": "idn_1", "email_address": format!("{id}@example.com") }],
    });
    let mapped = mapping.read_user(json.to_string().as_bytes()).expect("a readable user");
    Observation::present(mapped, mapping, version, Flow::Webhook)
}

fn gone(mapping: &Mapping, id: &str, as_of: i64) -> Observation {
    Observation::gone(user(id), mapping, as_of, Flow::Webhook)
}

async fn row(store: &dyn Store, id: &str) -> Option<Row> {
    store.row(&user(id)).await.unwrap()
}

/// Whether the row is marked, by a statement that fails otherwise.
async fn assert_marked(database: &crate::databases::Database, is_marked: bool) {
    let not = if is_marked { "not " } else { "" };
    let check = format!(
        "create table checked (n integer not null check (n = 1)); \
         insert into checked select count(*) from users where clerk_id = 'user_1' and deleted_at is {not}null; \
         drop table checked"
    );
    assert!(database.run_sql(&check).await);
}

#[rstest]
#[tokio::test]
async fn a_marked_row_stays_and_comes_back(#[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind) {
    let database = adopting(kind, &ddl(kind), spec(marking())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1), seen(mapping, "user_2", 1)]).await.unwrap();
    let before = row(store.as_ref(), "user_1").await;
    assert_marked(&database, false).await;

    let applied = store.commit(&[gone(mapping, "user_1", 5)]).await.unwrap();
    assert_eq!(applied[0].change, Some(Change::Deleted));
    assert_eq!(row(store.as_ref(), "user_1").await, before, "its values stay");
    assert_marked(&database, true).await;
    assert!(store.strays(None, 10).await.unwrap().is_empty(), "nobody is asked for it again");
    assert_eq!(store.living_count().await.unwrap(), 1);

    // Heard of again, later; and a late event of before.
    store.commit(&[gone(mapping, "user_1", 9), seen(mapping, "user_1", 4)]).await.unwrap();
    assert_marked(&database, true).await;

    // An operator brings it back.
    let mut back = seen(mapping, "user_1", 20);
    back.claim.lifts_as_of = Some(9);
    store.commit(&[back]).await.unwrap();
    assert_marked(&database, false).await;
}

#[rstest]
#[tokio::test]
async fn an_anonymized_row_keeps_nothing_of_the_user(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = adopting(kind, &ddl(kind), spec(anonymizing())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1), seen(mapping, "user_2", 1)]).await.unwrap();
    // Both in one transaction: the unique column takes both.
    store.commit(&[gone(mapping, "user_1", 5), gone(mapping, "user_2", 5)]).await.unwrap();
    let text = |text: &str| Value::Text(text.to_owned());
    let expected: Row =
        [text("user_1"), text("user_1@deleted.invalid"), text("it's \\ gone"), Value::Null].into();
    assert_eq!(row(store.as_ref(), "user_1").await, Some(expected));
    assert_marked(&database, true).await;
    assert!(store.strays(None, 10).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_kept_row_is_left_as_it_is(#[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind) {
    let keeping = DeletionSpec { on_delete: OnDelete::Keep, ..DeletionSpec::default() };
    let database = adopting(kind, &ddl(kind), spec(keeping)).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1)]).await.unwrap();
    let before = row(store.as_ref(), "user_1").await;
    let applied = store.commit(&[gone(mapping, "user_1", 5)]).await.unwrap();
    assert_eq!(applied[0].change, Some(Change::Deleted), "it is told nevertheless");
    assert_eq!(row(store.as_ref(), "user_1").await, before);
    // The tombstone holds, whatever the row says.
    store.commit(&[seen(mapping, "user_1", 4)]).await.unwrap();
    assert_eq!(store.summary().await.unwrap().gone, 1);
}

#[rstest]
#[tokio::test]
async fn a_row_that_others_refer_to_waits_or_is_dealt_with(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = adopting(kind, &ddl(kind), spec(DeletionSpec::default())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1), seen(mapping, "user_2", 1)]).await.unwrap();
    database.run_sql("insert into orders values (1, 'user_1')").await;
    let both = [gone(mapping, "user_1", 5), gone(mapping, "user_2", 5)];
    assert!(store.commit(&both).await.expect_err("not both at once").is_rejection());
    for (one, waits) in both.iter().zip([true, false]) {
        let applied = store.commit(std::slice::from_ref(one)).await.unwrap();
        assert_eq!((applied[0].change, applied[0].row_waits), (Some(Change::Deleted), waits));
    }
    assert!(row(store.as_ref(), "user_1").await.is_some());
    // The tombstone holds, whatever the row says.
    store.commit(&[seen(mapping, "user_1", 4)]).await.unwrap();
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.gone, summary.last_change), (2, 4));
    assert!(store.strays(None, 10).await.unwrap().is_empty());
    let due = store.due_deletions(10).await.unwrap();
    assert_eq!(due, [user("user_1")]);
    let refused = store.carry_out(&due, CarryOut::WhenDue).await.expect_err("an order refers to it");
    assert!(matches!(refused.kind(), StoreErrorKind::Referenced { .. }), "{refused:?}");
    assert!(refused.is_rejection() && !refused.to_string().contains("user_1"), "{refused}");
    database.run_sql("delete from orders").await;
    assert_eq!(store.carry_out(&due, CarryOut::WhenDue).await.unwrap(), due);
    assert_eq!(row(store.as_ref(), "user_1").await, None);

    // With a way out: the row is marked, and only that of the user whose row cannot be deleted.
    let way_out = DeletionSpec { on_refused: Some(OnDelete::Mark), ..DeletionSpec::default() };
    let database = adopting(kind, &ddl(kind), spec(way_out)).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1), seen(mapping, "user_2", 1)]).await.unwrap();
    database.run_sql("insert into orders values (1, 'user_1')").await;
    let both = [gone(mapping, "user_1", 5), gone(mapping, "user_2", 5)];
    assert!(store.commit(&both).await.expect_err("not both at once").is_rejection());
    for one in &both {
        let applied = store.commit(std::slice::from_ref(one)).await.unwrap();
        assert_eq!(applied[0].change, Some(Change::Deleted));
    }
    assert_marked(&database, true).await;
    assert_eq!(row(store.as_ref(), "user_2").await, None, "a row that nothing refers to is deleted");
}

/// A row that somebody put there, of a user whom nobody knew: there was no change, and it waits.
#[rstest]
#[tokio::test]
async fn a_row_waits_of_whom_only_the_end_is_heard(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = adopting(kind, &ddl(kind), spec(DeletionSpec::default())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    database.run_sql("insert into users (clerk_id, name) values ('user_1', 'Ada')").await;
    database.run_sql("insert into orders values (1, 'user_1')").await;
    let twice = [gone(mapping, "user_1", 5), gone(mapping, "user_1", 5)];
    let applied = store.commit(&twice).await.unwrap();
    assert_eq!(applied.iter().map(|applied| applied.change).collect::<Vec<_>>(), [None, None]);
    assert!(applied.iter().all(|applied| applied.row_waits), "whoever saw it is told");
    assert_eq!(store.due_deletions(10).await.unwrap(), [user("user_1")]);
}

/// As Django makes them on PostgreSQL and SQLite.
#[rstest]
#[tokio::test]
async fn a_key_that_is_checked_at_the_end_has_the_same_way_out(
    #[values(Kind::Postgres, Kind::Sqlite)] kind: Kind,
) {
    let ddl = ddl_with(kind, "deferrable initially deferred");
    let way_out = DeletionSpec { on_refused: Some(OnDelete::Mark), ..DeletionSpec::default() };
    for (deletion, is_marked) in [(DeletionSpec::default(), false), (way_out, true)] {
        let database = adopting(kind, &ddl, spec(deletion)).await;
        let (store, mapping) = (&database.store, database.store.mapping());
        store.commit(&[seen(mapping, "user_1", 1)]).await.unwrap();
        database.run_sql("insert into orders values (1, 'user_1')").await;
        let applied = store.commit(&[gone(mapping, "user_1", 5)]).await.unwrap();
        assert_eq!(applied[0].row_waits, !is_marked);
        assert!(row(store.as_ref(), "user_1").await.is_some());
        assert_marked(&database, is_marked).await;
        // The connection is as good as before.
        store.commit(&[seen(mapping, "user_2", 1)]).await.unwrap();
        assert!(row(store.as_ref(), "user_2").await.is_some());
    }
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_written_then_is_said_before(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    // The name must not be null, and nothing says what it becomes.
    let bare = DeletionSpec { replacements: Vec::new(), ..anonymizing() };
    let text = try_adopting(kind, &ddl(kind), spec(bare)).await.expect_err("it does not fit").to_string();
    assert!(text.contains("the column name has the type") && text.contains("[users.anonymize]"), "{text}");
    let elsewhere = DeletionSpec { deleted_at: Some("removed".to_owned()), ..marking() };
    let text = try_adopting(kind, &ddl(kind), spec(elsewhere)).await.expect_err("no such column").to_string();
    assert!(text.contains("the table has no column removed"), "{text}");
    let named = DeletionSpec { deleted_at: Some("orders".to_owned()), ..marking() };
    assert!(try_adopting(kind, &ddl(kind), spec(named)).await.is_err());
}

/// A table that we make gets the column for the mark, and one that we made without it too.
#[rstest]
#[tokio::test]
async fn our_own_table_gets_the_column(#[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind) {
    use crate::databases::{mysql_of, postgres_of, sqlite_of};
    let make = |deletion| std::sync::Arc::new(Mapping::try_new(spec(deletion)).unwrap());
    let database = match kind {
        Kind::Postgres => postgres_of(make(DeletionSpec::default())).await,
        Kind::Mysql => mysql_of(make(DeletionSpec::default())).await,
        Kind::Sqlite => sqlite_of(make(DeletionSpec::default())).await,
    };
    database.store.migrate().await.expect("the table is made");
    let url = clerk_sync::database_url::DatabaseUrl::parse(&database.url).expect("a URL");
    let store = clerk_sync::store::open(&url, make(marking())).await.expect("a store");
    assert!(!store.schema().await.unwrap().is_ready());
    assert_eq!(store.migrate().await.expect("the column is added"), ["added column deleted_at to users"]);
    let store = store.fitted().await.expect("it fits").expect("a fitted store");
    let mapping = store.mapping();
    store.commit(&[seen(mapping, "user_1", 1)]).await.unwrap();
    store.commit(&[gone(mapping, "user_1", 5)]).await.unwrap();
    assert_marked(&database, true).await;
}

/// Somebody signs up with the e-mail address of a row that stayed.
#[rstest]
#[tokio::test]
async fn a_row_that_stays_gives_a_unique_value_to_who_needs_it(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = adopting(kind, &ddl(kind), spec(marking())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1)]).await.unwrap();
    store.commit(&[gone(mapping, "user_1", 5)]).await.unwrap();
    let mut heir = seen(mapping, "user_2", 7);
    let email = Value::Text("user_1@example.com".to_owned());
    heir.row.as_mut().unwrap()[1] = email.clone();
    assert!(store.commit(std::slice::from_ref(&heir)).await.expect_err("the row holds it").is_rejection());
    let holders = store.holders(&heir).await.unwrap();
    assert_eq!(holders.iter().map(|holder| holder.user.clone()).collect::<Vec<_>>(), [Some(user("user_1"))]);
    store.commit_moving(&[gone(mapping, "user_1", 8), heir]).await.unwrap();
    assert_eq!(row(store.as_ref(), "user_2").await.unwrap()[1], email);
    assert_eq!(row(store.as_ref(), "user_1").await.unwrap()[1], Value::Null);
    assert_marked(&database, true).await;
}

/// What is not null gets what the settings say, whatever its type.
#[rstest]
#[tokio::test]
async fn values_of_every_kind_can_be_replaced(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let (text, moment, json) = match kind {
        Kind::Postgres => ("text", "timestamptz", "jsonb"),
        Kind::Mysql => ("varchar(64)", "datetime(3)", "json"),
        Kind::Sqlite => ("text", "datetime", "json"),
    };
    let ddl = format!(
        "create table users (clerk_id {text} unique, score bigint not null, banned boolean not null, \
         joined {moment} not null, seen bigint not null, meta {json} not null)"
    );
    let column = |name: &str, from: &str, kind| Column { kind, ..Column::from_source(name, from).unwrap() };
    use clerk_sync::mapping::Kind as Holds;
    let columns = vec![
        column("clerk_id", "id", Holds::Text),
        column("score", "public_metadata.score", Holds::Integer),
        column("banned", "banned", Holds::Boolean),
        column("joined", "created_at", Holds::Timestamp),
        column("seen", "updated_at", Holds::Timestamp),
        column("meta", "public_metadata", Holds::Json),
    ];
    let replaced = [
        ("score", Value::Integer(-1)),
        ("banned", Value::Boolean(true)),
        ("joined", Value::Timestamp(1_767_312_000_555)),
        ("seen", Value::Timestamp(1_767_312_000_555)),
        ("meta", Value::Json("{\"gone\":true}".to_owned())),
    ];
    let replacements = replaced.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let deletion = DeletionSpec { on_delete: OnDelete::Anonymize, replacements, ..DeletionSpec::default() };
    let spec = MappingSpec { columns, deletion, ..MappingSpec::default() };
    let database = adopting(kind, &ddl, spec).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let json = json!({"id": "user_1", "updated_at": 5, "created_at": 4, "banned": false, "public_metadata": {"score": 3}});
    let mapped = mapping.read_user(json.to_string().as_bytes()).unwrap();
    store.commit(&[Observation::present(mapped, mapping, 6, Flow::Webhook)]).await.unwrap();
    store.commit(&[gone(mapping, "user_1", 9)]).await.unwrap();
    let read = row(store.as_ref(), "user_1").await.unwrap();
    assert_eq!(read[1..], replaced.map(|(_, value)| value));
}

/// A row without a Clerk id holds it: nobody is asked, and it is not taken away.
#[rstest]
#[tokio::test]
async fn a_row_of_nobody_is_named_as_such(#[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind) {
    let key = if kind == Kind::Mysql { "varchar(64)" } else { "text" };
    let ddl = format!(
        "create table users (clerk_id {key} unique, email varchar(200) unique, name varchar(99), banned boolean)"
    );
    let database = adopting(kind, &ddl, spec(DeletionSpec::default())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    database.run_sql("insert into users (email) values ('user_1@example.com')").await;
    let newcomer = seen(mapping, "user_1", 1);
    assert!(store.commit(std::slice::from_ref(&newcomer)).await.expect_err("a row holds it").is_rejection());
    let holders = store.holders(&newcomer).await.unwrap();
    assert_eq!(holders.len(), 1);
    assert_eq!((&holders[0].user, holders[0].columns.as_slice()), (&None, &["email".to_owned()][..]));
}

/// A row that could not be deleted holds it: marked or waiting, it gives the value up.
#[rstest]
#[case(Kind::Postgres, "")]
#[case(Kind::Mysql, "")]
#[case(Kind::Sqlite, "")]
#[case(Kind::Postgres, "deferrable initially deferred")]
#[case(Kind::Sqlite, "deferrable initially deferred")]
#[tokio::test]
async fn a_row_that_others_refer_to_gives_a_unique_value_up_too(
    #[case] kind: Kind,
    #[case] deferred: &str,
    #[values(None, Some(OnDelete::Mark))] on_refused: Option<OnDelete>,
) {
    let deletion = DeletionSpec { on_refused, ..DeletionSpec::default() };
    let database = adopting(kind, &ddl_with(kind, deferred), spec(deletion)).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1), seen(mapping, "user_3", 1)]).await.unwrap();
    database.run_sql("insert into orders values (1, 'user_1')").await;
    let email = Value::Text("user_1@example.com".to_owned());
    let heir = |id: &str, version: i64, email: &Value| {
        let mut heir = seen(mapping, id, version);
        heir.row.as_mut().unwrap()[1] = email.clone();
        heir
    };
    // At once, as where the newcomer's event comes before the deletion: all or none.
    let mut set = [gone(mapping, "user_1", 8), gone(mapping, "user_3", 8), heir("user_2", 7, &email)];
    let refused = store.commit_moving(&set).await.expect_err("an order refers to it");
    assert!(matches!(refused.kind(), StoreErrorKind::Referenced { .. }), "{refused:?}");
    assert!(row(store.as_ref(), "user_3").await.is_some() && row(store.as_ref(), "user_2").await.is_none());
    let waits = on_refused.is_none();
    for (gone, waits) in set[..2].iter().zip([waits, false]) {
        let applied = store.commit(std::slice::from_ref(gone)).await.unwrap();
        assert_eq!((applied[0].change, applied[0].row_waits), (Some(Change::Deleted), waits));
    }
    store.commit_moving(&set).await.unwrap();
    assert_eq!(row(store.as_ref(), "user_2").await.unwrap()[1], email);
    assert_eq!(row(store.as_ref(), "user_1").await.unwrap()[1], Value::Null);
    assert_marked(&database, !waits).await;
    assert_eq!(row(store.as_ref(), "user_3").await, None, "a row that nothing refers to is deleted");
    assert_eq!(store.pending_count().await.unwrap().waiting, i64::from(waits));

    // Somebody gave the row a value again: it is known to be a deleted user's, and gives that up as well.
    database.run_sql("update users set email = 'late@example.com' where clerk_id = 'user_1'").await;
    let email = Value::Text("late@example.com".to_owned());
    set = [gone(mapping, "user_1", 9), gone(mapping, "user_3", 9), heir("user_4", 10, &email)];
    set[0].claim.restores = waits;
    store.commit_moving(&set).await.unwrap();
    assert_eq!(row(store.as_ref(), "user_4").await.unwrap()[1], email);
    assert_eq!(row(store.as_ref(), "user_1").await.unwrap()[1], Value::Null);
    assert_eq!(store.pending_count().await.unwrap().waiting, i64::from(waits));
}

/// An index over rows that are not deleted says nothing of rows that are: they keep what they have.
#[rstest]
#[tokio::test]
async fn a_partial_index_takes_nothing_but_its_own_columns_from_a_marked_row(
    #[values(Kind::Postgres, Kind::Sqlite)] kind: Kind,
) {
    let ddl = "create table users (clerk_id text unique, email text, name text, banned boolean, deleted_at timestamp null); \
               create unique index users_by_email on users (email) where deleted_at is null;";
    let database = adopting(kind, ddl, spec(marking())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1)]).await.unwrap();
    let before = row(store.as_ref(), "user_1").await.unwrap();
    let mut heir = seen(mapping, "user_2", 7);
    heir.row.as_mut().unwrap()[1] = before[1].clone();
    assert!(store.commit(std::slice::from_ref(&heir)).await.expect_err("the row holds it").is_rejection());
    store.commit_moving(&[heir.clone(), gone(mapping, "user_1", 8)]).await.unwrap();
    let after = row(store.as_ref(), "user_1").await.unwrap();
    assert_eq!(after[2..], before[2..], "its other columns are its own");
    assert_marked(&database, true).await;
    if kind == Kind::Postgres {
        // Nobody who is marked holds anything any more.
        let another = Observation { user: user("user_3"), ..heir };
        let holders = store.holders(&another).await.unwrap();
        assert!(!holders.is_empty());
        assert!(holders.iter().all(|holder| holder.user == Some(user("user_2"))), "{holders:?}");
    }
}

/// A column for the mark says so at once, and the row goes when its time has come. Back again, it is not marked any more.
#[rstest]
#[tokio::test]
async fn a_row_that_is_held_back_is_marked_meanwhile(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
    #[values(OnDelete::Delete, OnDelete::Anonymize)] on_delete: OnDelete,
) {
    let held = DeletionSpec { on_delete, delete_after: Some(Duration::ZERO), ..anonymizing() };
    let replacements = if on_delete == OnDelete::Delete { Vec::new() } else { held.replacements.clone() };
    let database = adopting(kind, &ddl(kind), spec(DeletionSpec { replacements, ..held })).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[seen(mapping, "user_1", 1)]).await.unwrap();
    let before = row(store.as_ref(), "user_1").await;
    store.commit(&[gone(mapping, "user_1", 5)]).await.unwrap();
    assert_marked(&database, true).await;
    assert_eq!(row(store.as_ref(), "user_1").await, before, "its values stay");
    let mut back = seen(mapping, "user_1", 20);
    back.claim.lifts_as_of = Some(9);
    store.commit(&[back]).await.unwrap();
    assert_marked(&database, false).await;

    store.commit(&[gone(mapping, "user_1", 30)]).await.unwrap();
    let due = store.due_deletions(10).await.unwrap();
    assert_eq!(store.carry_out(&due, CarryOut::WhenDue).await.unwrap(), [user("user_1")]);
    match on_delete {
        OnDelete::Delete => assert_eq!(row(store.as_ref(), "user_1").await, None),
        _ => {
            assert_marked(&database, true).await;
            let email = Value::Text("user_1@deleted.invalid".to_owned());
            assert_eq!(row(store.as_ref(), "user_1").await.unwrap()[1], email);
        }
    }
}

/// Nothing is refused when the deletion is heard of; when it is due, one bad row is told apart from its neighbours.
#[rstest]
#[case(Kind::Postgres, "")]
#[case(Kind::Mysql, "")]
#[case(Kind::Sqlite, "")]
#[case(Kind::Postgres, "deferrable initially deferred")]
#[case(Kind::Sqlite, "deferrable initially deferred")]
#[tokio::test]
async fn a_row_that_others_refer_to_is_refused_when_it_is_due(#[case] kind: Kind, #[case] deferred: &str) {
    let held = DeletionSpec { delete_after: Some(Duration::ZERO), ..DeletionSpec::default() };
    let database = adopting(kind, &ddl_with(kind, deferred), spec(held.clone())).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&["user_1", "user_2"].map(|id| seen(mapping, id, 1))).await.unwrap();
    database.run_sql("insert into orders values (1, 'user_1')").await;
    store.commit(&["user_1", "user_2"].map(|id| gone(mapping, id, 5))).await.unwrap();
    for users in [vec![user("user_1"), user("user_2")], vec![user("user_1")]] {
        let refused = store.carry_out(&users, CarryOut::WhenDue).await.expect_err("an order refers to it");
        assert!(matches!(refused.kind(), StoreErrorKind::Referenced { .. }), "{refused:?}");
        assert_eq!(store.pending_count().await.unwrap().waiting, 2, "nothing of it is done");
        assert!(row(store.as_ref(), "user_2").await.is_some());
    }
    assert_eq!(store.carry_out(&[user("user_2")], CarryOut::WhenDue).await.unwrap(), [user("user_2")]);
    assert!(row(store.as_ref(), "user_1").await.is_some());

    let way_out = DeletionSpec { on_refused: Some(OnDelete::Mark), ..held };
    let store = database.deleting(way_out).await;
    assert_eq!(store.carry_out(&[user("user_1")], CarryOut::WhenDue).await.unwrap(), [user("user_1")]);
    assert_marked(&database, true).await;
    assert_eq!(store.pending_count().await.unwrap().waiting, 0);
}
