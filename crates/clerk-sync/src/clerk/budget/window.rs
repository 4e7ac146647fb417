//! The calls that count: from their permission until ten seconds after their answer.
//!
//! A request arrives at Clerk at an unknown moment between its permission and its answer. Among the calls that arrive
//! within some ten seconds, take the one that was permitted last: all others were answered less than ten seconds
//! before that, so they had their places then, and together they were no more than the limit.

use std::{collections::VecDeque, time::Duration};

/// How long Clerk counts a request.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Window {
    running: usize,
    /// When the calls of the last window were answered, in order.
    ended: VecDeque<Duration>,
}

impl Window {
    pub(super) fn begin(&mut self) {
        self.running += 1;
    }

    /// `now` never goes back.
    pub(super) fn end(&mut self, now: Duration) {
        self.running = self.running.saturating_sub(1);
        self.ended.push_back(now);
    }

    /// How many places are taken.
    pub(super) fn occupied(&mut self, now: Duration) -> usize {
        while self.ended.front().is_some_and(|ended| *ended + WINDOW <= now) {
            self.ended.pop_front();
        }
        self.running + self.ended.len()
    }

    /// The time until `calls` more fit into `places`, at the least: calls that run now may run on. Zero if they fit now.
    pub(super) fn until_room(&mut self, now: Duration, places: usize, calls: usize) -> Duration {
        let occupied = self.occupied(now);
        let Some(surplus) = (occupied + calls).saturating_sub(places).checked_sub(1) else {
            return Duration::ZERO;
        };
        // A call that has not begun yet begins when the one `places` before it leaves.
        let places = places.max(1);
        let windows = (surplus + 1).saturating_sub(occupied).div_ceil(places);
        let begun = match surplus.checked_sub(windows * places) {
            // Those that run may end at any time.
            Some(surplus) => {
                self.ended.get(surplus).map_or(WINDOW, |ended| (*ended + WINDOW).saturating_sub(now))
            }
            None => Duration::ZERO,
        };
        begun + WINDOW.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_call_counts_until_ten_seconds_after_its_answer() {
        let mut window = Window::default();
        window.begin();
        assert_eq!(window.occupied(s(100)), 1, "however long it runs");
        window.end(s(100));
        assert_eq!(window.occupied(s(109)), 1);
        assert_eq!(window.occupied(s(110)), 0);
    }

    #[test]
    fn the_time_until_there_is_room_is_known_at_the_least() {
        let mut window = Window::default();
        for _ in 0..3 {
            window.begin();
        }
        window.end(s(1));
        window.end(s(4));
        let mut until = |places, calls| window.until_room(s(5), places, calls);
        assert_eq!(until(4, 1), Duration::ZERO);
        assert_eq!(until(3, 1), s(6));
        assert_eq!(until(3, 2), s(9));
        assert_eq!(until(3, 3), s(10), "the third runs still");
        assert_eq!(until(2, 1), s(9), "two must leave where there are more than allowed");
        assert_eq!(until(3, 4), s(16), "the first of those before it leaves a window after it has begun");
        assert_eq!(until(3, 7), s(26));
        assert_eq!(until(5, 6), s(10), "two begin at once");
    }
}
