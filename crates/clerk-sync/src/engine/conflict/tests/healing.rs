//! A refused user is written once the one in its way has changed.

use super::*;
use crate::store::{NewDeadLetter, Store};

/// Clerk gives "ada" to a and to b, and b's event is kept.
async fn in_conflict() -> Rig {
    let rig = settled(&[("user_a", "ada"), ("user_b", "bob")]).await;
    clerk_has(&rig, &[("user_a", "ada"), ("user_b", "ada")]);
    assert_eq!(rig.receive(&event("user_b", "ada")).await, Receipt::Buried);
    assert_eq!((rig.letters().await.len(), rig.engine.parts.waiting.len()), (1, 1));
    rig
}

#[tokio::test]
async fn a_change_of_the_holder_heals_the_refused() {
    let rig = in_conflict().await;
    assert_eq!(rig.receive(&updated("user_a", NOON, NOON, "augusta")).await, Receipt::Accepted);
    rig.pass(2).await;
    assert_eq!(names(&rig, &["user_a", "user_b"]).await, some(&["augusta", "ada"]));
    assert_eq!((rig.letters().await, rig.engine.parts.waiting.len()), (Vec::new(), 0));
}

#[tokio::test]
async fn a_deletion_of_the_holder_heals_the_refused() {
    let rig = in_conflict().await;
    assert_eq!(rig.receive(&deleted("user_a", NOON)).await, Receipt::Accepted);
    rig.pass(2).await;
    assert_eq!(rig.username("user_b").await.as_deref(), Some("ada"));
    assert_eq!(rig.letters().await, []);
}

#[tokio::test]
async fn its_own_change_heals_it_even_if_it_is_what_the_row_holds_already() {
    let rig = in_conflict().await;
    rig.pass(61).await;
    rig.clerk.shows("user_b", &person("user_b", NOON, "bob"));
    rig.clerk.shows("user_b", &person("user_b", NOON, "bob"));
    assert_eq!(rig.receive(&updated("user_b", NOON, NOON, "bob")).await, Receipt::Accepted);
    rig.pass(2).await;
    assert_eq!(rig.username("user_b").await.as_deref(), Some("bob"));
    assert_eq!((rig.letters().await, rig.engine.parts.waiting.len()), (Vec::new(), 0));
}

#[tokio::test]
async fn a_change_of_somebody_else_costs_no_read() {
    let rig = in_conflict().await;
    let calls = rig.clerk.all_calls();
    rig.receive(&updated("user_z", NOON, NOON, "zoe")).await;
    rig.pass(2).await;
    assert_eq!(rig.clerk.all_calls(), calls);
    assert_eq!(rig.letters().await.len(), 1);
}

/// The letter was kept by another process, or before a restart; and what heals it came before it was seen.
#[tokio::test]
async fn a_letter_found_later_is_tried_once_and_then_watched() {
    let rig = settled(&[("user_a", "ada")]).await;
    let letter = NewDeadLetter {
        message_id: None,
        event_type: "user.created".to_owned(),
        user: Some(user("user_b")),
        reason: "refused (constraint x): Clerk gives one value of username to two users; held by [user_a]"
            .to_owned(),
        mapped: None,
        buried_at: NOON,
    };
    rig.store.bury(&letter).await.expect("kept");
    clerk_has(&rig, &[("user_a", "ada"), ("user_b", "ada")]);
    rig.pass(61).await;
    assert_eq!((rig.letters().await.len(), rig.engine.parts.waiting.len()), (1, 1));
    let tried = rig.clerk.calls("user_b");
    assert!(tried > 0);
    rig.pass(180).await;
    assert_eq!(rig.clerk.calls("user_b"), tried, "not again and again");
    rig.receive(&updated("user_a", NOON, NOON, "augusta")).await;
    rig.pass(2).await;
    assert_eq!(rig.username("user_b").await.as_deref(), Some("ada"));
    assert_eq!((rig.letters().await, rig.engine.parts.waiting.len()), (Vec::new(), 0));
    rig.pass(120).await;
}

/// Somebody drops the letter: then nobody waits any more.
#[tokio::test]
async fn a_dropped_letter_is_forgotten() {
    let rig = in_conflict().await;
    rig.pass(61).await;
    let number = rig.letters().await[0].number;
    rig.store.drop_dead_letter(number).await.expect("dropped");
    rig.pass(61).await;
    assert_eq!(rig.engine.parts.waiting.len(), 0);
}
