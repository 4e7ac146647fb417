use super::*;
use crate::{
    clerk::ClerkErrorKind,
    engine::{
        DoorOptions,
        testing::{HOUR, INSTANCE, NOON, Rig, deleted, event, person, quiet, until, updated, user},
    },
    store::{DeadLetter, Store, StoreErrorKind},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;

mod buried;
mod healed;
mod replayed;

const SOON: Receipt = Receipt::TryLater { after: RETRY_SOON };

#[tokio::test]
async fn an_event_makes_changes_and_deletes_a_row() {
    let rig = Rig::new();
    let created = event("user.created", NOON, &person("user_1", NOON, "ada"));
    assert_eq!(rig.receive(&created).await, Receipt::Accepted);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    rig.receive(&updated("user_1", NOON + 1, NOON + 1, "augusta")).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("augusta"));
    assert_eq!(rig.receive(&deleted("user_1", NOON + 2)).await, Receipt::Accepted);
    assert_eq!(rig.username("user_1").await, None);
    assert_eq!(rig.receive(&created).await, Receipt::Accepted, "late, and stale");
    assert_eq!(rig.username("user_1").await, None);
    assert_eq!(rig.clerk.all_calls(), 0, "no event needs Clerk");
    let feed = rig.store.changes(0, 10).await.expect("readable").entries;
    let messages: Vec<_> = feed.iter().map(|entry| entry.message_id.as_deref().unwrap_or_default()).collect();
    assert_eq!(messages, ["msg_0", "msg_1", "msg_2"]);
}

#[tokio::test]
async fn until_the_instance_is_known_nothing_is_written() {
    let rig = Rig::unbound(DoorOptions::default());
    for body in [updated("user_1", NOON, NOON, "ada"), deleted("user_1", NOON), b"no event".to_vec()] {
        assert_eq!(rig.receive(&body).await, SOON);
    }
    assert_eq!(rig.entry("user_1").await, None);
    assert_eq!((rig.store.begun(), rig.clerk.all_calls()), (0, 0));
    assert_eq!(rig.engine.last_event_ms(), None);
    rig.engine.bound_to(INSTANCE.to_owned());
    assert_eq!(rig.receive(&updated("user_1", NOON, NOON, "ada")).await, Receipt::Accepted);
    rig.engine.bound_to("ins_other".to_owned());
    assert_eq!(rig.engine.instance(), Some(INSTANCE), "a second binding changes nothing");
}

#[rstest]
#[case("user.created", json!({ "id": "user_1", "updated_at": NOON, "username": "eve" }))]
#[case("user.deleted", json!({ "id": "user_1", "deleted": true }))]
#[case("user.deleted", json!({}))]
#[case("user.updated", json!({ "id": "user_1", "updated_at": NOON + 100 * HOUR }))]
#[tokio::test]
async fn events_of_another_instance_change_nothing(#[case] kind: &str, #[case] data: serde_json::Value) {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON - HOUR, NOON - HOUR, "ada")).await;
    let before = (rig.entry("user_1").await, rig.username("user_1").await, rig.change_count().await);
    let accepted_at = rig.engine.last_event_ms();
    rig.clock.advance(Duration::from_secs(1));
    let body = json!({ "type": kind, "instance_id": "ins_other", "timestamp": NOON, "data": data });
    assert_eq!(rig.receive(body.to_string().as_bytes()).await, Receipt::Ignored);
    assert_eq!((rig.entry("user_1").await, rig.username("user_1").await, rig.change_count().await), before);
    assert_eq!((rig.letters().await, rig.clerk.all_calls()), (Vec::new(), 0));
    assert_eq!(rig.engine.last_event_ms(), accepted_at);
}

#[tokio::test]
async fn what_is_not_ours_is_ignored_and_what_is_no_event_is_refused() {
    let rig = Rig::new();
    assert_eq!(
        rig.receive(&event("organization.created", NOON, &json!({ "id": "org_1" }))).await,
        Receipt::Ignored
    );
    assert_eq!(rig.receive(b"[]").await, Receipt::NotAnEvent);
    assert_eq!(rig.receive(b"{\"data\":{}}").await, Receipt::NotAnEvent);
    assert_eq!(rig.store.begun(), 0);
    assert_eq!(rig.engine.last_event_ms(), None);
}

#[tokio::test]
async fn the_last_event_is_noted_in_the_database() {
    let rig = Rig::new();
    assert_eq!(rig.store.gauges().await.expect("readable").last_event_at, None);
    rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    assert_eq!(rig.engine.last_event_ms(), Some(NOON));
    rig.pass(6).await;
    assert_eq!(rig.store.gauges().await.expect("readable").last_event_at, Some(NOON));
    rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    rig.engine.drain().await;
    assert_eq!(rig.store.gauges().await.expect("readable").last_event_at, Some(NOON + 6_000));
}

#[rstest]
#[case(StoreErrorKind::Unavailable)]
#[case(StoreErrorKind::Contended)]
#[case(StoreErrorKind::Schema)]
#[case(StoreErrorKind::Corrupt)]
#[tokio::test]
async fn a_database_that_cannot_write_now_is_told_to_the_sender(#[case] kind: StoreErrorKind) {
    let rig = Rig::new();
    rig.store.away(Some(kind));
    assert_eq!(rig.receive(&updated("user_1", NOON, NOON, "ada")).await, SOON);
    assert_eq!(rig.receive(&deleted("user_1", NOON)).await, SOON);
    assert_eq!(rig.receive(&event("user.deleted", NOON, &json!({}))).await, SOON, "it cannot even be buried");
    rig.store.away(None);
    assert_eq!((rig.entry("user_1").await, rig.letters().await), (None, Vec::new()));
    assert_eq!(rig.engine.last_event_ms(), None);
    assert_eq!(rig.receive(&updated("user_1", NOON, NOON, "ada")).await, Receipt::Accepted);
}

#[tokio::test]
async fn a_full_queue_sends_them_back_for_a_second() {
    let rig = Rig::unbound(DoorOptions { max_waiting: 1, ..DoorOptions::default() });
    rig.engine.bound_to(INSTANCE.to_owned());
    rig.store.hold();
    let deliver = |id: &'static str| {
        let engine = rig.engine.clone();
        tokio::spawn(async move { engine.receive(id, &updated(id, NOON, NOON, "ada")).await })
    };
    let first = deliver("user_1");
    until("its commit runs", || rig.store.begun() == 1).await;
    let second = deliver("user_2");
    quiet().await;
    let turned_away = rig.receive(&updated("user_3", NOON, NOON, "ada")).await;
    assert_eq!(turned_away, Receipt::TryLater { after: Duration::from_secs(1) });
    rig.store.release();
    assert_eq!(first.await.expect("no panic"), Receipt::Accepted);
    assert_eq!(second.await.expect("no panic"), Receipt::Accepted);
}

#[tokio::test]
async fn a_drained_engine_sends_them_back() {
    let rig = Rig::new();
    rig.engine.drain().await;
    assert_eq!(rig.receive(&updated("user_1", NOON, NOON, "ada")).await, SOON);
}

/// Scenario 4: no mark is kept, so a lost answer costs nothing.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_no_change_the_second_time() {
    let rig = Rig::new();
    rig.store.next([crate::engine::testing::Fault::After(StoreErrorKind::Unavailable)]);
    let body = updated("user_1", NOON, NOON, "ada");
    assert_eq!(rig.receive(&body).await, SOON);
    assert_eq!(rig.receive(&body).await, Receipt::Accepted);
    assert_eq!(rig.change_count().await, 1);
}
