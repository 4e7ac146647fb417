//! Waiting itself: order, patience, raising, giving up.

use super::{PATIENT, budget, settle};
use crate::clerk::budget::{Budget, Lane, RaisableLane};
use clerk_auth::clock::{Clock, ManualClock, SystemClock};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const SECOND: Duration = Duration::from_secs(1);

/// Waits in a task of its own and then says `name`.
fn wait(budget: &Arc<Budget>, lane: Lane, name: u32, served: &UnboundedSender<u32>) -> Arc<RaisableLane> {
    let lane = Arc::new(RaisableLane::new(lane));
    let (budget, served, its_lane) = (Arc::clone(budget), served.clone(), Arc::clone(&lane));
    tokio::spawn(async move {
        let _permit = budget.permit_raisable(&its_lane, PATIENT).await.expect("a permit");
        served.send(name).expect("the test listens");
    });
    lane
}

async fn order(clock: &ManualClock, served: &mut UnboundedReceiver<u32>, calls: usize) -> Vec<u32> {
    let mut names = Vec::new();
    for _ in 0..2_000 {
        settle().await;
        while let Ok(name) = served.try_recv() {
            names.push(name);
        }
        if names.len() >= calls {
            break;
        }
        clock.advance(SECOND / 10);
    }
    names
}

#[tokio::test]
async fn people_go_before_machines_and_equals_as_they_came() {
    let (budget, clock) = budget(1);
    drop(budget.permit(Lane::Person, PATIENT).await.expect("the first is free"));
    let (sender, mut served) = unbounded_channel();
    let lanes = [Lane::Bulk, Lane::Background, Lane::Webhook, Lane::Person];
    for (name, lane) in (0..).zip(lanes.into_iter().chain(lanes)) {
        wait(&budget, lane, name, &sender);
        settle().await;
    }
    assert_eq!(order(&clock, &mut served, 8).await, [3, 7, 2, 6, 1, 5, 0, 4]);
}

#[tokio::test]
async fn a_raised_call_goes_with_its_new_lane() {
    let (budget, clock) = budget(1);
    drop(budget.permit(Lane::Person, PATIENT).await.expect("the first is free"));
    let (sender, mut served) = unbounded_channel();
    wait(&budget, Lane::Bulk, 0, &sender);
    settle().await;
    let raised = wait(&budget, Lane::Bulk, 1, &sender);
    settle().await;
    wait(&budget, Lane::Webhook, 2, &sender);
    settle().await;
    raised.raise(Lane::Person);
    raised.raise(Lane::Bulk);
    assert_eq!(order(&clock, &mut served, 3).await, [1, 2, 0]);
}

#[tokio::test]
async fn whoever_goes_away_leaves_the_place_to_the_next() {
    let (budget, clock) = budget(1);
    drop(budget.permit(Lane::Person, PATIENT).await.expect("the first is free"));
    let (sender, mut served) = unbounded_channel();
    let gone = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { budget.permit(Lane::Person, PATIENT).await.map(drop) }
    });
    settle().await;
    wait(&budget, Lane::Person, 1, &sender);
    wait(&budget, Lane::Bulk, 2, &sender);
    settle().await;
    gone.abort();
    assert_eq!(order(&clock, &mut served, 2).await, [1, 2]);
    assert!(clock.monotonic() <= 21 * SECOND);
}

#[tokio::test]
async fn the_impatient_are_told_when_to_come_back() {
    let (budget, clock) = budget(1);
    drop(budget.permit(Lane::Person, Duration::ZERO).await.expect("the first is free"));
    clock.advance(4 * SECOND);
    let error = budget.permit(Lane::Person, 5 * SECOND).await.expect_err("too long");
    assert_eq!(error.retry_after(), Some(6 * SECOND));
}

/// Those ahead of it are counted, and it does not wait in vain.
#[tokio::test]
async fn the_end_of_a_long_queue_is_refused_at_once() {
    let (budget, _clock) = budget(2);
    let (sender, _served) = unbounded_channel();
    for name in 0..6 {
        wait(&budget, Lane::Person, name, &sender);
    }
    settle().await;
    let error = budget.permit(Lane::Person, 15 * SECOND).await.expect_err("two windows at the least");
    assert_eq!(error.retry_after(), Some(30 * SECOND));
}

#[tokio::test]
async fn patience_ends_though_calls_run_on() {
    let (budget, clock) = budget(1);
    let running = budget.permit(Lane::Person, Duration::ZERO).await.expect("the first is free");
    let impatient = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { budget.permit(Lane::Person, 10 * SECOND).await.map(drop) }
    });
    settle().await;
    for _ in 0..10 {
        clock.advance(SECOND);
        settle().await;
    }
    let error = impatient.await.expect("no panic").expect_err("it runs still");
    assert_eq!(error.retry_after(), Some(10 * SECOND));
    drop(running);
    assert!(budget.permit(Lane::Person, 9 * SECOND).await.is_err(), "it counts from its end");
    clock.advance(10 * SECOND);
    assert!(budget.permit(Lane::Person, Duration::ZERO).await.is_ok());
}

#[tokio::test]
async fn a_retry_after_is_obeyed_by_everyone() {
    let (budget, clock) = budget(100);
    budget.throttled(7 * SECOND);
    budget.throttled(2 * SECOND);
    for lane in Lane::ALL {
        let error = budget.permit(lane, Duration::ZERO).await.expect_err("closed");
        assert_eq!(error.retry_after(), Some(7 * SECOND));
    }
    clock.advance(7 * SECOND);
    for lane in Lane::ALL {
        clock.advance(SECOND);
        drop(budget.permit(lane, Duration::ZERO).await.expect("open again"));
    }
}

/// Five thousand wait; each is woken when it is its turn, and no more than a few times.
#[tokio::test]
async fn thousands_wait_cheaply() {
    let (budget, clock) = budget(5_000);
    let held: Vec<_> = {
        let mut held = Vec::new();
        for _ in 0..5_000 {
            held.push(budget.permit(Lane::Person, Duration::ZERO).await.expect("free"));
        }
        held
    };
    drop(held);
    let (sender, mut served) = unbounded_channel();
    for name in 0..5_000 {
        wait(&budget, Lane::Person, name, &sender);
    }
    settle().await;
    clock.advance(10 * SECOND);
    let mut names = Vec::new();
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
        while let Ok(name) = served.try_recv() {
            names.push(name);
        }
    }
    assert_eq!(names.len(), 5_000);
    assert!(names.is_sorted());
}

/// The machine's clock moves on while a call asks.
#[tokio::test]
async fn what_is_free_needs_no_patience() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let budget = Budget::new(1_000, clock);
    for _ in 0..1_000 {
        drop(budget.permit(Lane::Person, Duration::ZERO).await.expect("it is free"));
    }
    assert!(budget.permit(Lane::Person, Duration::ZERO).await.is_err());
}
