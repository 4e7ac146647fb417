//! Deletions that `[users] delete_after` holds back: the user is gone at once, and the row later, or never.

mod letters;
mod people;

use crate::harness::{Clerk, Database, Kind, Person, Random, Setup, eventually, now_ms, pass};
use rstest::rstest;
use serde_json::json;
use std::time::Duration;

/// Longer than any test takes.
const HOUR: &str = "[users]\ndelete_after = \"1h\"\n";

/// A service that holds back, and people whose rows are there.
async fn with_people(kind: Kind, config: &str, ids: &[&str]) -> (Clerk, Database, Setup) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database).config(config);
    let server = setup.serve().await;
    for id in ids {
        server.accept(&clerk.created(&Person::new(id))).await;
    }
    server.stop().await;
    (clerk, database, setup)
}

/// Everything that waits is due.
async fn all_due(database: &Database) {
    database.run("update clerk_sync_pending_deletions set due_at = 1 where due_at is not null").await;
}

async fn pending(database: &Database) -> i64 {
    database.number("count(*) from clerk_sync_pending_deletions").await
}

/// A server looks for what is due when it starts, and has done it by the time that `check` holds.
async fn served_until(setup: &Setup, what: &str, check: impl AsyncFnMut() -> bool) {
    let server = setup.serve().await;
    eventually(what, check).await;
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_row_goes_when_its_time_has_come(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let config = "[users]\ndelete_after = \"1s\"\n";
    let (clerk, database, setup) = with_people(kind, config, &["user_ada", "user_bob"]).await;
    let server = setup.serve().await;
    server.accept(&clerk.deleted("user_ada", now_ms())).await;
    let told = [("user_ada", "created"), ("user_bob", "created"), ("user_ada", "deleted")];
    let told = told.map(|(id, change)| (id.to_owned(), change.to_owned()));
    assert_eq!(database.feed().await, told);
    eventually("the row is gone", async || !database.users().await.contains_key("user_ada")).await;
    assert_eq!((database.users().await.len(), pending(&database).await), (1, 0));
    assert_eq!(database.feed().await, told, "it was told before");
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn until_then_it_can_be_cancelled_or_done(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database, setup) = with_people(kind, HOUR, &["user_ada", "user_bob", "user_cy"]).await;
    assert_eq!(setup.output(&["deletions", "list"]).await, "no deletion is held back\n");
    let server = setup.serve().await;
    for id in ["user_ada", "user_bob", "user_cy"] {
        server.accept(&clerk.deleted(id, now_ms())).await;
    }
    assert!(server.metrics().await.contains("clerk_sync_pending_deletions 3\n"));
    server.stop().await;

    let listed = setup.json(&["deletions", "list", "--json"]).await;
    assert_eq!(listed.len(), 3);
    let due = listed[0]["due_at"].as_i64().expect("a time") - now_ms();
    assert!((3_500_000..3_700_000).contains(&due), "{listed:?}");
    let line = setup.output(&["deletions", "list"]).await;
    assert!(line.starts_with("user_ada  20") && line.contains(" UTC\nuser_bob  20"), "{line}");

    let cancelled = setup.output(&["deletions", "cancel", "user_ada", "user_bob"]).await;
    assert_eq!(
        cancelled,
        "user_ada: the row stays for good, and the user stays deleted\n\
         user_bob: the row stays for good, and the user stays deleted\n"
    );
    let ada = &setup.json(&["deletions", "list", "--json"]).await[0];
    assert_eq!(*ada, json!({"user_id": "user_ada", "due_at": null, "cancelled": true}));
    let status = &setup.json(&["status", "--json"]).await[0];
    assert_eq!(status["pending_deletions"], json!({"waiting": 1, "cancelled": 2}));
    let status = setup.output(&["status"]).await;
    assert!(
        status.contains("held back      1 deletions, and 2 were cancelled: clerk-sync deletions list\n"),
        "{status}"
    );

    all_due(&database).await;
    served_until(&setup, "the row that was not cancelled is gone", async || {
        !database.users().await.contains_key("user_cy")
    })
    .await;
    assert_eq!(database.users().await.len(), 2);
    // Heard of again, under settings that delete at once, and repaired: it stays.
    let setup_now = setup.clone().config("");
    let server = setup_now.serve().await;
    server.accept(&clerk.deleted("user_ada", now_ms() + 1_000)).await;
    server.stop().await;
    let reconciled = setup_now.run(&["reconcile"]).await;
    assert_eq!(reconciled.code, Some(0), "{reconciled:?}");
    assert_eq!(database.users().await.len(), 2);

    let run = setup_now.json(&["deletions", "run", "user_ada", "--json"]).await;
    assert_eq!(
        run,
        [json!({"user_id": "user_ada", "result": "done", "detail": "what was held back is done"})]
    );
    assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_bob"]);
    for verb in ["cancel", "run"] {
        let none = setup.run(&["deletions", verb, "user_ada", "user_nobody"]).await;
        assert_eq!(none.code, Some(2), "{none:?}");
        let told = "no deletion is held back: see clerk-sync deletions list";
        assert_eq!(none.out, format!("user_ada: {told}\nuser_nobody: {told}\n"));
        let wrong = setup.run(&["deletions", verb, "no id"]).await;
        assert_eq!((wrong.code, wrong.err.contains("is no user id")), (Some(2), true), "{wrong:?}");
        assert_eq!(setup.run(&["deletions", verb]).await.code, Some(2));
    }
    assert_eq!(setup.run(&["deletions"]).await.code, Some(2));
}

/// What is held back is done by the settings of the day, also where these hold nothing back any more.
#[rstest]
#[tokio::test]
async fn what_is_due_is_done_though_the_setting_is_gone(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database, setup) = with_people(kind, HOUR, &["user_ada"]).await;
    let server = setup.serve().await;
    server.accept(&clerk.deleted("user_ada", now_ms())).await;
    server.stop().await;
    let setup = setup.config("");
    let reconciled = setup.run(&["reconcile"]).await;
    assert_eq!((reconciled.code, database.users().await.len()), (Some(0), 1), "{reconciled:?}");
    all_due(&database).await;
    served_until(&setup, "the row is gone", async || database.users().await.is_empty()).await;
}

/// A process is killed again and again while it carries out, and another does the same beside it.
#[rstest]
#[tokio::test]
async fn killed_in_the_middle_nothing_is_half_done(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    const USERS: usize = 300;
    let (clerk, database, setup) = with_people(kind, HOUR, &[]).await;
    let server = setup.serve().await;
    let ids: Vec<String> = (0..USERS).map(|i| format!("user_{i:03}")).collect();
    for id in &ids {
        server.accept(&clerk.created(&Person::new(id))).await;
        server.accept(&clerk.deleted(id, now_ms())).await;
    }
    server.stop().await;
    assert_eq!(pending(&database).await, USERS as i64);
    all_due(&database).await;
    let mut random = Random(0xdead);
    for _ in 0..4 {
        let one = setup.serve().await;
        pass(Duration::from_millis(random.below(30))).await;
        one.kill().await;
        let apart = "count(*) from users u left join clerk_sync_pending_deletions p on p.user_id = u.clerk_id \
             where p.user_id is null";
        assert_eq!(database.number(apart).await, 0, "a row without its entry");
        assert_eq!(database.users().await.len() as i64, pending(&database).await);
    }
    served_until(&setup, "every row is gone", async || database.users().await.is_empty()).await;
    assert_eq!((pending(&database).await, database.letters().await), (0, 0));
}
