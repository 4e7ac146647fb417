//! Unique values that move, between a scripted Clerk and a store in memory.

mod healing;
mod refused;

use crate::{
    clerk::ClerkErrorKind,
    engine::{
        Receipt, Reread, RereadError,
        testing::{MINUTE, NOON, Rig, SECOND, deleted, person, person_since, quiet, updated, user},
    },
    rule::Change,
};
use std::time::Duration;

/// Users of these names, as Clerk and the table have them.
async fn settled(people: &[(&str, &str)]) -> Rig {
    let rig = Rig::unique();
    for (id, name) in people {
        assert_eq!(rig.receive(&updated(id, NOON - MINUTE, NOON - MINUTE, name)).await, Receipt::Accepted);
    }
    rig
}

/// Clerk shows these names from now on, changed a second ago.
fn clerk_has(rig: &Rig, people: &[(&str, &str)]) {
    for (id, name) in people {
        rig.clerk.shows(id, &person(id, NOON - SECOND, name));
    }
}

/// The event of such a change.
fn event(id: &str, name: &str) -> Vec<u8> {
    updated(id, NOON - SECOND, NOON - SECOND, name)
}

async fn names(rig: &Rig, ids: &[&str]) -> Vec<Option<String>> {
    let mut names = Vec::new();
    for id in ids {
        names.push(rig.username(id).await);
    }
    names
}

fn some(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| Some((*name).to_owned())).collect()
}

#[tokio::test]
async fn a_value_moves_whichever_event_comes_first() {
    for first in ["user_a", "user_b"] {
        let rig = settled(&[("user_a", "ada"), ("user_b", "bob")]).await;
        let now = [("user_a", "augusta"), ("user_b", "ada")];
        clerk_has(&rig, &now);
        let mut events: Vec<_> = now.iter().map(|(id, name)| (*id, event(id, name))).collect();
        events.sort_by_key(|(id, _)| *id != first);
        for (_, body) in &events {
            assert_eq!(rig.receive(body).await, Receipt::Accepted);
        }
        assert_eq!(names(&rig, &["user_a", "user_b"]).await, some(&["augusta", "ada"]));
        assert_eq!(rig.change_count().await, 4, "each change is told once");
        let reads = if first == "user_b" { [1, 1] } else { [0, 0] };
        assert_eq!([rig.clerk.calls("user_a"), rig.clerk.calls("user_b")], reads, "{first} first");
        assert_eq!(rig.letters().await, []);
    }
}

#[tokio::test]
async fn two_users_swap() {
    let rig = settled(&[("user_a", "ada"), ("user_b", "bob")]).await;
    let now = [("user_a", "bob"), ("user_b", "ada")];
    clerk_has(&rig, &now);
    let (one, other) = (event("user_a", "bob"), event("user_b", "ada"));
    let (one, other) = tokio::join!(rig.receive(&one), rig.receive(&other));
    assert_eq!((one, other), (Receipt::Accepted, Receipt::Accepted));
    assert_eq!(names(&rig, &["user_a", "user_b"]).await, some(&["bob", "ada"]));
    assert!(!rig.store.overlapped());
}

#[tokio::test]
async fn eight_move_on_in_a_ring_by_one_event() {
    let ids: Vec<String> = (0..8).map(|number| format!("user_{number}")).collect();
    let before: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
    let rig = settled(&before).await;
    let now: Vec<(&str, &str)> = (0..8).map(|i| (ids[i].as_str(), ids[(i + 1) % 8].as_str())).collect();
    clerk_has(&rig, &now);
    assert_eq!(rig.receive(&event("user_3", "user_4")).await, Receipt::Accepted);
    for (id, name) in now {
        assert_eq!(rig.username(id).await.as_deref(), Some(name));
        assert_eq!(rig.clerk.calls(id), 1);
    }
    assert_eq!(rig.letters().await, []);
}

#[tokio::test]
async fn a_deleted_users_value_is_free_though_nobody_told_of_the_deletion() {
    let rig = settled(&[("user_a", "ada")]).await;
    rig.clerk.misses("user_a");
    clerk_has(&rig, &[("user_b", "ada")]);
    assert_eq!(rig.receive(&event("user_b", "ada")).await, Receipt::Accepted);
    assert_eq!(names(&rig, &["user_a", "user_b"]).await, [None, Some("ada".to_owned())]);
    let feed = rig.engine.store().changes(0, 10).await.expect("readable").entries;
    let told: Vec<_> = feed.iter().map(|entry| (entry.user.as_str(), entry.change)).collect();
    let expected = [("user_a", Change::Created), ("user_a", Change::Deleted), ("user_b", Change::Created)];
    assert_eq!(told, expected, "the old row is not relabelled");
    assert_eq!(rig.receive(&deleted("user_a", NOON)).await, Receipt::Accepted, "the event, late");
    assert_eq!(rig.change_count().await, 3);
}

#[tokio::test]
async fn a_holder_whose_absence_does_not_count_yet_makes_others_wait() {
    let rig = Rig::unique();
    let young = crate::engine::testing::event(
        "user.created",
        NOON - MINUTE,
        &person_since(NOON - MINUTE, "user_a", NOON - MINUTE, "ada"),
    );
    rig.receive(&young).await;
    rig.clerk.misses("user_a");
    clerk_has(&rig, &[("user_b", "ada")]);
    let later = Receipt::TryLater { after: Duration::from_secs(62) };
    assert_eq!(rig.receive(&event("user_b", "ada")).await, later);
    assert_eq!(rig.letters().await, []);
    assert_eq!(rig.username("user_a").await.as_deref(), Some("ada"));
    rig.pass(63).await;
    assert_eq!(rig.username("user_a").await, None, "heard twice");
    assert_eq!(rig.receive(&event("user_b", "ada")).await, Receipt::Accepted);
    assert_eq!(rig.username("user_b").await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn while_clerk_is_away_nothing_is_concluded() {
    let rig = settled(&[("user_a", "ada")]).await;
    clerk_has(&rig, &[("user_b", "ada")]);
    rig.clerk.fails("user_a", ClerkErrorKind::Unavailable);
    assert!(matches!(rig.receive(&event("user_b", "ada")).await, Receipt::TryLater { .. }));
    assert_eq!(names(&rig, &["user_a", "user_b"]).await, [Some("ada".to_owned()), None]);
    assert_eq!(rig.letters().await, []);
}

#[tokio::test]
async fn who_was_overtaken_since_it_was_read_is_read_once_more() {
    let rig = settled(&[("user_a", "ada"), ("user_b", "bob")]).await;
    // The first answer about b is older than what a has become.
    rig.clerk.shows("user_b", &person("user_b", NOON - 2 * SECOND, "ada"));
    rig.clerk.shows("user_b", &person("user_b", NOON - SECOND, "barbara"));
    clerk_has(&rig, &[("user_a", "ada")]);
    let late = updated("user_b", NOON - 2 * SECOND, NOON - 2 * SECOND, "ada");
    assert_eq!(rig.receive(&late).await, Receipt::Accepted);
    assert_eq!(names(&rig, &["user_a", "user_b"]).await, some(&["ada", "barbara"]));
}

#[tokio::test]
async fn people_who_wait_get_their_row_too() {
    let rig = settled(&[("user_a", "ada")]).await;
    clerk_has(&rig, &[("user_a", "augusta"), ("user_b", "ada")]);
    let answer = rig.sync("user_b").await;
    assert!(matches!(answer, Ok(Reread::Applied { present: true, .. })), "{answer:?}");
    assert_eq!(names(&rig, &["user_a", "user_b"]).await, some(&["augusta", "ada"]));
}

#[tokio::test]
async fn a_row_that_somebody_edited_or_put_back_gives_way() {
    let rig = settled(&[("user_a", "ada"), ("user_c", "carla")]).await;
    rig.receive(&deleted("user_c", NOON - MINUTE)).await;
    let row = |id: &str, name: &str| crate::engine::testing::present(id, NOON, NOON, name).row;
    rig.memory.edit(&user("user_a"), row("user_a", "bob"));
    rig.memory.edit(&user("user_c"), row("user_c", "dora"));
    rig.clerk.shows("user_a", &person("user_a", NOON - MINUTE, "ada"));
    clerk_has(&rig, &[("user_b", "bob"), ("user_d", "dora")]);
    assert_eq!(rig.receive(&event("user_b", "bob")).await, Receipt::Accepted);
    assert_eq!(rig.receive(&event("user_d", "dora")).await, Receipt::Accepted);
    let ids = ["user_a", "user_b", "user_c", "user_d"];
    let expected = [Some("ada"), Some("bob"), None, Some("dora")];
    assert_eq!(names(&rig, &ids).await, expected.map(|name| name.map(str::to_owned)));
    assert_eq!(rig.clerk.calls("user_c"), 0, "its deletion stands");
}

#[tokio::test]
async fn nobody_else_waits_while_holders_are_read() {
    let rig = settled(&[("user_a", "ada")]).await;
    clerk_has(&rig, &[("user_a", "augusta"), ("user_b", "ada")]);
    rig.clerk.hold();
    let body = event("user_b", "ada");
    let mut newcomer = std::pin::pin!(rig.receive(&body));
    for _ in 0..50 {
        assert!(futures_util::poll!(&mut newcomer).is_pending());
        tokio::task::yield_now().await;
    }
    let others = updated("user_z", NOON, NOON, "zoe");
    assert_eq!(rig.receive(&others).await, Receipt::Accepted);
    rig.clerk.release();
    assert_eq!(newcomer.await, Receipt::Accepted);
    quiet().await;
    assert_eq!(rig.username("user_b").await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn the_error_says_whose_absence_is_waited_for() {
    let error = RereadError::HolderAbsent(user("user_a"));
    assert!(error.is_transient());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(62)));
    assert!(error.to_string().starts_with("user_a holds a value"));
}
