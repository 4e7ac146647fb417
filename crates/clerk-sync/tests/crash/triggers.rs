//! A statement of SQLite's that fails half-way, on each table in turn.

use crate::{databases, trial::Trial};
use clerk_sync::store::conformance::Fixture;
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn sqlite_writes_the_whole_batch_or_nothing_whichever_statement_fails(
    #[values(
        "insert on clerk_sync_users",
        "update on clerk_sync_users",
        "insert on users",
        "update on users",
        "delete on users",
        "insert on clerk_sync_changes",
        "update on clerk_sync_meta",
        "delete on clerk_sync_dead_letters"
    )]
    statement: &str,
    // The statement alone is undone; what it did so far stays; the transaction is ended behind the store's back.
    #[values("abort", "fail", "rollback")] how: &str,
) {
    let database = databases::sqlite().await;
    let trial = Trial::prepare(&database.store, "1").await;
    let trigger = format!("create trigger crash after {statement} begin select raise({how}, 'crash'); end");
    database.run_sql(&trigger).await;
    database.store.commit(&trial.batch()).await.expect_err("the trigger fires");
    assert!(!trial.is_written(&database.store).await);
    database.run_sql("drop trigger crash").await;
    trial.retry(&database.store).await;
}
