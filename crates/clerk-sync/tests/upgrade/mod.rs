//! A database that an older version made and filled is brought up to date and loses nothing.
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

use super::databases::{self, Database};
use clerk_sync::{
    database_url::DatabaseUrl,
    observation::{Flow, Observation},
    store::{
        self, Entry, FeedPage, PendingCount, Store,
        conformance::{self, Fixture},
    },
    user_id::UserId,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const TABLES: [&str; 9] = [
    "users",
    "clerk_sync_meta",
    "clerk_sync_users",
    "clerk_sync_changes",
    "clerk_sync_dead_letters",
    "clerk_sync_pending_deletions",
    "clerk_sync_lease",
    "clerk_sync_runs",
    "clerk_sync_shares",
];

fn user(i: i64) -> UserId {
    UserId::try_new(&format!("user_{i}")).expect("an id")
}

fn seen(i: i64) -> Observation {
    renamed(i, "name", 100 + i)
}

fn renamed(i: i64, name: &str, updated_at: i64) -> Observation {
    let mapping = conformance::mapping();
    let json = json!({"id": user(i).as_str(), "updated_at": updated_at, "created_at": i, "username": format!("{name} {i}")});
    let mapped = mapping.read_user(json.to_string().as_bytes()).expect("a user");
    Observation::present(mapped, &mapping, updated_at, Flow::Webhook)
}

/// Deletes the users 0, 3, 6 ... as version 1 did; today's program asks a table that came later.
async fn delete_as_version_1(database: &Database) {
    let users = (0..100).map(|i| user(3 * i));
    let ids: Vec<String> = users.clone().map(|user| format!("'{user}'")).collect();
    let ids = ids.join(", ");
    database.run_sql(&format!("delete from users where clerk_id in ({ids})")).await;
    let gone = "state = 2, updated_at = 0, as_of = 900, created_at = null";
    database.run_sql(&format!("update clerk_sync_users set {gone} where user_id in ({ids})")).await;
    let changes = users
        .zip(301..)
        .map(|(user, number)| format!("({number}, '{user}', 'deleted', 'webhook', null, null, 900, 1)"));
    let changes: Vec<String> = changes.collect();
    database.run_sql(&format!("insert into clerk_sync_changes values {}", changes.join(", "))).await;
    database.run_sql("update clerk_sync_meta set last_change = 400").await;
}

/// Empties the database and runs what version 1 printed for an empty one. `later`: the migrations it did not have.
async fn made_by_version_1(database: &Database, later: &[&str]) -> Arc<dyn Store> {
    for table in TABLES {
        database.run_sql(&format!("drop table {table}")).await;
    }
    let script = database.store.migration_sql();
    let mut first = later.iter().fold(script.clone(), |script, migration| script.replace(migration, ""));
    for version in 2..=4 {
        first = first.replace(&format!("update clerk_sync_meta set schema_version = {version};"), "");
    }
    for table in ["clerk_sync_lease", "clerk_sync_pending_deletions"] {
        assert!(script.contains(table) && !first.contains(table));
    }
    database.run_sql(&first).await;
    let url = DatabaseUrl::parse(&database.url).expect("a URL");
    store::open(&url, conformance::mapping()).await.expect("a store")
}

async fn everything(store: &dyn Store) -> (Vec<Option<Entry>>, Vec<clerk_sync::mapping::Row>, FeedPage) {
    let mut entries = Vec::new();
    for i in 0..300 {
        entries.push(store.entry(&user(i)).await.expect("an entry"));
    }
    let rows = store.rows(None, 1_000).await.expect("rows");
    (entries, rows, store.changes(0, 1_000).await.expect("the feed"))
}

async fn loses_nothing(database: Database, later: &[&str]) {
    let store = made_by_version_1(&database, later).await;
    let state = store.schema().await.expect("the schema");
    let newest = 1 + i32::try_from(later.len()).expect("a few");
    assert_eq!((state.found, state.known, state.is_ready()), (1, newest, false));
    // Today's statements look at a table that version 1 did not have.
    database.run_sql(later[1]).await;
    store.commit(&(0..300).map(seen).collect::<Vec<_>>()).await.expect("written by version 1");
    database.run_sql("drop table clerk_sync_pending_deletions").await;
    delete_as_version_1(&database).await;
    store.note_event(77).await.expect("noted by version 1");
    let before = everything(&*store).await;
    assert_eq!((before.1.len(), before.2.last_number), (200, 400));

    let done = ["schema 2: reconciling", "schema 3: deletions held back", "schema 4: room in the ledger"];
    let done = &done[..later.len()];
    assert_eq!(store.migrate().await.expect("migrated"), done);
    assert!(store.schema().await.expect("the schema").is_ready());
    assert_eq!(everything(&*store).await, before);
    assert_eq!(store.gauges().await.expect("gauges").last_event_at, Some(77));
    assert_eq!(store.living_count().await.expect("a count"), 200);
    assert_eq!(store.pending_count().await.expect("a count"), PendingCount::default());
    let living = store.living(0, None, None, 2).await.expect("living users");
    assert_eq!(living.iter().map(|living| living.created_at).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.lease().await.expect("no lease"), None);
    let lease = store.take_lease("a", Duration::from_secs(60), false).await.expect("the lease");
    assert_eq!((lease.holder.as_str(), lease.token), ("a", 1));
    assert_eq!(store.migrate().await.expect("migrated again"), Vec::<String>::new());

    if store.name() == "MySQL" {
        // Cut short before the version was written.
        database.run_sql("update clerk_sync_meta set schema_version = 1").await;
        assert_eq!(store.migrate().await.expect("migrated again"), done);
        assert_eq!(store.lease().await.expect("the lease").expect("taken").token, 1);
        assert_eq!(everything(&*store).await, before);
    }
}

#[tokio::test]
async fn version_1_on_sqlite_loses_nothing() {
    let second = include_str!("../../migrations/sqlite/0002_reconcile.sql");
    let third = include_str!("../../migrations/sqlite/0003_pending_deletions.sql");
    loses_nothing(databases::sqlite().await, &[second, third]).await;
}

#[tokio::test]
async fn version_1_on_postgres_loses_nothing() {
    let second = include_str!("../../migrations/postgres/0002_reconcile.sql");
    let third = include_str!("../../migrations/postgres/0003_pending_deletions.sql");
    let fourth = include_str!("../../migrations/postgres/0004_ledger_room.sql");
    loses_nothing(databases::postgres().await, &[second, third, fourth]).await;
}

/// PostgreSQL counts updates that left every index alone ("HOT").
#[tokio::test]
async fn on_postgres_a_change_leaves_the_indexes_of_the_ledger_alone() {
    let database = databases::postgres().await;
    let again = |i| renamed(i, "another name", 10_000 + i);
    database.store.commit(&(0..300).map(seen).collect::<Vec<_>>()).await.expect("written");
    database.store.commit(&(0..300).map(again).collect::<Vec<_>>()).await.expect("changed");
    // A session tells its counts when it ends, or a while later.
    database.store.close().await;
    let count = "select n_tup_upd, n_tup_hot_upd into updates, hot from pg_stat_user_tables \
         where schemaname = current_schema() and relname = 'clerk_sync_users'";
    let sql = format!(
        "do $$ declare updates bigint; hot bigint; begin for tried in 1..200 loop \
         perform pg_stat_clear_snapshot(); {count}; exit when updates = 300; perform pg_sleep(0.1); end loop; \
         assert updates = 300 and hot = 300, format('%s updates, %s of them HOT', updates, hot); end $$"
    );
    assert!(database.run_sql(&sql).await);
}

#[tokio::test]
async fn version_1_on_mysql_loses_nothing() {
    let second = include_str!("../../migrations/mysql/0002_reconcile.sql");
    let third = include_str!("../../migrations/mysql/0003_pending_deletions.sql");
    loses_nothing(databases::mysql().await, &[second, third]).await;
}
