//! `dead-letters replay`.

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// A letter of the first user, whose row was refused.
async fn letter(rig: &Rig) -> i64 {
    rig.store.refuse("taken");
    rig.clerk.shows("user_1", &person("user_1", NOON, "taken"));
    rig.receive(&updated("user_1", NOON, NOON, "taken")).await;
    let letters = rig.letters().await;
    assert_eq!(letters.len(), 1);
    letters[0].number
}

#[tokio::test]
async fn a_replay_reads_the_user_anew_and_the_letter_is_gone() {
    let rig = Rig::new();
    let number = letter(&rig).await;
    rig.store.refuse_nothing();
    let replay = rig.engine.replay(number, PATIENCE).await.expect("applied");
    assert_eq!(replay, Some(Replay::Applied { present: true }));
    assert_eq!(rig.username("user_1").await.as_deref(), Some("taken"));
    assert_eq!(rig.letters().await, []);
    let change = rig.store.changes(0, 10).await.expect("readable").entries.pop().expect("a change");
    assert_eq!(change.flow, "replay");
    assert_eq!(rig.engine.replay(number, PATIENCE).await.expect("no trouble"), None);
}

#[tokio::test]
async fn a_letter_whose_row_stands_already_is_dropped() {
    let rig = Rig::new();
    let number = letter(&rig).await;
    rig.store.refuse_nothing();
    rig.sync("user_1").await.expect("an answer");
    assert_eq!(rig.letters().await, [], "the change healed it");
    rig.store.bury(&letter_of("user_1")).await.expect("buried");
    let kept = rig.letters().await[0].number;
    assert_ne!(kept, number);
    let replay = rig.engine.replay(kept, PATIENCE).await.expect("applied");
    assert_eq!(replay, Some(Replay::Applied { present: true }));
    assert_eq!(rig.letters().await, []);
}

fn letter_of(id: &str) -> NewDeadLetter {
    NewDeadLetter {
        message_id: None,
        event_type: "user.updated".to_owned(),
        user: Some(user(id)),
        reason: "because".to_owned(),
        mapped: None,
        buried_at: NOON,
    }
}

#[tokio::test]
async fn what_is_still_refused_stays() {
    let rig = Rig::new();
    let number = letter(&rig).await;
    let error = rig.engine.replay(number, PATIENCE).await.expect_err("refused again");
    assert!(!error.is_transient(), "{error}");
    assert_eq!(rig.letters().await[0].number, number);
}

#[tokio::test]
async fn while_clerk_is_away_it_stays() {
    let rig = Rig::new();
    rig.store.bury(&letter_of("user_1")).await.expect("buried");
    rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    let number = rig.letters().await[0].number;
    assert!(rig.engine.replay(number, PATIENCE).await.expect_err("away").is_transient());
    assert_eq!(rig.letters().await.len(), 1);
}

#[tokio::test]
async fn a_user_that_clerk_does_not_have_must_be_missed_twice() {
    let rig = Rig::new();
    rig.store.bury(&letter_of("user_1")).await.expect("buried");
    rig.clerk.misses("user_1");
    let number = rig.letters().await[0].number;
    let replay = rig.engine.replay(number, PATIENCE).await.expect("an answer");
    assert_eq!(replay, Some(Replay::AbsentNotYet));
    assert_eq!(rig.letters().await.len(), 1);
    rig.clock.advance(Duration::from_secs(61));
    let replay = rig.engine.replay(number, PATIENCE).await.expect("an answer");
    assert_eq!(replay, Some(Replay::Applied { present: false }));
    assert_eq!(rig.letters().await, []);
}

#[tokio::test]
async fn a_letter_without_a_user_stays_for_a_person_to_drop() {
    let rig = Rig::new();
    rig.receive(&event("user.deleted", NOON, &json!({}))).await;
    let number = rig.letters().await[0].number;
    assert_eq!(rig.engine.replay(number, PATIENCE).await.expect("no trouble"), Some(Replay::NoUser));
    assert_eq!(rig.letters().await.len(), 1);
    assert_eq!(rig.clerk.all_calls(), 0);
}
