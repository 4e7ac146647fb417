//! What decides whether a call may go, as plain data: no waiting, no clock.

use super::{
    lane::{Lane, PerLane},
    pace::Pace,
    throttle::Throttle,
    window::{WINDOW, Window},
};
use std::time::Duration;

/// A call of a higher lane may go now and has not been woken yet.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It goes, and counts from now.
    Granted,
    /// Look again after this time.
    Wait(Duration),
}

/// See the module.
#[derive(Debug)]
pub(super) struct State {
    limit: u32,
    all: Window,
    background: Window,
    /// Of all calls: those of paced lanes wait for it.
    pace: Pace,
    background_pace: Pace,
    /// How long a call takes, smoothed.
    duration: Duration,
    throttle: Throttle,
}

impl State {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit: limit.max(1),
            all: Window::default(),
            background: Window::default(),
            pace: Pace::default(),
            background_pace: Pace::default(),
            duration: Duration::ZERO,
            throttle: Throttle::default(),
        }
    }

    /// Asks for the first call of a lane, which waits `since`. `waiting`: how many wait in each lane.
    pub(super) fn try_permit(
        &mut self,
        now: Duration,
        lane: Lane,
        since: Duration,
        waiting: &PerLane<usize>,
    ) -> Answer {
        let wait = self.wait(now, lane, waiting, 0);
        if !wait.is_zero() {
            return Answer::Wait(wait);
        }
        let of_background = *waiting.of(Lane::Background) > 0;
        if lane == Lane::Bulk && of_background && self.wait(now, Lane::Background, waiting, 0).is_zero() {
            return Answer::Wait(LOOK_AGAIN);
        }
        self.begin(now, lane, since);
        Answer::Granted
    }

    /// How long a call has to wait that comes after `before` others of its lane, at the least. Zero if it may go now.
    pub(super) fn wait(
        &mut self,
        now: Duration,
        lane: Lane,
        waiting: &PerLane<usize>,
        before: usize,
    ) -> Duration {
        let places = self.effective(now);
        // A paced lane's calls wait for their pace, and hold back nobody meanwhile.
        let higher = |other: &Lane| *other < lane && !other.is_paced();
        let ahead: usize =
            Lane::ALL.iter().filter(|other| higher(other)).map(|other| waiting.of(*other)).sum();
        let mut wait = self.throttle.closed_for(now);
        wait = wait.max(self.all.until_room(now, as_places(places), ahead + before + 1));
        let later = |pace: &Pace, interval: Duration| {
            pace.until(now, interval) + interval.saturating_mul(u32::try_from(before).unwrap_or(u32::MAX))
        };
        if lane.is_paced() {
            wait = wait.max(later(&self.pace, self.interval(places)));
        }
        if lane == Lane::Background {
            let most = self.background_limit(now);
            wait = wait.max(self.background.until_room(now, as_places(most), before + 1));
            wait = wait.max(later(&self.background_pace, self.interval(most)));
        }
        wait
    }

    fn begin(&mut self, now: Duration, lane: Lane, since: Duration) {
        self.all.begin();
        let ahead = WINDOW + self.duration;
        self.pace.advance(now, since, self.interval(self.effective(now)), ahead);
        if lane == Lane::Background {
            self.background.begin();
            self.background_pace.advance(now, since, self.interval(self.background_limit(now)), ahead);
        }
    }

    /// The answer of a call came that began at `started`.
    pub(super) fn end(&mut self, now: Duration, lane: Lane, started: Duration) {
        self.all.end(now);
        if lane == Lane::Background {
            self.background.end(now);
        }
        self.duration = (self.duration * 15 + now.saturating_sub(started)) / 16;
    }

    /// Clerk answered 429.
    pub(super) fn throttled(&mut self, now: Duration, retry_after: Duration) {
        self.throttle.throttled(now, retry_after);
    }

    /// Calls in any ten seconds, now.
    pub(super) fn effective(&self, now: Duration) -> u32 {
        // The part is at most 1, so this is never more than the limit.
        ((f64::from(self.limit) * self.throttle.part(now)) as u32).max(1)
    }

    fn background_limit(&self, now: Duration) -> u32 {
        self.effective(now).min((self.limit / 2).max(1))
    }

    /// A place is taken for the window and as long as a call takes: this is how often one becomes free.
    fn interval(&self, places: u32) -> Duration {
        (WINDOW + self.duration) / places.max(1)
    }
}

fn as_places(calls: u32) -> usize {
    usize::try_from(calls).unwrap_or(usize::MAX)
}
