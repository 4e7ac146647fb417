//! Never more than the limit as Clerk sees it, and all of it.

use super::harness::{Dice, FakeClerk, Process, STEP, most_in_a_window, ms, s};
use crate::clerk::budget::{lane::Lane, state::State};
use rstest::rstest;

#[rstest]
fn no_window_at_clerk_holds_more_than_the_limit(
    #[values(1, 3, 20, 100, 1_000)] limit: u32,
    #[values(1, 2, 3)] seed: u64,
    #[values(5, 900, 9_000)] slowest: u64,
) {
    let (mut dice, mut clerk) = (Dice(seed), FakeClerk::new(u32::MAX));
    let mut process = Process::new(State::new(limit));
    let mut now = s(50);
    while now < s(110) {
        for lane in Lane::ALL {
            // Now and then everyone comes at once.
            let calls = match dice.below(4_000) {
                0 => u64::from(limit),
                roll if roll < 40 => dice.below(1 + u64::from(limit) / 20) + 1,
                _ => 0,
            };
            process.ask(now, lane, calls as usize);
        }
        process.step(now, &mut clerk, &mut dice, ms(slowest));
        now += STEP;
    }
    assert!(clerk.most <= limit as usize, "{} of {limit}", clerk.most);
    assert!(clerk.most * 2 > limit as usize, "{} of {limit}: the load was no test", clerk.most);
}

#[rstest]
fn all_of_the_limit_is_used(
    #[values(Lane::Person, Lane::Webhook, Lane::Bulk)] lane: Lane,
    #[values(3, 100, 1_000)] limit: u32,
    #[values(10, 1_000)] slowest: u64,
) {
    let (mut dice, mut clerk) = (Dice(1), FakeClerk::new(u32::MAX));
    let mut process = Process::new(State::new(limit));
    let mut now = s(50);
    let (filled, end) = (s(80), s(200));
    let mut before = 0;
    while now < end {
        if now == filled {
            before = process.total();
        }
        process.keep(now, lane, 300.min(2 * limit as usize));
        process.step(now, &mut clerk, &mut dice, ms(slowest));
        now += STEP;
    }
    // Each place is taken for a window and one call, which takes `slowest / 2` and a step to be noticed.
    let each = 10.0 + slowest as f64 / 2_000.0 + 0.005;
    let most = f64::from(limit) * (end - filled).as_secs_f64() / each;
    let used = (process.total() - before) as f64 / most;
    assert!(used > 0.97, "{used:.3} of {limit} by {lane:?} with calls of up to {slowest} ms");
}

#[test]
fn an_import_takes_no_longer_than_clerk_makes_it() {
    let (mut dice, mut clerk) = (Dice(1), FakeClerk::new(u32::MAX));
    let mut process = Process::new(State::new(1_000));
    let begin = s(50);
    let mut now = begin;
    process.ask(now, Lane::Bulk, 2_000);
    while process.total() < 2_000 {
        process.step(now, &mut clerk, &mut dice, ms(5));
        now += STEP;
    }
    assert!(now - begin < ms(20_200), "{:?}", now - begin);
}

#[test]
fn timers_take_half_at_most_and_get_it() {
    let (mut dice, mut clerk) = (Dice(1), FakeClerk::new(u32::MAX));
    let mut process = Process::new(State::new(100));
    let mut now = s(50);
    while now < s(110) {
        process.keep(now, Lane::Background, 80);
        process.step(now, &mut clerk, &mut dice, ms(100));
        now += STEP;
    }
    let begun = process.begun.of(Lane::Background);
    assert_eq!(most_in_a_window(begun), 50);
    assert!(begun.len() > 290, "{}", begun.len());
    let gaps = begun.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(gaps < Some(ms(320)), "they are spread evenly: {gaps:?}");
}
