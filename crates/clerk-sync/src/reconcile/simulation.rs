//! The promise of the passes, in thousands of small worlds: whatever goes wrong, in the end, and within the promised
//! time, the table equals Clerk.
//!
//! A seed decides everything that happens: `SIMULATION_SEED=4711` runs one world once more, `SIMULATION_SEEDS=100000`
//! makes more of them. `scripts/simulate` is the command for long runs.

mod check;
mod loud;
#[cfg(feature = "sqlite")]
mod on_sqlite;
mod plan;
mod webhook;
mod world;

use check::Report;
pub(super) use check::row;
use plan::{Bug, Plan};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};
use world::World;

/// Some two minutes of both cores of a small machine, unoptimised.
const SEEDS: u64 = 10_000;
/// Seeds within which a planted bug must be found.
const BOUND: u64 = 1_000;

#[expect(clippy::disallowed_methods, reason = "how many worlds, and which ones, is said from outside")]
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

#[expect(clippy::disallowed_methods, reason = "how many worlds, and which ones, is said from outside")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// A runtime whose time passes only when nothing else is left to do.
fn paused() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}

fn simulate(seed: u64, bug: Option<Bug>) -> Result<Report, String> {
    let runtime = paused();
    let loud = is_set("SIMULATION_LOUD");
    let _loud = loud.then(|| {
        let _time = runtime.enter();
        tracing::subscriber::set_default(loud::Loud::new())
    });
    runtime.block_on(async { check::run(World::new(Plan::of(seed, bug), None)).await })
}

/// The failures among the seeds from `first` on, in order; without `all` none behind the first one.
fn search(first: u64, count: u64, bug: Option<Bug>, all: bool) -> Vec<(u64, String)> {
    let next = AtomicU64::new(first);
    let last = AtomicU64::new(first + count);
    let work = || {
        let mut found = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= last.load(Ordering::Relaxed) {
                return found;
            }
            let outcome = std::panic::catch_unwind(|| simulate(seed, bug));
            if let Err(error) = outcome.unwrap_or_else(|_| Err("it panicked".to_owned())) {
                found.push((seed, error));
                if !all {
                    last.fetch_min(seed, Ordering::Relaxed);
                }
            }
        }
    };
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let mut found: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    found.sort();
    found
}

#[test]
fn in_every_world_the_table_ends_equal_to_clerk() {
    let (first, count) = match variable("SIMULATION_SEED") {
        Some(seed) => (seed, 1),
        None => (variable("SIMULATION_FIRST").unwrap_or(0), variable("SIMULATION_SEEDS").unwrap_or(SEEDS)),
    };
    let found = search(first, count, None, is_set("SIMULATION_ALL"));
    let told: Vec<String> = found.iter().map(|(seed, error)| format!("seed {seed}: {error}")).collect();
    if let Some((seed, _)) = found.first() {
        panic!("{}\nreplay with: SIMULATION_SEED={seed} scripts/simulate", told.join("\n"));
    }
}

#[test]
fn a_seed_makes_the_same_world_again() {
    for seed in 0..50 {
        assert_eq!(simulate(seed, None), simulate(seed, None), "seed {seed}");
    }
}

fn is_found(bug: Bug) {
    let found = search(0, BOUND, Some(bug), false);
    assert!(!found.is_empty(), "{bug:?} is not found within {BOUND} seeds");
}

#[test]
fn a_catch_up_without_overlap_is_found() {
    is_found(Bug::NoOverlap);
}

#[test]
fn a_page_by_time_that_begins_too_late_is_found() {
    is_found(Bug::NoReachBack);
}

#[test]
fn a_cursor_before_its_page_is_found() {
    is_found(Bug::CursorFirst);
}

#[test]
fn a_floor_that_trusts_lists_that_lag_is_found() {
    is_found(Bug::NoLag);
}
