//! Clerk's count of users, compared with ours now and then: a lost deletion shows there first.

use std::sync::{Mutex, PoisonError};

/// Clerk is asked once in this span at most, ms.
pub(super) const EVERY_MS: i64 = 60_000;

/// The last readings of this process.
#[derive(Debug, Default)]
pub(super) struct Counter {
    /// The older first.
    readings: Mutex<[Option<Reading>; 2]>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Unix ms by our clock.
    at: i64,
    /// When the last scrub before it had ended, as that one's process wrote it. A name for it, never compared with
    /// a clock: that of another process may be set otherwise.
    scrub: Option<i64>,
    /// Clerk's count less ours.
    distance: i64,
}

impl Counter {
    /// How long until it is time for another reading, ms; 0 if it is now.
    pub(super) fn due_in(&self, now_ms: i64) -> i64 {
        let last = self.readings.lock().unwrap_or_else(PoisonError::into_inner)[1];
        // A clock that was set back must not put it off.
        last.filter(|last| last.at <= now_ms).map_or(0, |last| (last.at + EVERY_MS - now_ms).max(0))
    }

    /// Notes a reading: Clerk's count less ours.
    pub(super) fn note(&self, now_ms: i64, scrub: Option<i64>, distance: i64) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        *readings = [readings[1], Some(Reading { at: now_ms, scrub, distance })];
    }

    /// Whether both of the last two readings were made since `scrub` ended, agree, and differ from the distance that it
    /// left. One alone may have been made while a webhook was on its way; and two that differ from each other tell of
    /// people who come and go, not of something lost.
    pub(super) fn disagrees(&self, scrub: Option<i64>, left: i64) -> bool {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let distance = |reading: Option<Reading>| Some(reading.filter(|it| it.scrub == scrub)?.distance);
        distance(readings[0]).is_some_and(|older| older != left && distance(readings[1]) == Some(older))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readings_in_a_row_must_differ() {
        let counter = Counter::default();
        assert!(counter.due_in(0) == 0 && !counter.disagrees(None, 0));
        counter.note(0, None, -1);
        assert_eq!(counter.due_in(EVERY_MS - 1), 1);
        assert_eq!(counter.due_in(EVERY_MS), 0);
        assert_eq!(counter.due_in(-1), 0, "the clock was set back");
        assert!(!counter.disagrees(None, 0), "one reading is none");
        counter.note(EVERY_MS, None, 0);
        assert!(!counter.disagrees(None, 0));
        counter.note(2 * EVERY_MS, None, 1);
        assert!(!counter.disagrees(None, 0));
        counter.note(3 * EVERY_MS, None, 1);
        assert!(counter.disagrees(None, 0));
        assert!(!counter.disagrees(None, 1), "the last scrub left it so");
        assert!(!counter.disagrees(Some(1), 0), "a scrub has looked since");
        counter.note(4 * EVERY_MS, None, 2);
        assert!(!counter.disagrees(None, 0), "people come and go");
    }
}
