//! Events that can never be applied.

use super::*;

const SECRET: &str = "ada@analytical.example";

fn assert_no_value(letter: &DeadLetter) {
    assert!(!letter.letter.reason.contains(SECRET), "{}", letter.letter.reason);
    assert!(!letter.letter.reason.contains("analytical"), "{}", letter.letter.reason);
}

#[tokio::test]
async fn an_event_that_names_no_user_is_kept() {
    let rig = Rig::new();
    assert_eq!(rig.receive(&event("user.deleted", NOON, &json!({ "deleted": true }))).await, Receipt::Buried);
    let letters = rig.letters().await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0].letter;
    assert_eq!((letter.user.clone(), letter.event_type.as_str()), (None, "user.deleted"));
    assert_eq!((letter.message_id.as_deref(), letter.buried_at), (Some("msg_0"), NOON));
    assert_eq!(rig.store.begun(), 0, "and nothing is deleted where the id is null");
    assert_eq!(rig.engine.last_event_ms(), Some(NOON));
}

#[tokio::test]
async fn the_same_message_again_is_the_same_letter() {
    let rig = Rig::new();
    let body = event("user.deleted", NOON, &json!({}));
    for _ in 0..3 {
        assert_eq!(rig.engine.receive("msg_same", &body).await, Receipt::Buried);
    }
    assert_eq!(rig.letters().await.len(), 1);
}

#[tokio::test]
async fn a_message_id_or_type_of_any_length_fits() {
    let rig = Rig::new();
    let (id, kind) = ("é".repeat(400), format!("user.{}", "x".repeat(500)));
    let hopeless = event("user.deleted", NOON, &json!({}));
    assert_eq!(rig.engine.receive(&id, &hopeless).await, Receipt::Buried);
    assert_eq!(rig.receive(&event(&kind, NOON, &json!({}))).await, Receipt::Ignored);
    let letter = &rig.letters().await[0].letter;
    assert_eq!(letter.message_id.as_ref().map(|id| id.chars().count()), Some(255));
}

#[rstest]
#[case(r#"{"id":"user_1","updated_at":"ada@analytical.example"}"#)]
#[case(r#"{"id":"user_1","updated_at":1767268800000,"created_at":"ada@analytical.example"}"#)]
#[case(r#"{"id":"user_1","updated_at":1767268800000,"username":"\ud800 ada@analytical.example"}"#)]
#[case(r#"ada@analytical.example"#)]
#[case(r#"{"updated_at":1767268800000,"username":"ada@analytical.example"}"#)]
#[tokio::test]
async fn an_answer_of_clerks_that_cannot_be_read_is_no_reason_to_repeat_its_values(
    #[case] answer: &'static str,
) {
    let rig = Rig::new();
    rig.clerk.says("user_1", answer);
    let poison = updated("user_1", NOON + 2 * HOUR, NOON, SECRET);
    assert_eq!(rig.receive(&poison).await, Receipt::Buried);
    let letters = rig.letters().await;
    assert_eq!(letters[0].letter.user, Some(user("user_1")));
    assert_no_value(&letters[0]);
    assert!(letters[0].letter.reason.starts_with("Clerk's answer cannot be mapped: "));
    assert_eq!(rig.entry("user_1").await, None);
}

#[tokio::test]
async fn a_refused_row_is_read_again_and_what_clerk_says_now_may_do() {
    let rig = Rig::new();
    rig.store.refuse("taken");
    rig.clerk.shows("user_1", &person("user_1", NOON + 1, "free"));
    assert_eq!(rig.receive(&updated("user_1", NOON, NOON, "taken")).await, Receipt::Accepted);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("free"));
    assert_eq!((rig.clerk.calls("user_1"), rig.letters().await.len()), (1, 0));
}

#[tokio::test]
async fn a_row_that_is_refused_again_is_kept_with_what_stands() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON - HOUR, NOON - HOUR, "ada")).await;
    rig.store.refuse(SECRET);
    rig.clerk.shows("user_1", &person("user_1", NOON, SECRET));
    assert_eq!(rig.receive(&updated("user_1", NOON, NOON, SECRET)).await, Receipt::Buried);
    let letters = rig.letters().await;
    assert_no_value(&letters[0]);
    let reason = &letters[0].letter.reason;
    assert_eq!(reason.matches("users_by_username").count(), 1, "said once: {reason}");
    assert_eq!(letters[0].letter.user, Some(user("user_1")));
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"), "the old row stays");
}

#[tokio::test]
async fn it_heals_with_the_users_next_change() {
    let rig = Rig::new();
    rig.store.refuse("taken");
    rig.clerk.shows("user_1", &person("user_1", NOON, "taken"));
    rig.receive(&updated("user_1", NOON, NOON, "taken")).await;
    assert_eq!(rig.letters().await.len(), 1);
    rig.receive(&updated("user_2", NOON, NOON, "another user")).await;
    assert_eq!(rig.letters().await.len(), 1);
    rig.receive(&updated("user_1", NOON + 1, NOON + 1, "free")).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("free"));
    assert_eq!(rig.letters().await, []);
}

#[tokio::test]
async fn while_clerk_is_away_a_refused_row_is_tried_later() {
    let rig = Rig::new();
    rig.store.refuse("taken");
    rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    assert_eq!(rig.receive(&updated("user_1", NOON, NOON, "taken")).await, SOON);
    assert_eq!(rig.letters().await, []);
}

#[tokio::test]
async fn a_refused_deletion_is_kept_without_asking_clerk() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    rig.store.refuse_deletion("user_1");
    assert_eq!(rig.receive(&deleted("user_1", NOON + 1)).await, Receipt::Buried);
    assert_eq!(rig.clerk.all_calls(), 0);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    let letters = rig.letters().await;
    assert_eq!((letters.len(), letters[0].letter.event_type.as_str()), (1, "user.deleted"));
    // The obstacle is gone, and Svix or a person sends it again.
    rig.store.refuse_nothing();
    assert_eq!(rig.receive(&deleted("user_1", NOON + 1)).await, Receipt::Accepted);
    assert_eq!((rig.username("user_1").await, rig.letters().await), (None, Vec::new()));
}
