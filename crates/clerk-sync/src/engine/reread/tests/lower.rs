//! A ledger whose `updated_at` is too high.

use super::*;

/// An event whose `updated_at` runs ahead, though by less than an hour, is believed at first.
async fn run_ahead(rig: &Rig) {
    rig.receive(&updated("user_1", NOON + 50 * MINUTE, NOON, "wrong")).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("wrong"));
}

fn clerk_says(rig: &Rig, updated_at: i64, username: &str) {
    rig.clerk.shows("user_1", &person("user_1", updated_at, username));
}

#[tokio::test]
async fn two_reads_a_minute_apart_that_agree_reset_it() {
    let rig = Rig::new();
    run_ahead(&rig).await;
    clerk_says(&rig, NOON - HOUR, "right");
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stale);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("wrong"), "once is not enough");
    rig.clock.advance(Duration::from_secs(60));
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stands);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("right"));
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!((version.updated_at, version.as_of), (NOON - HOUR, NOON + MINUTE));
    // The next honest event is not held off any more.
    rig.receive(&updated("user_1", NOON + 2 * MINUTE, NOON + 2 * MINUTE, "newer")).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("newer"));
}

#[tokio::test]
async fn the_second_read_comes_by_itself() {
    let rig = Rig::new();
    run_ahead(&rig).await;
    clerk_says(&rig, NOON - HOUR, "right");
    rig.sync("user_1").await.expect("an answer");
    rig.pass(61).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("wrong"));
    rig.pass(2).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("right"));
    assert_eq!(rig.clerk.calls("user_1"), 2);
    rig.pass(600).await;
    assert_eq!(rig.clerk.calls("user_1"), 2, "then it is clear");
}

#[tokio::test]
async fn reads_that_are_close_together_are_one_witness() {
    let rig = Rig::new();
    run_ahead(&rig).await;
    clerk_says(&rig, NOON - HOUR, "right");
    for _ in 0..6 {
        assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stale);
        rig.clock.advance(Duration::from_secs(9));
    }
    assert_eq!(rig.username("user_1").await.as_deref(), Some("wrong"));
}

#[tokio::test]
async fn reads_that_disagree_begin_anew() {
    let rig = Rig::new();
    run_ahead(&rig).await;
    clerk_says(&rig, NOON - 2 * HOUR, "older");
    clerk_says(&rig, NOON - HOUR, "right");
    rig.sync("user_1").await.expect("an answer");
    rig.clock.advance(Duration::from_secs(61));
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stale);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("wrong"));
    rig.clock.advance(Duration::from_secs(61));
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stands);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("right"));
}

#[tokio::test]
async fn a_ledger_that_moved_on_in_between_is_not_reset() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON, NOON, "new")).await;
    // Clerk's answers lag behind.
    clerk_says(&rig, NOON - HOUR, "old");
    rig.sync("user_1").await.expect("an answer");
    rig.receive(&updated("user_1", NOON + MINUTE, NOON + MINUTE, "newer")).await;
    rig.clock.advance(Duration::from_secs(61));
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stale);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("newer"));
}

#[tokio::test]
async fn a_deletion_is_not_reset() {
    let rig = Rig::new();
    run_ahead(&rig).await;
    clerk_says(&rig, NOON - HOUR, "right");
    rig.sync("user_1").await.expect("an answer");
    rig.receive(&deleted("user_1", NOON)).await;
    rig.clock.advance(Duration::from_secs(61));
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stale);
    assert_eq!(rig.username("user_1").await, None);
}
