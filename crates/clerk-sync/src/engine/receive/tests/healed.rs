//! Events that are not applied as they are: their user is read instead.

use super::*;

/// One whose `updated_at` is more than an hour ahead of its own timestamp.
fn poison() -> Vec<u8> {
    updated("user_1", NOON + HOUR + 1, NOON, "poison")
}

fn without_timestamp() -> Vec<u8> {
    json!({ "type": "user.updated", "instance_id": INSTANCE, "data": person("user_1", NOON, "undated") })
        .to_string()
        .into_bytes()
}

/// Its `created_at` column cannot hold what it says.
fn unreadable() -> Vec<u8> {
    let mut person = person("user_1", NOON, "unreadable");
    person["created_at"] = json!({ "secret": "value" });
    event("user.updated", NOON, &person)
}

#[rstest]
#[case(poison())]
#[case(without_timestamp())]
#[case(unreadable())]
#[tokio::test]
async fn they_are_read_and_not_applied(#[case] body: Vec<u8>) {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON - HOUR, "as Clerk says"));
    assert_eq!(rig.receive(&body).await, Receipt::Accepted);
    assert_eq!(rig.clerk.calls("user_1"), 1);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("as Clerk says"));
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!((version.updated_at, version.as_of), (NOON - HOUR, NOON));
    let change = rig.store.changes(0, 1).await.expect("readable").entries.remove(0);
    assert_eq!((change.flow.as_str(), change.message_id.as_deref()), ("reread", Some("msg_0")));
}

#[tokio::test]
async fn an_hour_ahead_is_believed() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON + HOUR, NOON, "ada")).await;
    assert_eq!(rig.clerk.calls("user_1"), 0);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn while_clerk_is_away_the_sender_comes_again() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON - HOUR, NOON - HOUR, "ada")).await;
    let before = rig.entry("user_1").await;
    rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    rig.clerk.shows("user_1", &person("user_1", NOON, "augusta"));
    assert_eq!(rig.receive(&poison()).await, SOON);
    assert_eq!((rig.entry("user_1").await, rig.letters().await), (before, Vec::new()));
    assert_eq!(rig.receive(&poison()).await, Receipt::Accepted);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("augusta"));
}

#[tokio::test]
async fn clerks_retry_after_is_passed_on_and_obeyed() {
    let rig = Rig::new();
    let retry_after = Duration::from_secs(17);
    rig.clerk.fails("user_1", ClerkErrorKind::Throttled { retry_after });
    rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert_eq!(rig.receive(&poison()).await, Receipt::TryLater { after: retry_after });
    rig.clock.advance(Duration::from_secs(7));
    assert_eq!(rig.receive(&poison()).await, Receipt::TryLater { after: Duration::from_secs(10) });
    assert_eq!(rig.clerk.calls("user_1"), 1, "nothing is sent before that");
    rig.clock.advance(Duration::from_secs(10));
    assert_eq!(rig.receive(&poison()).await, Receipt::Accepted);
}

#[tokio::test]
async fn a_user_that_is_missing_and_perhaps_too_young_brings_the_sender_back() {
    let rig = Rig::new();
    rig.clerk.misses("user_1");
    let again = Receipt::TryLater { after: Duration::from_secs(62) };
    assert_eq!(rig.receive(&poison()).await, again);
    assert_eq!((rig.entry("user_1").await, rig.letters().await), (None, Vec::new()));
    rig.clock.advance(Duration::from_secs(62));
    assert_eq!(rig.receive(&poison()).await, Receipt::Accepted, "missed twice: it is gone");
    assert!(rig.entry("user_1").await.is_some());
    assert_eq!(rig.username("user_1").await, None);
}

#[tokio::test]
async fn many_at_once_share_few_reads() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    rig.clerk.hold();
    let deliveries: Vec<_> = (0..100)
        .map(|number| {
            let engine = rig.engine.clone();
            tokio::spawn(async move { engine.receive(&format!("msg_{number}"), &poison()).await })
        })
        .collect();
    quiet().await;
    assert_eq!(rig.clerk.running(), 1, "never two at a time");
    rig.clerk.release();
    for receipt in join_all(deliveries).await {
        assert_eq!(receipt.expect("no panic"), Receipt::Accepted);
    }
    assert!(rig.clerk.calls("user_1") <= 2, "{} reads", rig.clerk.calls("user_1"));
}

#[tokio::test]
async fn a_sender_that_goes_away_leaves_the_read_to_the_others() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    rig.clerk.hold();
    let deliver = |id: &'static str| {
        let engine = rig.engine.clone();
        tokio::spawn(async move { engine.receive(id, &poison()).await })
    };
    let first = deliver("msg_1");
    until("Clerk is asked", || rig.clerk.calls("user_1") == 1).await;
    let (second, third) = (deliver("msg_2"), deliver("msg_3"));
    quiet().await;
    first.abort();
    second.abort();
    rig.clerk.release();
    assert_eq!(third.await.expect("no panic"), Receipt::Accepted);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
}
