//! Flow D: what is asked of whom, and how often.

use super::*;
use crate::{
    clerk::ClerkErrorKind,
    engine::testing::{Date, Fault, MINUTE, NOON, deleted, gone, person, person_since, present, updated},
    store::StoreErrorKind,
};

#[tokio::test]
async fn a_million_warm_requests_ask_nobody() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Made));
    let (looks, calls, begun) =
        (bench.rig.store.looks(), bench.rig.clerk.all_calls(), bench.rig.store.begun());
    for _ in 0..1_000_000 {
        assert!(bench.users.is_known("user_1"));
    }
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Known));
    assert_eq!(
        (bench.rig.store.looks(), bench.rig.clerk.all_calls(), bench.rig.store.begun()),
        (looks, calls, begun)
    );
    assert_eq!(bench.counted("ensure", "known"), 1_000_001);
}

#[tokio::test]
async fn a_new_user_is_read_once_and_written_before_the_answer() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert!(!bench.users.is_known("user_1"));
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Made));
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada"));
    assert_eq!((bench.rig.store.looks(), bench.rig.clerk.calls("user_1")), (1, 1));
    assert_eq!(bench.told().await, told(&[("created", "ensure")]));
    assert!(bench.users.is_known("user_1"));
    assert_eq!(bench.counted("ensure", "made"), 1);
}

#[tokio::test]
async fn many_requests_of_a_new_user_cost_one_look_one_call_and_one_row() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.clerk.hold();
    let mut callers: Vec<_> = (0..30).map(|_| bench.ensuring("user_1")).collect();
    until("Clerk is asked", || bench.rig.clerk.running() == 1).await;
    callers.extend((0..5).map(|_| bench.ensuring("user_1")));
    // The same user by its webhook, and by its redirect.
    let visit = bench.visiting("user_1");
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    quiet().await;
    bench.rig.clerk.release();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic"), Ok(Ensured::Made));
    }
    assert_eq!(visit.await.expect("no panic"), Ok(Ensured::Found));
    assert_eq!((bench.rig.store.looks(), bench.rig.clerk.calls("user_1")), (1, 1));
    assert_eq!(bench.told().await, told(&[("created", "webhook")]));
    assert_eq!(bench.users.inner.flights.under_way(), 0);
}

#[tokio::test]
async fn a_visit_and_requests_at_once_share_one_call_whoever_is_first() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.clerk.hold();
    let visit = bench.visiting("user_1");
    until("Clerk is asked", || bench.rig.clerk.running() == 1).await;
    let callers: Vec<_> = (0..20).map(|_| bench.ensuring("user_1")).collect();
    quiet().await;
    bench.rig.clerk.release();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic"), Ok(Ensured::Made));
    }
    assert_eq!(visit.await.expect("no panic"), Ok(Ensured::Made));
    assert_eq!(bench.rig.clerk.calls("user_1"), 1);
    assert_eq!(bench.told().await, told(&[("created", "visit")]));
}

#[tokio::test]
async fn a_row_that_is_there_needs_no_clerk() {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    assert!(!bench.users.is_known("user_1"), "only rows that were looked for are remembered");
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Found));
    assert!(bench.users.is_known("user_1"));
    assert_eq!((bench.rig.store.looks(), bench.rig.clerk.all_calls()), (1, 0));
}

#[tokio::test]
async fn a_deleted_user_is_refused_without_a_call_and_welcome_once_lifted() {
    let bench = Bench::new().await;
    bench.rig.receive(&deleted("user_1", NOON)).await;
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Deleted));
    assert_eq!(bench.visit("user_1").await, Err(EnsureError::Deleted));
    assert_eq!(bench.rig.clerk.all_calls(), 0);
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.force("user_1").await.expect("lifted");
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Found));
}

#[tokio::test]
async fn a_row_lost_by_hand_is_written_again_though_nothing_is_new() {
    let bench = Bench::new().await;
    let json = person("user_1", NOON, "ada");
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    bench.rig.store.lose_row("user_1");
    bench.rig.clerk.shows("user_1", &json);
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Made));
    assert_eq!(bench.told().await, told(&[("created", "webhook"), ("updated", "ensure")]));
    bench.users.forget(&user("user_1"));
    assert!(!bench.users.is_known("user_1"));
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Found));
    assert_eq!(bench.rig.clerk.all_calls(), 1);
}

/// Clerk's answer may lag behind what stands; a row of the past is no row.
#[tokio::test]
async fn a_lost_row_is_not_restored_from_an_older_answer() {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "new")).await;
    bench.rig.store.lose_row("user_1");
    bench.rig.clerk.shows("user_1", &person("user_1", NOON - MINUTE, "old"));
    assert!(matches!(bench.ensure("user_1").await, Err(EnsureError::ClerkAway { retry_after: Some(_) })));
    assert!(!bench.users.is_known("user_1"));
}

#[tokio::test]
async fn a_user_whom_clerk_denies_is_no_row_no_tombstone_and_no_loop() {
    let bench = Bench::new().await;
    bench.rig.clerk.misses("user_1");
    for _ in 0..20 {
        assert_eq!(bench.ensure("user_1").await, Err(EnsureError::NotFound));
        assert_eq!(bench.visit("user_1").await, Err(EnsureError::NotFound));
    }
    assert_eq!(bench.rig.clerk.calls("user_1"), 1);
    assert_eq!((bench.rig.entry("user_1").await, bench.rig.username("user_1").await), (None, None));
    bench.rig.pass(2).await;
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::NotFound));
    assert_eq!(bench.rig.clerk.calls("user_1"), 2, "asked again after a moment");
    // A webhook says otherwise, and is believed at once.
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Found));
}

#[tokio::test]
async fn a_webhook_that_comes_while_clerk_denies_is_seen() {
    let bench = Bench::new().await;
    bench.rig.clerk.misses("user_1");
    bench.rig.clerk.hold();
    let caller = bench.ensuring("user_1");
    until("Clerk is asked", || bench.rig.clerk.running() == 1).await;
    let body =
        crate::engine::testing::event("user.created", NOON, &person_since(NOON, "user_1", NOON, "ada"));
    bench.rig.receive(&body).await;
    bench.rig.clerk.release();
    assert_eq!(caller.await.expect("no panic"), Ok(Ensured::Found));
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn an_absence_beyond_doubt_is_a_deletion() {
    let bench = Bench::new().await;
    bench.rig.clerk.misses("user_1");
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::NotFound));
    bench.rig.pass(70).await;
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Deleted), "heard twice, a minute apart");
}

#[tokio::test]
async fn a_failed_read_starts_no_cool_down_of_its_own() {
    let bench = Bench::new().await;
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Unavailable);
    for calls in 1..=3 {
        assert_eq!(bench.ensure("user_1").await, Err(EnsureError::ClerkAway { retry_after: None }));
        assert_eq!(bench.rig.clerk.calls("user_1"), calls);
    }
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::ClerkAway { retry_after: None }));
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Made));
}

#[tokio::test]
async fn clerks_retry_after_is_told_and_obeyed() {
    let bench = Bench::new().await;
    let retry_after = Duration::from_secs(20);
    bench.rig.clerk.fails("user_1", ClerkErrorKind::Throttled { retry_after });
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::ClerkAway { retry_after: Some(retry_after) }));
    assert_eq!(bench.ensure("user_2").await, Err(EnsureError::ClerkAway { retry_after: Some(retry_after) }));
    assert_eq!(bench.rig.clerk.all_calls(), 1);
}

#[tokio::test]
async fn patience_ends_while_the_read_goes_on_and_is_joined() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.clerk.hold();
    let first = bench.ensuring("user_1");
    until("Clerk is asked", || bench.rig.clerk.running() == 1).await;
    bench.rig.pass(3).await;
    let outcome = first.await.expect("no panic");
    assert!(matches!(outcome, Err(EnsureError::ClerkAway { retry_after: Some(_) })), "{outcome:?}");
    let second = bench.ensuring("user_1");
    quiet().await;
    bench.rig.clerk.release();
    assert_eq!(second.await.expect("no panic"), Ok(Ensured::Made));
    assert_eq!(bench.rig.clerk.calls("user_1"), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobody_along() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.clerk.hold();
    let first = bench.ensuring("user_1");
    until("Clerk is asked", || bench.rig.clerk.running() == 1).await;
    let second = bench.ensuring("user_1");
    quiet().await;
    first.abort();
    bench.rig.clerk.release();
    assert_eq!(second.await.expect("no panic"), Ok(Ensured::Made));
}

#[tokio::test]
async fn a_row_that_can_never_be_written_is_a_conflict_and_no_loop() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "taken"));
    bench.rig.store.refuse("taken");
    for _ in 0..10 {
        assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Conflict));
    }
    assert_eq!(bench.rig.clerk.calls("user_1"), 1);
    bench.rig.store.refuse_nothing();
    bench.rig.pass(2).await;
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Made));
}

#[tokio::test]
async fn an_answer_that_cannot_be_mapped_is_a_conflict() {
    let bench = Bench::new().await;
    bench.rig.clerk.says("user_1", r#"{"id":"user_1"}"#);
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Conflict));
}

#[tokio::test]
async fn without_a_database_only_known_users_pass() {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    bench.ensure("user_1").await.expect("there");
    bench.rig.store.away(Some(StoreErrorKind::Unavailable));
    assert_eq!(bench.ensure("user_1").await, Ok(Ensured::Known));
    assert_eq!(bench.ensure("user_2").await, Err(EnsureError::DatabaseAway));
    assert_eq!(bench.rig.clerk.all_calls(), 0, "nothing is read that cannot be written");
    bench.rig.store.away(None);
    bench.rig.clerk.shows("user_2", &person("user_2", NOON, "bob"));
    bench.rig.store.next([Fault::Before(StoreErrorKind::Unavailable)]);
    assert_eq!(bench.ensure("user_2").await, Err(EnsureError::DatabaseAway));
    assert!(!bench.users.is_known("user_2"));
    assert_eq!(bench.ensure("user_2").await, Ok(Ensured::Made));
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_named_when_patience_ends() {
    let bench = Bench::new().await;
    bench.rig.store.hold_looks(true);
    let caller = bench.ensuring("user_1");
    until("it is looked for", || bench.rig.store.looks() == 1).await;
    bench.rig.pass(3).await;
    assert_eq!(caller.await.expect("no panic"), Err(EnsureError::DatabaseAway));
}

/// The look saw the row, and before it is remembered the user is deleted.
#[tokio::test]
async fn a_deletion_between_looking_and_remembering_wins() {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    bench.rig.store.hold_looks(true);
    let caller = bench.ensuring("user_1");
    until("it is looked for", || bench.rig.store.looks() == 1).await;
    bench.rig.receive(&deleted("user_1", NOON + 1)).await;
    bench.rig.store.hold_looks(false);
    assert_eq!(caller.await.expect("no panic"), Ok(Ensured::Found), "it was there when it was asked for");
    assert!(!bench.users.is_known("user_1"));
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Deleted));
}

/// The same while Clerk is read: the older answer is stale by then.
#[tokio::test]
async fn a_deletion_while_clerk_is_read_wins() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.clerk.hold();
    let caller = bench.ensuring("user_1");
    until("Clerk is asked", || bench.rig.clerk.running() == 1).await;
    bench
        .rig
        .store
        .commit(&[present("user_1", NOON, NOON, "ada"), gone("user_1", NOON + 1)])
        .await
        .expect("written");
    bench.rig.clerk.release();
    assert_eq!(caller.await.expect("no panic"), Err(EnsureError::Deleted));
    assert!(!bench.users.is_known("user_1"));
    assert_eq!(bench.rig.username("user_1").await, None);
}

#[tokio::test]
async fn without_a_date_an_absence_proves_nothing() {
    let bench = Bench::new().await;
    bench.rig.clerk.misses_at("user_1", Date::Missing);
    for _ in 0..3 {
        assert_eq!(bench.ensure("user_1").await, Err(EnsureError::NotFound));
        bench.rig.pass(70).await;
    }
    assert_eq!(bench.rig.entry("user_1").await, None);
}

#[tokio::test]
async fn a_drained_engine_makes_no_rows() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.rig.engine.drain().await;
    assert_eq!(bench.ensure("user_1").await, Err(EnsureError::Closed));
}
