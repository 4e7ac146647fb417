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
/// Nothing is granted: a heartbeat may bring something.
const UNGRANTED: Duration = Duration::from_secs(1);
/// A lane that waited for its pace this lately has use for more.
const LATELY: Duration = Duration::from_secs(2);

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
    /// `None`: nobody else uses the limit.
    grant: Option<Grant>,
    all: Window,
    background: Window,
    /// Of all calls: those of paced lanes wait for it.
    pace: Pace,
    background_pace: Pace,
    /// How long a call takes, smoothed.
    duration: Duration,
    throttle: Throttle,
    /// When a call of a paced lane was last told to wait.
    paced: PerLane<Option<Duration>>,
}

/// This process's part of the limit.
#[derive(Debug, Clone, Copy, Default)]
struct Grant {
    calls: u32,
    until: Duration,
}

/// What this process tells the others of its needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// Calls in ten seconds that it has use for, at most the limit.
    pub(super) wanted: u32,
    /// What it may use now.
    pub(super) held: u32,
    /// Calls that still count.
    pub(super) occupied: u32,
}

impl State {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit: limit.max(1),
            grant: None,
            all: Window::default(),
            background: Window::default(),
            pace: Pace::default(),
            background_pace: Pace::default(),
            duration: Duration::ZERO,
            throttle: Throttle::default(),
            paced: PerLane::default(),
        }
    }

    /// One that may use nothing before it is granted.
    pub(super) fn shared(limit: u32) -> Self {
        Self { grant: Some(Grant::default()), ..Self::new(limit) }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
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
            if lane.is_paced() {
                *self.paced.of_mut(lane) = Some(now);
            }
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
        match self.effective(now) {
            0 => self.throttle.closed_for(now).max(UNGRANTED),
            places => self.wait_within(places, now, lane, waiting, before),
        }
    }

    /// The same if this process were granted the whole limit at once.
    pub(super) fn soonest(
        &mut self,
        now: Duration,
        lane: Lane,
        waiting: &PerLane<usize>,
        before: usize,
    ) -> Duration {
        self.wait_within(self.part(self.limit, now), now, lane, waiting, before)
    }

    fn wait_within(
        &mut self,
        places: u32,
        now: Duration,
        lane: Lane,
        waiting: &PerLane<usize>,
        before: usize,
    ) -> Duration {
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
            let most = self.background_limit(places);
            wait = wait.max(self.background.until_room(now, as_places(most), before + 1));
            wait = wait.max(later(&self.background_pace, self.interval(most)));
        }
        wait
    }

    fn begin(&mut self, now: Duration, lane: Lane, since: Duration) {
        self.all.begin();
        let (places, ahead) = (self.effective(now), WINDOW + self.duration);
        self.pace.advance(now, since, self.interval(places), ahead);
        if lane == Lane::Background {
            self.background.begin();
            let most = self.background_limit(places);
            self.background_pace.advance(now, since, self.interval(most), ahead);
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

    /// What may be used until `until`.
    pub(super) fn set_grant(&mut self, calls: u32, until: Duration) {
        self.grant = Some(Grant { calls, until });
    }

    /// This process's part of the limit; all of it if nobody else uses it.
    pub(super) fn granted(&self, now: Duration) -> u32 {
        match self.grant {
            None => self.limit,
            Some(grant) if now < grant.until => grant.calls.min(self.limit),
            Some(_) => 0,
        }
    }

    /// Calls in any ten seconds, now.
    pub(super) fn effective(&self, now: Duration) -> u32 {
        match self.granted(now) {
            0 => 0,
            granted => self.part(granted, now),
        }
    }

    /// Whether a call of this lane waits because too little is granted.
    pub(super) fn is_short(&mut self, now: Duration, lane: Lane, waiting: &PerLane<usize>) -> bool {
        let places = as_places(self.effective(now));
        self.granted(now) < self.limit
            && !self.all.until_room(now, places, before_lane(lane, waiting) + 1).is_zero()
    }

    pub(super) fn needs(&mut self, now: Duration, waiting: &PerLane<usize>) -> Needs {
        let occupied = self.all.occupied(now);
        let lately = |paced: Option<Duration>| paced.is_some_and(|at| now < at + LATELY);
        let background = self.background.occupied(now) + waiting.of(Lane::Background);
        let mut calls = occupied + Lane::ALL.into_iter().map(|lane| waiting.of(lane)).sum::<usize>();
        if lately(*self.paced.of(Lane::Background)) {
            calls = calls - background + background.max(as_places(self.background_limit(self.limit)));
        }
        // Some more, so that a few people who come at once do not wait for a heartbeat.
        let more = if calls == 0 { 0 } else { calls.div_ceil(4) + as_places(self.limit / 20) };
        let wanted = u32::try_from(calls + more).unwrap_or(u32::MAX).min(self.limit);
        Needs {
            wanted: if lately(*self.paced.of(Lane::Bulk)) { self.limit } else { wanted },
            held: self.granted(now),
            occupied: u32::try_from(occupied).unwrap_or(u32::MAX),
        }
    }

    /// What 429s leave of some calls, at least 1.
    fn part(&self, calls: u32, now: Duration) -> u32 {
        // At most 1, so the product is never more than what is granted.
        ((f64::from(calls) * self.throttle.part(now)) as u32).max(1)
    }

    /// Timers' part, where all have `places`.
    fn background_limit(&self, places: u32) -> u32 {
        places.min((self.limit / 2).max(1))
    }

    /// A place is taken for the window and as long as a call takes: this is how often one becomes free.
    fn interval(&self, places: u32) -> Duration {
        (WINDOW + self.duration) / places.max(1)
    }
}

/// How many of those who wait go before a lane. A paced lane's calls wait for their pace, and hold back nobody meanwhile.
fn before_lane(lane: Lane, waiting: &PerLane<usize>) -> usize {
    let higher = |other: &Lane| *other < lane && !other.is_paced();
    Lane::ALL.into_iter().filter(higher).map(|other| waiting.of(other)).sum()
}

fn as_places(calls: u32) -> usize {
    usize::try_from(calls).unwrap_or(usize::MAX)
}
