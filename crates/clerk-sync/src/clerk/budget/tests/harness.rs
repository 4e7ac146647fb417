//! A simulated Clerk and the process that calls it, in steps of 5 ms.

use crate::clerk::budget::{
    lane::{Lane, PerLane},
    state::{Answer, State},
    window::WINDOW,
};
use std::{collections::VecDeque, time::Duration};

pub(super) const STEP: Duration = Duration::from_millis(5);

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Every run is the same (`SplitMix64`).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// Refuses what is more than the limit within any ten seconds.
pub(super) struct FakeClerk {
    pub(super) limit: usize,
    arrived: VecDeque<Duration>,
    /// The most that any window held.
    pub(super) most: usize,
    /// When calls were refused.
    pub(super) refusals: Vec<Duration>,
}

impl FakeClerk {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit as usize, arrived: VecDeque::new(), most: 0, refusals: Vec::new() }
    }

    /// Whether a request is served that arrives now.
    pub(super) fn serves(&mut self, now: Duration) -> bool {
        while self.arrived.front().is_some_and(|arrived| *arrived + WINDOW <= now) {
            self.arrived.pop_front();
        }
        if self.arrived.len() >= self.limit {
            self.refusals.push(now);
            return false;
        }
        self.arrived.push_back(now);
        self.most = self.most.max(self.arrived.len());
        true
    }
}

struct Call {
    lane: Lane,
    started: Duration,
    arrives: Duration,
    ends: Duration,
    served: Option<bool>,
}

/// A process: its budget, who waits in it and what it has on its way.
pub(super) struct Process {
    pub(super) state: State,
    waiting: PerLane<VecDeque<Duration>>,
    calls: Vec<Call>,
    /// When calls were permitted.
    pub(super) begun: PerLane<Vec<Duration>>,
    /// How long those waited.
    pub(super) waited: PerLane<Vec<Duration>>,
    pub(super) retry_after: Duration,
}

impl Process {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            waiting: PerLane::default(),
            calls: Vec::new(),
            begun: PerLane::default(),
            waited: PerLane::default(),
            retry_after: s(5),
        }
    }

    pub(super) fn ask(&mut self, now: Duration, lane: Lane, calls: usize) {
        for _ in 0..calls {
            self.waiting.of_mut(lane).push_back(now);
        }
    }

    /// Lets always `callers` in a lane wait or call.
    pub(super) fn keep(&mut self, now: Duration, lane: Lane, callers: usize) {
        let running = self.calls.iter().filter(|call| call.lane == lane).count();
        let waiting = self.waiting.of(lane).len();
        self.ask(now, lane, callers.saturating_sub(running + waiting));
    }

    pub(super) fn waiting(&self) -> PerLane<usize> {
        let mut waiting = PerLane::default();
        for lane in Lane::ALL {
            *waiting.of_mut(lane) = self.waiting.of(lane).len();
        }
        waiting
    }

    /// How many calls went in all.
    pub(super) fn total(&self) -> usize {
        Lane::ALL.into_iter().map(|lane| self.begun.of(lane).len()).sum()
    }

    /// One moment. A call takes up to `slowest` and arrives at any moment meanwhile.
    pub(super) fn step(&mut self, now: Duration, clerk: &mut FakeClerk, dice: &mut Dice, slowest: Duration) {
        for call in &mut self.calls {
            if call.served.is_none() && call.arrives <= now {
                call.served = Some(clerk.serves(now));
            }
        }
        for call in self.calls.extract_if(.., |call| call.ends <= now) {
            self.state.end(now, call.lane, call.started);
            if call.served == Some(false) {
                self.state.throttled(now, self.retry_after);
            }
        }
        // Whoever happens to look first looks first.
        let first = dice.below(4) as usize;
        let mut passed = 0;
        for lane in Lane::ALL.into_iter().cycle().skip(first) {
            passed = if self.try_lane(now, lane, dice, slowest) { 0 } else { passed + 1 };
            if passed == Lane::ALL.len() {
                break;
            }
        }
    }

    fn try_lane(&mut self, now: Duration, lane: Lane, dice: &mut Dice, slowest: Duration) -> bool {
        let waiting = self.waiting();
        let Some(since) = self.waiting.of(lane).front().copied() else {
            return false;
        };
        if self.state.try_permit(now, lane, since, &waiting) != Answer::Granted {
            return false;
        }
        self.waiting.of_mut(lane).pop_front();
        self.begun.of_mut(lane).push(now);
        self.waited.of_mut(lane).push(now - since);
        let takes = dice.below(slowest.as_millis() as u64) + 1;
        let (arrives, ends) = (now + ms(dice.below(takes + 1)), now + ms(takes));
        self.calls.push(Call { lane, started: now, arrives, ends, served: None });
        true
    }
}

/// The most calls of a list within any window.
pub(super) fn most_in_a_window(begun: &[Duration]) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (index, at) in begun.iter().enumerate() {
        while begun[from] + WINDOW <= *at {
            from += 1;
        }
        most = most.max(index + 1 - from);
    }
    most
}
