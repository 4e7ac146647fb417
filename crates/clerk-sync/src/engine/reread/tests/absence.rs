//! When `resource_not_found` is a deletion.

use super::*;
use crate::rule::State;

async fn created(rig: &Rig, at: i64) {
    let body = event("user.created", NOON, &person_since(at, "user_1", at, "ada"));
    rig.receive(&body).await;
}

#[tokio::test]
async fn a_known_user_older_than_ten_minutes_is_gone_at_once() {
    let rig = Rig::new();
    created(&rig, NOON - 10 * MINUTE - 1).await;
    rig.clerk.misses("user_1");
    let read = rig.sync("user_1").await.expect("an answer");
    assert!(matches!(read, Reread::Applied { present: false, .. }));
    assert_eq!(rig.username("user_1").await, None);
    let version = rig.entry("user_1").await.expect("a tombstone").standing.version;
    assert_eq!((version.state, version.as_of), (State::Gone, NOON));
}

#[tokio::test]
async fn a_young_user_must_be_missed_twice_a_minute_apart() {
    let rig = Rig::new();
    created(&rig, NOON - 9 * MINUTE).await;
    let before = rig.entry("user_1").await;
    rig.clerk.misses("user_1");
    assert_eq!(rig.sync("user_1").await.expect("an answer"), Reread::AbsentNotYet);
    rig.pass(30).await;
    assert_eq!(rig.sync("user_1").await.expect("an answer"), Reread::AbsentNotYet, "too soon to count");
    assert_eq!(rig.entry("user_1").await, before, "nothing is written until then");
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    rig.pass(30).await;
    let read = rig.sync("user_1").await.expect("an answer");
    assert!(matches!(read, Reread::Applied { present: false, .. }));
    assert_eq!(rig.username("user_1").await, None);
}

#[tokio::test]
async fn the_second_time_comes_by_itself() {
    let rig = Rig::new();
    created(&rig, NOON - MINUTE).await;
    rig.clerk.misses("user_1");
    rig.sync("user_1").await.expect("an answer");
    rig.pass(61).await;
    assert_eq!(rig.clerk.calls("user_1"), 1);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    rig.pass(2).await;
    assert_eq!(rig.clerk.calls("user_1"), 2);
    assert_eq!(rig.username("user_1").await, None);
    rig.pass(600).await;
    assert_eq!(rig.clerk.calls("user_1"), 2, "then it is clear");
}

#[tokio::test]
async fn a_user_we_never_saw_leaves_a_tombstone_the_second_time() {
    let rig = Rig::new();
    rig.clerk.misses("user_1");
    assert_eq!(rig.sync("user_1").await.expect("an answer"), Reread::AbsentNotYet);
    assert_eq!(rig.entry("user_1").await, None);
    rig.pass(63).await;
    let version = rig.entry("user_1").await.expect("a tombstone").standing.version;
    assert_eq!(version.state, State::Gone);
    assert_eq!(rig.change_count().await, 0, "no reader ever saw that user");
}

#[tokio::test]
async fn a_sight_in_between_begins_the_count_anew() {
    let rig = Rig::new();
    let person = person_since(NOON - MINUTE, "user_1", NOON - MINUTE, "ada");
    rig.clerk.misses("user_1");
    rig.clerk.shows("user_1", &person);
    rig.clerk.misses("user_1");
    assert_eq!(rig.sync("user_1").await.expect("an answer"), Reread::AbsentNotYet);
    rig.clock.advance(Duration::from_secs(30));
    rig.sync("user_1").await.expect("there it is");
    rig.clock.advance(Duration::from_secs(31));
    assert_eq!(rig.sync("user_1").await.expect("an answer"), Reread::AbsentNotYet);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn an_absence_without_a_date_never_counts() {
    let rig = Rig::new();
    created(&rig, NOON - HOUR).await;
    rig.clerk.misses_at("user_1", Date::Missing);
    for _ in 0..3 {
        assert_eq!(rig.sync("user_1").await.expect("an answer"), Reread::AbsentNotYet);
        rig.clock.advance(Duration::from_secs(300));
        quiet().await;
    }
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn who_is_gone_already_stays_gone_without_a_doubt() {
    let rig = Rig::new();
    rig.receive(&deleted("user_1", NOON - HOUR)).await;
    rig.clerk.misses("user_1");
    let read = rig.sync("user_1").await.expect("an answer");
    assert!(matches!(read, Reread::Applied { present: false, .. }));
    rig.pass(120).await;
    assert_eq!(rig.clerk.calls("user_1"), 1);
    assert_eq!(rig.change_count().await, 0);
}

#[tokio::test]
async fn another_404_says_nothing_about_the_user() {
    let rig = Rig::new();
    created(&rig, NOON - HOUR).await;
    // So HttpClerk reports a 404 of any other code.
    rig.clerk.fails("user_1", ClerkErrorKind::Unexpected);
    rig.sync("user_1").await.expect_err("no answer");
    rig.pass(120).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    assert_eq!(rig.clerk.calls("user_1"), 1);
}
