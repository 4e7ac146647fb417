//! Another deployment uses half of the instance's limit, then it stops.

use super::harness::{Dice, FakeClerk, Process, STEP, ms, s};
use crate::clerk::budget::{lane::Lane, state::State, window::WINDOW};
use rstest::rstest;
use std::time::Duration;

/// The moments at which refusals began, those within a window counted once.
fn events(refusals: &[Duration]) -> Vec<Duration> {
    let mut events: Vec<Duration> = Vec::new();
    for refusal in refusals {
        if events.last().is_none_or(|last| *last + WINDOW <= *refusal) {
            events.push(*refusal);
        }
    }
    events
}

#[rstest]
fn half_an_instance_is_used_with_few_refusals_and_all_of_it_when_the_other_stops(
    #[values(100, 1_000)] limit: u32,
    #[values(1, 5)] retry_after: u64,
    #[values(Lane::Bulk, Lane::Person)] lane: Lane,
    #[values(20, 400)] slowest: u64,
) {
    let (mut dice, mut clerk) = (Dice(7), FakeClerk::new(limit));
    let mut process = Process::new(State::new(limit));
    process.retry_after = s(retry_after);
    let (stops, end) = (s(650), s(800));
    let mut now = s(50);
    let mut others = s(50);
    let (mut refused, mut from, mut to, mut recovered) = (Vec::new(), 0, 0, None);
    while now < end {
        // The other's calls are spread evenly and never hold back.
        while now < stops && others <= now {
            clerk.serves(now);
            others += s(10) / (limit / 2);
        }
        // Its own refusals teach us nothing.
        clerk.refusals.clear();
        process.keep(now, lane, 40);
        process.step(now, &mut clerk, &mut dice, ms(slowest));
        refused.append(&mut clerk.refusals);
        if now == s(150) {
            from = process.total();
        }
        if now == stops {
            to = process.total();
        }
        if now > stops && process.state.effective(now) == limit {
            recovered = recovered.or(Some(now - stops));
        }
        now += STEP;
    }
    let events = events(&refused);
    let steady = events.iter().filter(|event| **event >= s(150)).count();
    let used = (to - from) as f64 / (50.0 * f64::from(limit) / 2.0);
    println!(
        "{limit} {lane:?} {slowest} ms, Retry-After {retry_after}: {steady} events in 500 s, {} refusals, {used:.2} of the half, recovered after {recovered:?}",
        refused.len()
    );
    assert!(steady <= 500 / 30, "{events:?}");
    assert!(used > 0.75, "{used:.2} of the half");
    assert!(recovered.is_some_and(|after| after < s(120)), "{recovered:?}");
    assert!(events.iter().all(|event| *event < stops + WINDOW), "{events:?}");
}
