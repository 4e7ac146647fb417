//! Who goes first, and how long people wait for machines.

use super::harness::{Dice, FakeClerk, Process, STEP, ms, s};
use crate::clerk::budget::{lane::Lane, state::State};
use rstest::rstest;
use std::time::Duration;

/// The longest and the mean wait of people who come while an import and timers run, one in each `every` ms.
fn waits(limit: u32, every: u64, slowest: u64) -> (Duration, Duration) {
    let (mut dice, mut clerk) = (Dice(9), FakeClerk::new(u32::MAX));
    let mut process = Process::new(State::new(limit));
    let mut now = s(50);
    while now < s(170) {
        process.keep(now, Lane::Bulk, 50);
        if now > s(90) {
            process.keep(now, Lane::Background, 5);
        }
        if now > s(55) && dice.below(every) < 5 {
            process.ask(now, Lane::Person, 1);
        }
        process.step(now, &mut clerk, &mut dice, ms(slowest));
        now += STEP;
    }
    assert!(clerk.most <= limit as usize);
    let waited = process.waited.of(Lane::Person);
    let longest = waited.iter().max().copied().unwrap_or_default();
    let bulk = process.begun.of(Lane::Bulk).len() as f64 / f64::from(limit) / 12.0;
    println!("{limit}, one in {every} ms: longest {longest:?}, bulk {bulk:.2}");
    (longest, waited.iter().sum::<Duration>() / waited.len() as u32)
}

#[rstest]
#[case::development(100, 2_000, 2)]
#[case::production(1_000, 200, 2)]
// People take a third of the limit: now and then several come at once, and wait for each other.
#[case::development_crowded(100, 300, 4)]
#[case::production_crowded(1_000, 30, 4)]
fn a_person_in_the_middle_of_an_import_waits_for_few_places(
    #[case] limit: u32,
    #[case] every: u64,
    #[case] places: u32,
) {
    let place = s(10) / limit;
    let (longest, mean) = waits(limit, every, 5);
    assert!(longest <= places * place + STEP, "{longest:?}");
    assert!(mean <= place + STEP, "{mean:?}");
}

#[rstest]
#[case::development(100, 2_000)]
#[case::production(1_000, 200)]
fn calls_that_take_their_time_change_little(#[case] limit: u32, #[case] every: u64) {
    let place = s(10) / limit;
    let (longest, mean) = waits(limit, every, 600);
    assert!(longest <= 10 * place, "{longest:?}");
    assert!(mean <= 2 * place, "{mean:?}");
}

#[test]
fn higher_lanes_go_first() {
    let (mut dice, mut clerk) = (Dice(3), FakeClerk::new(u32::MAX));
    let mut process = Process::new(State::new(50));
    let mut now = s(50);
    process.ask(now, Lane::Person, 50);
    process.step(now, &mut clerk, &mut dice, ms(5));
    now += STEP;
    for lane in Lane::ALL.into_iter().rev() {
        process.ask(now, lane, 20);
    }
    while process.total() < 130 {
        process.step(now, &mut clerk, &mut dice, ms(5));
        now += STEP;
    }
    let last = |lane| process.begun.of(lane).last().copied();
    let first = |lane, nth: usize| process.begun.of(lane).get(nth).copied();
    assert!(last(Lane::Person) <= first(Lane::Webhook, 0));
    assert!(last(Lane::Webhook) <= first(Lane::Background, 0));
    assert!(first(Lane::Background, 0) <= first(Lane::Bulk, 0));
    // Timers have half; what they leave is the import's.
    assert!(last(Lane::Background) <= last(Lane::Bulk));
}

#[test]
fn timers_do_not_starve_an_import() {
    let (mut dice, mut clerk) = (Dice(3), FakeClerk::new(u32::MAX));
    let mut process = Process::new(State::new(100));
    let mut now = s(50);
    while now < s(170) {
        process.keep(now, Lane::Background, 20);
        process.keep(now, Lane::Bulk, 20);
        process.step(now, &mut clerk, &mut dice, ms(50));
        now += STEP;
    }
    for lane in [Lane::Background, Lane::Bulk] {
        let begun = process.begun.of(lane).len();
        assert!((560..=620).contains(&begun), "{begun} of 1200 by {lane:?}");
    }
}
