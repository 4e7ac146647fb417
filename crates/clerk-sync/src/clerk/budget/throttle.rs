//! What a 429 teaches: somebody else uses this instance too, so use a part of the limit, and find out how large it may be.

use super::window::WINDOW;
use std::time::Duration;

/// What is left of the part after a 429.
const CUT: f64 = 0.7;
/// How long it takes to come back to where Clerk refused. Whoever shares an instance for good hears a 429 about as often.
const BACK: Duration = Duration::from_secs(40);
/// How long it takes from there to the whole limit.
const ON: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// Clerk said `Retry-After`: nothing before this.
    closed_until: Duration,
    refused: Option<Refused>,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    at: Duration,
    /// The part that was too large.
    part: f64,
}

impl Throttle {
    /// Clerk answered 429. All within one window are one event: what ran then, or what the window still held.
    pub(super) fn throttled(&mut self, now: Duration, retry_after: Duration) {
        if self.refused.is_none_or(|refused| refused.at + WINDOW <= now) {
            self.refused = Some(Refused { at: now, part: self.part(now) });
        }
        self.closed_until = self.closed_until.max(now.saturating_add(retry_after));
    }

    /// The time until calls may go at all.
    pub(super) fn closed_for(&self, now: Duration) -> Duration {
        self.closed_until.saturating_sub(now)
    }

    /// The part of the limit to use, above 0 and at most 1.
    pub(super) fn part(&self, now: Duration) -> f64 {
        let Some(Refused { at, part }) = self.refused else { return 1.0 };
        // It grows while calls succeed, so not while none are made.
        let calm = now.saturating_sub(at.max(self.closed_until));
        match calm.checked_sub(BACK) {
            None => part * (CUT + (1.0 - CUT) * calm.div_duration_f64(BACK)),
            Some(calm) => (part + (1.0 - part) * calm.div_duration_f64(ON)).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_429_lowers_the_part_once_and_it_comes_back_in_time() {
        let mut throttle = Throttle::default();
        throttle.throttled(s(100), s(5));
        throttle.throttled(s(103), s(5));
        throttle.throttled(s(109), s(1));
        assert_eq!(throttle.closed_for(s(105)), s(5));
        let part = |at| (throttle.part(s(at)) * 1_000.0).round();
        assert_eq!([110, 130, 150, 500].map(part), [700.0, 850.0, 1_000.0, 1_000.0]);
        throttle.throttled(s(120), s(0));
        let part = |at| (throttle.part(s(at)) * 1_000.0).round();
        assert_eq!([120, 160, 190, 220, 500].map(part), [542.0, 775.0, 888.0, 1_000.0, 1_000.0]);
    }

    #[test]
    fn it_is_never_nothing() {
        let mut throttle = Throttle::default();
        for event in 0..1_000 {
            throttle.throttled(s(10 * event), s(1));
        }
        let part = throttle.part(s(10_000));
        assert!(part > 0.0 && part < 0.001, "{part}");
        assert!((throttle.part(s(10_200)) - 1.0).abs() < f64::EPSILON);
    }
}
