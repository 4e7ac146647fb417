//! Clerk is away: rows from claims, and back to real ones.

use super::*;
use crate::{
    clerk::ClerkErrorKind,
    engine::testing::{NOON, SECOND, person, updated},
};
use serde_json::{Map, Value, json};

fn claims(id: &str, email: &str) -> Map<String, Value> {
    let claims =
        json!({ "sub": id, "iat": NOON / SECOND, "email": email, "profile": { "nick": "from a claim" } });
    claims.as_object().expect("an object").clone()
}

impl Bench {
    async fn ensure_with(&self, id: &str, claims: &Map<String, Value>) -> Outcome {
        self.users.ensure(&user(id), Some(claims), PATIENCE).await
    }
}

#[tokio::test]
async fn an_unknown_user_gets_a_provisional_row_that_becomes_real_by_itself() {
    let bench = Bench::with_claims().await;
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    let claims = claims("user_1", "ada@example.com");
    assert_eq!(bench.ensure_with("user_1", &claims).await, Ok(Ensured::Provisional));
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("from a claim"));
    let entry = bench.rig.entry("user_1").await.expect("an entry");
    let version = entry.standing.version;
    assert_eq!((version.state, version.updated_at, version.as_of), (State::Provisional, NOON, NOON));
    assert_eq!(bench.told().await, [], "no created yet");
    assert!(!bench.users.is_known("user_1"));
    // Again: the row is there, so Clerk is not waited for.
    assert_eq!(bench.ensure_with("user_1", &claims).await, Ok(Ensured::Provisional));
    bench.rig.clerk.shows("user_1", &person("user_1", NOON - SECOND, "ada"));
    bench.rig.pass(90).await;
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada"));
    assert_eq!(bench.told().await, told(&[("created", "reread")]));
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Found));
}

#[tokio::test]
async fn slow_is_away_as_well() {
    let bench = Bench::with_claims().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.clerk.hold();
    let (users, claims) = (bench.users.clone(), claims("user_1", "ada@example.com"));
    let caller = tokio::spawn(async move { users.ensure(&user("user_1"), Some(&claims), PATIENCE).await });
    until("Clerk is asked", || bench.rig.clerk.running() == 1).await;
    bench.rig.pass(3).await;
    assert_eq!(caller.await.expect("no panic"), Ok(Ensured::Provisional));
    bench.rig.clerk.release();
    quiet().await;
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada"), "the late answer is applied");
}

#[tokio::test]
async fn many_requests_make_one_provisional_row() {
    let bench = Bench::with_claims().await;
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (users, claims) = (bench.users.clone(), claims("user_1", "ada@example.com"));
            tokio::spawn(async move { users.ensure(&user("user_1"), Some(&claims), PATIENCE).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic"), Ok(Ensured::Provisional));
    }
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("from a claim"));
}

#[tokio::test]
async fn a_provisional_row_lost_by_hand_is_written_again() {
    let bench = Bench::with_claims().await;
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    let claims = claims("user_1", "ada@example.com");
    bench.ensure_with("user_1", &claims).await.expect("provisional");
    bench.rig.store.lose_row("user_1");
    assert_eq!(bench.ensure_with("user_1", &claims).await, Ok(Ensured::Provisional));
    let presence = bench.rig.engine.store().presence(&user("user_1")).await.expect("readable");
    assert!(presence.row);
}

#[tokio::test]
async fn known_users_pass_and_others_wait_where_nothing_can_stand_in() {
    let bench = Bench::with_claims().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    bench.ensure("user_1").await.expect("there");
    for id in ["user_1", "user_2", "user_3"] {
        bench.rig.clerk.fails(id, ClerkErrorKind::Unavailable);
    }
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Known));
    let away = Err(EnsureError::ClerkAway { retry_after: None });
    assert_eq!(bench.ensure("user_2").await, away, "no claims");
    let of_another = claims("user_2", "ada@example.com");
    assert_eq!(bench.ensure_with("user_3", &of_another).await, away, "another's claims");
    // A real row was there: claims must not replace it.
    bench.rig.store.lose_row("user_1");
    bench.users.forget(&user("user_1"));
    assert_eq!(bench.ensure_with("user_1", &claims("user_1", "a@example.com")).await, away);
    assert_eq!(bench.told().await, told(&[("created", "webhook")]));
}

#[tokio::test]
async fn without_settings_for_claims_nothing_stands_in() {
    let bench = Bench::new().await;
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    let away = Err(EnsureError::ClerkAway { retry_after: None });
    assert_eq!(bench.ensure_with("user_1", &claims("user_1", "a@example.com")).await, away);
    assert_eq!(bench.rig.entry("user_1").await, None);
}

#[tokio::test]
async fn a_provisional_row_that_the_database_refuses_leaves_clerk_away() {
    let bench = Bench::with_claims().await;
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    bench.rig.store.refuse("from a claim");
    let away = Err(EnsureError::ClerkAway { retry_after: None });
    assert_eq!(bench.ensure_with("user_1", &claims("user_1", "a@example.com")).await, away);
}

/// The event that could not be written is still not written.
#[tokio::test]
async fn a_provisional_row_voids_no_dead_letter() {
    let bench = Bench::with_claims().await;
    bench.rig.store.refuse("taken");
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "taken"));
    bench.rig.receive(&updated("user_1", NOON, NOON, "taken")).await;
    assert_eq!(bench.rig.letters().await.len(), 1);
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    bench.ensure("user_1").await.expect_err("the script moves on");
    bench.rig.pass(2).await;
    let claims = claims("user_1", "ada@example.com");
    assert_eq!(bench.ensure_with("user_1", &claims).await, Ok(Ensured::Provisional));
    assert_eq!(bench.rig.letters().await.len(), 1);
}
