//! What other processes delete, and what becomes of memory when the feed cannot be followed.

use super::*;
use crate::engine::testing::{NOON, deleted, gone, present, updated};

impl Bench {
    /// Another process imports so many users.
    async fn populate(&self, count: usize) {
        let people: Vec<_> =
            (0..count).map(|number| present(&format!("user_x{number}"), NOON, NOON, "x")).collect();
        for batch in people.chunks(250) {
            self.rig.store.commit(batch).await.expect("written");
        }
    }
}

/// A bench that knows `user_1`.
async fn knowing() -> Bench {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    bench.ensure("user_1").await.expect("there");
    assert!(bench.users.is_known("user_1"));
    bench
}

#[tokio::test]
async fn a_deletion_here_is_known_before_its_sender_is_answered() {
    let bench = knowing().await;
    bench.rig.receive(&deleted("user_1", NOON + 1)).await;
    assert!(!bench.users.is_known("user_1"));
    // Also one that changes nothing any more.
    bench.rig.receive(&updated("user_2", NOON, NOON, "bob")).await;
    bench.ensure("user_2").await.expect("there");
    bench.rig.store.commit(&[gone("user_2", NOON + 1)]).await.expect("another process");
    bench.rig.receive(&updated("user_2", NOON, NOON, "bob")).await;
    assert!(!bench.users.is_known("user_2"), "a stale event shows that the user is gone");
}

#[tokio::test]
async fn a_deletion_by_another_process_is_heard_within_a_second() {
    let bench = knowing().await;
    // Past the door, as another process would.
    bench
        .rig
        .store
        .commit(&[gone("user_1", NOON + 1), present("user_2", NOON, NOON, "bob")])
        .await
        .expect("written");
    assert!(bench.users.is_known("user_1"), "nobody can know yet");
    bench.rig.pass(1).await;
    assert!(!bench.users.is_known("user_1"));
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Deleted));
    assert_eq!(bench.ensure("user_2").await, Ok(Ensured::Found));
}

#[tokio::test]
async fn a_new_epoch_forgets_everyone() {
    let bench = knowing().await;
    bench.rig.pass(1).await;
    assert!(bench.users.is_known("user_1"), "following forgets nobody");
    bench.rig.store.restart_feed("restored");
    bench.rig.pass(1).await;
    assert!(!bench.users.is_known("user_1"));
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Found));
    bench.rig.pass(2).await;
    assert!(bench.users.is_known("user_1"), "the new epoch is followed");
    bench.rig.store.commit(&[gone("user_1", NOON + 1)]).await.expect("written");
    bench.rig.pass(1).await;
    assert!(!bench.users.is_known("user_1"));
}

#[tokio::test]
async fn a_broken_feed_makes_requests_cold_after_five_seconds_and_not_before() {
    let bench = knowing().await;
    bench.rig.pass(1).await;
    bench.rig.store.feed_away(true);
    bench.rig.pass(4).await;
    assert!(bench.users.is_known("user_1"));
    bench.rig.pass(2).await;
    assert!(!bench.users.is_known("user_1"));
    assert!(bench.users.feed_age() > Some(FRESH));
    // The database decides meanwhile.
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Found));
    bench.rig.store.commit(&[gone("user_1", NOON + 1)]).await.expect("written");
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Deleted));
    // What happened while it was broken is heard first, and only then is anybody known.
    bench.rig.store.commit(&[present("user_2", NOON, NOON, "bob")]).await.expect("written");
    bench.rig.store.feed_away(false);
    bench.rig.pass(1).await;
    assert!(!bench.users.is_known("user_1"));
    assert_eq!(bench.ensure("user_2").await, Ok(Ensured::Found));
    assert!(bench.users.is_known("user_2"));
}

#[tokio::test]
async fn nobody_is_known_before_the_feed_was_looked_at() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    rig.store.feed_away(true);
    let users = EnsureUsers::start(&rig.engine, EnsureOptions::default());
    quiet().await;
    assert_eq!(users.ensure(&user("user_1"), None, PATIENCE).await, Ok(Ensured::Found));
    assert!(!users.is_known("user_1") && users.feed_age().is_none());
    // Deleted before the first look, whose end of the feed lies behind the deletion.
    rig.store.commit(&[gone("user_1", NOON + 1)]).await.expect("written");
    rig.store.feed_away(false);
    rig.pass(1).await;
    assert!(users.feed_age().is_some());
    assert!(!users.is_known("user_1"));
}

#[tokio::test]
async fn many_deletions_are_heard_page_by_page() {
    let bench = knowing().await;
    bench.populate(25_000).await;
    bench.rig.store.commit(&[gone("user_1", NOON + 1)]).await.expect("written");
    let before = bench.rig.store.feed_looks();
    bench.rig.pass(1).await;
    assert!(!bench.users.is_known("user_1"));
    assert!(bench.rig.store.feed_looks() - before >= 3);
}

#[tokio::test]
async fn whoever_lags_far_behind_forgets_everyone_and_goes_on_from_the_end() {
    let bench = knowing().await;
    bench.rig.receive(&updated("user_2", NOON, NOON, "bob")).await;
    bench.ensure("user_2").await.expect("there");
    bench.populate(120_000).await;
    let before = bench.rig.store.feed_looks();
    bench.rig.pass(1).await;
    assert!(!bench.users.is_known("user_1") && !bench.users.is_known("user_2"));
    assert!(bench.rig.store.feed_looks() - before <= 3, "it looked through all of it");
    assert_eq!(bench.ensure("user_2").await, Ok(Ensured::Found));
    assert!(bench.users.is_known("user_2"));
}

#[tokio::test]
async fn the_follower_ends_with_the_last_clone() {
    let bench = knowing().await;
    let (weak, store, clock) =
        (Arc::downgrade(&bench.users.inner), Arc::clone(&bench.rig.store), Arc::clone(&bench.rig.clock));
    let clone = bench.users.clone();
    let Bench { rig, users } = bench;
    drop(users);
    rig.pass(1).await;
    assert!(clone.is_known("user_1"), "a clone is left");
    drop(clone);
    quiet().await;
    assert!(weak.upgrade().is_none());
    let looks = store.feed_looks();
    clock.advance(Duration::from_secs(60));
    quiet().await;
    assert_eq!(store.feed_looks(), looks);
}

#[tokio::test]
async fn the_follower_ends_with_the_engine() {
    let bench = knowing().await;
    bench.rig.engine.drain().await;
    quiet().await;
    let looks = bench.rig.store.feed_looks();
    bench.rig.pass(10).await;
    assert_eq!(bench.rig.store.feed_looks(), looks);
    assert!(!bench.users.is_known("user_1"), "nobody vouches for it any more");
}
