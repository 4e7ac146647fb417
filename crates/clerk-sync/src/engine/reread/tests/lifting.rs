//! `sync <id> --force`.

use super::*;
use crate::rule::State;

async fn wrongly_deleted(rig: &Rig) {
    rig.receive(&updated("user_1", NOON - HOUR, NOON - HOUR, "ada")).await;
    rig.receive(&deleted("user_1", NOON - MINUTE)).await;
    assert_eq!(rig.username("user_1").await, None);
}

#[tokio::test]
async fn without_force_a_tombstone_stands_whatever_clerk_says() {
    let rig = Rig::new();
    wrongly_deleted(&rig).await;
    rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    let read = rig.sync("user_1").await.expect("an answer");
    assert!(matches!(&read, Reread::Applied { present: true, applied }
        if applied.verdict == Verdict::Stale
        && applied.standing.is_some_and(|version| version.state == State::Gone)));
    assert_eq!(rig.username("user_1").await, None);
}

#[tokio::test]
async fn with_force_the_row_is_back_and_the_old_deletion_does_not_return() {
    let rig = Rig::new();
    wrongly_deleted(&rig).await;
    rig.clerk.shows("user_1", &person("user_1", NOON - HOUR, "ada"));
    rig.force("user_1").await.expect("an answer");
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    let standing = rig.entry("user_1").await.expect("an entry").standing;
    assert_eq!(standing.lifted_as_of, Some(NOON));
    // Svix sends the deletion again; anything up to the lifting is stale.
    for at in [NOON - MINUTE, NOON] {
        rig.receive(&deleted("user_1", at)).await;
        assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    }
    rig.receive(&deleted("user_1", NOON + SECOND)).await;
    assert_eq!(rig.username("user_1").await, None, "a later deletion is a deletion");
}

#[tokio::test]
async fn a_second_read_brings_what_was_turned_away_meanwhile() {
    let rig = Rig::new();
    wrongly_deleted(&rig).await;
    rig.receive(&updated("user_1", NOON - SECOND, NOON - SECOND, "turned away")).await;
    rig.clerk.shows("user_1", &person("user_1", NOON - HOUR, "ada"));
    rig.clerk.shows("user_1", &person("user_1", NOON - SECOND, "turned away"));
    rig.force("user_1").await.expect("an answer");
    assert_eq!(rig.username("user_1").await.as_deref(), Some("turned away"));
    quiet().await;
    assert!(rig.clerk.calls("user_1") <= 3, "{} reads", rig.clerk.calls("user_1"));
}

#[tokio::test]
async fn a_tombstone_dated_later_than_the_answer_is_lifted_too() {
    let rig = Rig::new();
    rig.receive(&deleted("user_1", NOON + 30 * SECOND)).await;
    rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    rig.force("user_1").await.expect("an answer");
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    let standing = rig.entry("user_1").await.expect("an entry").standing;
    assert_eq!(standing.lifted_as_of, Some(NOON + 30 * SECOND));
}

#[tokio::test]
async fn force_does_nothing_for_a_user_that_clerk_does_not_have() {
    let rig = Rig::new();
    wrongly_deleted(&rig).await;
    rig.clerk.misses("user_1");
    let read = rig.force("user_1").await.expect("an answer");
    assert!(matches!(read, Reread::Applied { present: false, .. }));
    assert_eq!(rig.username("user_1").await, None);
    assert_eq!(rig.entry("user_1").await.expect("an entry").standing.lifted_as_of, None);
    assert_eq!(rig.clerk.calls("user_1"), 1, "no second read");
}

#[tokio::test]
async fn force_on_a_user_that_is_there_is_a_plain_sync() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON - HOUR, NOON - HOUR, "ada")).await;
    rig.clerk.shows("user_1", &person("user_1", NOON - HOUR, "ada"));
    rig.force("user_1").await.expect("an answer");
    assert_eq!(rig.change_count().await, 1);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
}
