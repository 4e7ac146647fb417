//! When a failed delivery is tried again.

use std::time::Duration;

/// Waits between attempts, each counted from the failure before it.
const WAITS_S: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
const SHORTEST_AFTER_PRESSURE_S: f64 = 60.0;
const JITTER: f64 = 0.2;

/// Why an attempt failed, as far as the schedule cares.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failure {
    /// The receiver timed out or answered 429.
    pub(crate) under_pressure: bool,
    /// The receiver's `Retry-After`.
    pub(crate) retry_after_s: Option<u64>,
}

/// The wait before the next attempt, or `None` when there is none left. `chance` is in 0..1.
pub(crate) fn next_wait(
    attempts_made: u32,
    failure: Failure,
    chance: f64,
    time_scale: f64,
) -> Option<Duration> {
    let base = *WAITS_S.get(attempts_made.checked_sub(1)? as usize)? as f64;
    let mut wait = base * (1.0 + JITTER * (2.0 * chance - 1.0));
    if let Some(asked) = failure.retry_after_s {
        wait = (asked as f64).clamp(base, 2.0 * base);
    }
    if failure.under_pressure {
        wait = wait.max(SHORTEST_AFTER_PRESSURE_S);
    }
    Some(Duration::from_secs_f64(wait / time_scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(attempts: u32, failure: Failure) -> Option<f64> {
        next_wait(attempts, failure, 0.5, 1.0).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn eight_attempts_in_all() {
        let waits: Vec<_> = (1..=8).map(|attempts| seconds(attempts, Failure::default())).collect();
        let expected = [5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0].map(Some);
        assert_eq!(waits[..7], expected);
        assert_eq!(waits[7], None);
    }

    #[test]
    fn jitter_is_a_fifth_both_ways() {
        assert_eq!(next_wait(1, Failure::default(), 0.0, 1.0), Some(Duration::from_secs(4)));
        assert_eq!(next_wait(1, Failure::default(), 1.0, 1.0), Some(Duration::from_secs(6)));
    }

    #[test]
    fn pressure_and_retry_after_lengthen() {
        let pressed = Failure { under_pressure: true, retry_after_s: None };
        assert_eq!(seconds(1, pressed), Some(60.0));
        let asked = |retry_after_s| Failure { under_pressure: false, retry_after_s: Some(retry_after_s) };
        assert_eq!(seconds(2, asked(400)), Some(400.0));
        assert_eq!(seconds(2, asked(10)), Some(300.0));
        assert_eq!(seconds(2, asked(9_000)), Some(600.0));
    }

    #[test]
    fn the_scale_shortens() {
        assert_eq!(next_wait(1, Failure::default(), 0.5, 1_000.0), Some(Duration::from_millis(5)));
    }
}
