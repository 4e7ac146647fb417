//! The pace of calls that nobody waits for: one in each interval, so that places become free evenly too.

use std::time::Duration;

/// A call that waited and came late catches up with its plan, up to this much: timers are not exact.
const CATCH_UP: Duration = Duration::from_millis(200);
/// What a caller that did not wait finds saved up.
const SAVED: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the last call should have gone, plus [`CATCH_UP`]: a plan may lie before the clock's beginning.
    planned: Option<Duration>,
}

impl Pace {
    /// The time until the next call may go.
    pub(super) fn until(&self, now: Duration, interval: Duration) -> Duration {
        self.planned.map_or(Duration::ZERO, |planned| (planned + interval).saturating_sub(now + CATCH_UP))
    }

    /// Counts a call that goes now and waited `since`, at most `ahead` into the future.
    pub(super) fn advance(&mut self, now: Duration, since: Duration, interval: Duration, ahead: Duration) {
        let earliest = now.max(since + CATCH_UP - SAVED);
        let planned = self.planned.map_or(earliest, |planned| (planned + interval).max(earliest));
        self.planned = Some(planned.min(now + CATCH_UP + ahead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const INTERVAL: Duration = ms(10);
    const AHEAD: Duration = ms(10_000);

    /// How many go between two moments, if always one waits and a timer wakes it every `step` milliseconds.
    fn gone(pace: &mut Pace, from: u64, to: u64, step: usize) -> usize {
        let mut gone = 0;
        for now in (from..to).step_by(step) {
            while pace.until(ms(now), INTERVAL).is_zero() {
                pace.advance(ms(now), ms(from), INTERVAL, AHEAD);
                gone += 1;
            }
        }
        gone
    }

    #[test]
    fn late_timers_cost_nothing() {
        for step in [1, 3, 7, 13, 90] {
            let gone = gone(&mut Pace::default(), 1_000, 11_000, step);
            assert!((990..=1_003).contains(&gone), "{gone} at {step} ms");
        }
    }

    #[test]
    fn rest_saves_up_next_to_nothing() {
        let mut pace = Pace::default();
        assert_eq!(gone(&mut pace, 0, 1, 1), 3, "also when the clock begins");
        assert_eq!(gone(&mut pace, 1_000, 1_001, 1), 3);
        assert_eq!(gone(&mut pace, 60_000, 60_001, 1), 3);
    }

    #[test]
    fn a_burst_of_others_is_made_up_for() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            pace.advance(ms(5_000), ms(5_000), INTERVAL, AHEAD);
        }
        assert_eq!(pace.until(ms(5_000), INTERVAL), ms(980));
        for _ in 0..5_000 {
            pace.advance(ms(5_000), ms(5_000), INTERVAL, AHEAD);
        }
        assert_eq!(pace.until(ms(5_000), INTERVAL), AHEAD + INTERVAL, "but not for ever");
    }
}
