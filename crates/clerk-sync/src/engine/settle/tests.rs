use crate::{
    clerk::ClerkErrorKind,
    engine::testing::{HOUR, NOON, Rig, SECOND, person, present, quiet, until, updated, user},
    engine::{Receipt, Reread},
    rule::Verdict,
};
use std::time::Duration;

/// Two events of one `updated_at` that say different things, the later one `b`.
async fn tie(rig: &Rig, id: &str) {
    for (timestamp, name) in [(NOON + 10, "a"), (NOON + 20, "b")] {
        assert_eq!(rig.receive(&updated(id, NOON, timestamp, name)).await, Receipt::Accepted);
    }
}

#[tokio::test]
async fn a_tie_brings_one_read_that_ranks_above_both_and_no_further_one() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "c"));
    rig.receive(&updated("user_1", NOON, NOON + 10, "a")).await;
    quiet().await;
    assert_eq!(rig.clerk.calls("user_1"), 0, "one event is no tie");
    rig.receive(&updated("user_1", NOON, NOON + 20, "b")).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("b"), "the row does not wait for the read");
    until("Clerk is asked", || rig.clerk.calls("user_1") == 1).await;
    quiet().await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("c"));
    // The answer's Date lies before both events, cut to its second.
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!((version.updated_at, version.as_of), (NOON, NOON + 21));
    rig.pass(HOUR as u64 / 1_000).await;
    assert_eq!(rig.clerk.calls("user_1"), 1);
    assert_eq!(rig.change_count().await, 3);
}

#[tokio::test]
async fn an_answer_with_a_later_date_keeps_it() {
    let rig = Rig::new();
    rig.clock.advance(Duration::from_secs(7));
    rig.clerk.shows("user_1", &person("user_1", NOON, "c"));
    tie(&rig, "user_1").await;
    quiet().await;
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!(version.as_of, NOON + 7 * SECOND);
}

#[tokio::test]
async fn the_loser_of_a_tie_asks_too() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "a"));
    rig.receive(&updated("user_1", NOON, NOON + 20, "b")).await;
    rig.receive(&updated("user_1", NOON, NOON + 10, "a")).await;
    quiet().await;
    assert_eq!(rig.clerk.calls("user_1"), 1);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("a"), "Clerk knows better than the timestamps");
}

#[tokio::test]
async fn a_read_that_was_sent_before_the_tie_was_seen_does_not_settle_it() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON, NOON + 10, "a")).await;
    rig.clerk.shows("user_1", &person("user_1", NOON, "a"));
    rig.clerk.shows("user_1", &person("user_1", NOON, "b"));
    rig.clerk.hold();
    let early = tokio::spawn({
        let engine = rig.engine.clone();
        async move { engine.sync(&user("user_1"), false, Duration::ZERO).await }
    });
    until("the early read is sent", || rig.clerk.calls("user_1") == 1).await;
    rig.receive(&updated("user_1", NOON, NOON + 20, "b")).await;
    quiet().await;
    assert_eq!(rig.clerk.calls("user_1"), 1, "one read of a user at a time");
    rig.clerk.release();
    early.await.expect("no panic").expect("an answer");
    until("the tie is read", || rig.clerk.calls("user_1") >= 2).await;
    quiet().await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("b"));
}

/// What won the tie may be seen again, with a later timestamp, while Clerk is asked. Then the answer ranks below it.
#[tokio::test]
async fn an_answer_that_was_overtaken_is_asked_for_again() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "truth"));
    rig.clerk.hold();
    rig.receive(&updated("user_1", NOON, NOON + 5, "wrong")).await;
    rig.receive(&updated("user_1", NOON, NOON, "truth")).await;
    until("Clerk is asked", || rig.clerk.calls("user_1") == 1).await;
    rig.receive(&updated("user_1", NOON, NOON + 9, "wrong")).await;
    rig.clerk.release();
    until("and again", || rig.clerk.calls("user_1") == 2).await;
    quiet().await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("truth"));
    assert_eq!(rig.entry("user_1").await.expect("an entry").standing.version.as_of, NOON + 10);
    rig.pass(100).await;
    assert_eq!(rig.clerk.calls("user_1"), 2);
}

#[tokio::test]
async fn many_ties_of_one_user_share_reads() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "last"));
    rig.clerk.hold();
    for number in 0..30 {
        rig.receive(&updated("user_1", NOON, NOON + number, &format!("name {number}"))).await;
    }
    quiet().await;
    rig.clerk.release();
    quiet().await;
    assert!(rig.clerk.calls("user_1") <= 6, "{} reads", rig.clerk.calls("user_1"));
    assert_eq!(rig.username("user_1").await.as_deref(), Some("last"));
    assert!(rig.engine.parts.settling.is_idle());
}

#[tokio::test]
async fn few_reads_run_at_once() {
    let rig = Rig::new();
    rig.clerk.hold();
    for number in 0..12 {
        let id = format!("user_{number}");
        rig.clerk.shows(&id, &person(&id, NOON, "c"));
        tie(&rig, &id).await;
    }
    quiet().await;
    assert_eq!(rig.clerk.running(), 4);
    rig.clerk.release();
    quiet().await;
    assert_eq!(rig.clerk.all_calls(), 12);
    assert!(rig.engine.parts.settling.is_idle());
}

#[tokio::test]
async fn a_read_that_fails_is_tried_again_after_growing_pauses() {
    let rig = Rig::new();
    for _ in 0..3 {
        rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    }
    rig.clerk.shows("user_1", &person("user_1", NOON, "c"));
    tie(&rig, "user_1").await;
    quiet().await;
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(rig.clerk.calls("user_1"));
        rig.pass(1).await;
    }
    // After one second, two more, four more.
    assert_eq!(calls, [1, 2, 2, 3, 3, 3, 3, 4]);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("c"));
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!(version.as_of, NOON + 7 * SECOND);
}

#[tokio::test]
async fn a_retry_after_of_clerks_is_waited_for() {
    let rig = Rig::new();
    rig.clerk.fails("user_1", ClerkErrorKind::Throttled { retry_after: Duration::from_secs(200) });
    rig.clerk.shows("user_1", &person("user_1", NOON, "c"));
    tie(&rig, "user_1").await;
    rig.pass(199).await;
    assert_eq!(rig.clerk.calls("user_1"), 1);
    rig.pass(2).await;
    assert_eq!(rig.clerk.calls("user_1"), 2);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("c"));
}

#[tokio::test]
async fn what_clerk_says_unreadably_is_given_up_and_the_row_stays() {
    let rig = Rig::new();
    rig.clerk.says("user_1", "{\"id\":\"user_1\"}");
    tie(&rig, "user_1").await;
    rig.pass(300).await;
    assert_eq!(rig.clerk.calls("user_1"), 1);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("b"));
    assert!(rig.engine.parts.settling.is_idle());
}

#[tokio::test]
async fn a_tie_whose_caller_went_away_is_settled_all_the_same() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "c"));
    rig.receive(&updated("user_1", NOON, NOON + 10, "a")).await;
    rig.store.hold();
    let engine = rig.engine.clone();
    let caller = tokio::spawn(async move { engine.apply(present("user_1", NOON, NOON + 20, "b")).await });
    until("its commit runs", || rig.store.begun() == 2).await;
    caller.abort();
    caller.await.expect_err("aborted");
    rig.store.release();
    until("Clerk is asked", || rig.clerk.calls("user_1") == 1).await;
    quiet().await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("c"));
}

#[tokio::test]
async fn a_database_that_is_away_delays_the_settling_only() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "c"));
    rig.clerk.hold();
    tie(&rig, "user_1").await;
    until("Clerk is asked", || rig.clerk.calls("user_1") == 1).await;
    rig.store.away(Some(crate::store::StoreErrorKind::Unavailable));
    rig.clerk.release();
    rig.pass(2).await;
    rig.store.away(None);
    rig.pass(10).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("c"));
}

#[tokio::test]
async fn a_drained_engine_reads_no_more() {
    let rig = Rig::new();
    rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    rig.clerk.shows("user_1", &person("user_1", NOON, "c"));
    tie(&rig, "user_1").await;
    quiet().await;
    rig.engine.drain().await;
    rig.pass(100).await;
    assert_eq!(rig.clerk.calls("user_1"), 1);
}

#[tokio::test]
async fn an_engine_that_is_let_go_ends_its_background_work() {
    let rig = Rig::new();
    let parts = std::sync::Arc::downgrade(&rig.engine.parts);
    quiet().await;
    let Rig { engine, .. } = rig;
    drop(engine);
    quiet().await;
    assert!(parts.upgrade().is_none());
}

/// A settling read that finds the user deleted leaves that to the rule for absences.
#[tokio::test]
async fn a_tie_of_a_user_that_is_deleted_meanwhile_ends_in_its_deletion() {
    let rig = Rig::new();
    rig.clerk.misses("user_1");
    rig.clock.advance(Duration::from_secs(60));
    tie(&rig, "user_1").await;
    quiet().await;
    assert_eq!(rig.username("user_1").await, None);
    let again = rig.sync("user_1").await.expect("an answer");
    assert!(
        matches!(again, Reread::Applied { present: false, applied } if applied.verdict == Verdict::Duplicate)
    );
}
