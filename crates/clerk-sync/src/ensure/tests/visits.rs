//! Flows A and C: a person comes from sign-up, or returns.

use super::*;
use crate::engine::testing::{MINUTE, NOON, deleted, person, person_since, updated};

#[tokio::test]
async fn a_person_from_sign_up_finds_the_row_written() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert_eq!(bench.visit("user_1").await, Ok(Ensured::Made));
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada"));
    assert_eq!(bench.told().await, told(&[("created", "visit")]));
    assert!(bench.users.is_known("user_1"), "the first page needs no look");
    assert_eq!(bench.counted("visit", "made"), 1);
}

#[tokio::test]
async fn what_was_written_within_five_seconds_needs_no_read() {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    assert_eq!(bench.visit("user_1").await, Ok(Ensured::Found));
    bench.rig.pass(5).await;
    assert_eq!(bench.visit("user_1").await, Ok(Ensured::Found));
    assert_eq!((bench.rig.clerk.all_calls(), bench.rig.store.looks()), (0, 0));
    bench.rig.pass(1).await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON + MINUTE, "ada the second"));
    assert_eq!(bench.visit("user_1").await, Ok(Ensured::Found));
    assert_eq!(bench.rig.clerk.all_calls(), 1);
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada the second"));
}

#[tokio::test]
async fn whoever_reloads_the_page_all_the_time_costs_a_read_in_five_seconds() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    for _ in 0..12 {
        bench.visit("user_1").await.expect("there");
        bench.rig.pass(1).await;
    }
    assert_eq!(bench.rig.clerk.all_calls(), 2);
}

#[tokio::test]
async fn a_deletion_ends_the_five_seconds() {
    let bench = Bench::new().await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    bench.visit("user_1").await.expect("made");
    bench.rig.receive(&deleted("user_1", NOON + 1)).await;
    assert_eq!(bench.visit("user_1").await, Err(EnsureError::Deleted));
    assert_eq!(bench.rig.clerk.all_calls(), 1);
}

#[tokio::test]
async fn a_visit_repairs_a_row_that_was_lost_or_changed() {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    bench.rig.pass(6).await;
    bench.rig.store.lose_row("user_1");
    bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert_eq!(bench.visit("user_1").await, Ok(Ensured::Made));
    assert_eq!(bench.told().await.last(), told(&[("updated", "visit")]).last());
}

/// A look by a request is under way that will read nothing.
#[tokio::test]
async fn a_visit_behind_a_request_reads_for_itself() {
    let bench = Bench::new().await;
    bench.rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    bench.rig.pass(6).await;
    bench.rig.clerk.shows("user_1", &person("user_1", NOON + MINUTE, "ada the second"));
    bench.rig.store.hold_looks(true);
    let request = bench.ensuring("user_1");
    until("it is looked for", || bench.rig.store.looks() == 1).await;
    let visit = bench.visiting("user_1");
    quiet().await;
    bench.rig.store.hold_looks(false);
    assert_eq!(request.await.expect("no panic"), Ok(Ensured::Found));
    assert_eq!(visit.await.expect("no panic"), Ok(Ensured::Found));
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada the second"));
}

/// The row stands until the absence is beyond doubt.
#[tokio::test]
async fn a_young_user_whom_clerk_does_not_find_yet_keeps_its_row() {
    let bench = Bench::new().await;
    let body =
        crate::engine::testing::event("user.created", NOON, &person_since(NOON, "user_1", NOON, "ada"));
    bench.rig.receive(&body).await;
    bench.rig.pass(6).await;
    bench.rig.clerk.misses("user_1");
    assert_eq!(bench.visit("user_1").await, Ok(Ensured::Found));
    assert_eq!(bench.rig.username("user_1").await.as_deref(), Some("ada"));
}
