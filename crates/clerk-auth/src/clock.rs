//! Time as a parameter, so that everything that depends on it can be tested by moving it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// What [`Clock::sleep`] returns.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where the time comes from.
///
/// Our own clock serves tolerances, timeouts and metrics. It is never compared with Clerk's to decide
/// which observation of a user stands.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Unix time in milliseconds. May jump when the machine's clock is set.
    fn now_ms(&self) -> i64;

    /// Time since some fixed moment. Never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits until `duration` has passed.
    fn sleep(&self, duration: Duration) -> Sleep<'_>;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: tokio::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clock")]
    pub fn new() -> Self {
        Self { started: tokio::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clock")]
    fn now_ms(&self) -> i64 {
        // A clock set before 1970 reads as 1970: every tolerance then fails closed.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clock")]
    fn monotonic(&self) -> Duration {
        tokio::time::Instant::now().duration_since(self.started)
    }

    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clock")]
    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that moves only when told to. For tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    start_ms: i64,
    /// Milliseconds added to the wall clock alone, by [`ManualClock::set_wall_ms`].
    wall_offset_ms: AtomicI64,
    elapsed: watch::Sender<Duration>,
}

impl ManualClock {
    /// A clock that stands at `now_ms` (Unix milliseconds).
    pub fn at(now_ms: i64) -> Self {
        Self {
            start_ms: now_ms,
            wall_offset_ms: AtomicI64::new(0),
            elapsed: watch::Sender::new(Duration::ZERO),
        }
    }

    /// Moves both clocks forward and wakes every sleeper that is due.
    pub fn advance(&self, duration: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += duration);
    }

    /// Sets the wall clock, as an administrator would; the monotonic one goes on from where it was.
    pub fn set_wall_ms(&self, now_ms: i64) {
        let shift = now_ms - self.now_ms();
        self.wall_offset_ms.fetch_add(shift, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.elapsed.borrow().as_millis()).unwrap_or(i64::MAX);
        self.start_ms + self.wall_offset_ms.load(Ordering::SeqCst) + elapsed
    }

    fn monotonic(&self) -> Duration {
        *self.elapsed.borrow()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let due = self.monotonic() + duration;
        let mut elapsed = self.elapsed.subscribe();
        Box::pin(async move {
            // The sender lives as long as `self`, so waiting can only end by the clock having moved.
            let _ = elapsed.wait_for(|now| *now >= due).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_has_moved_far_enough() {
        let clock = Arc::new(ManualClock::at(1_000));
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(Duration::from_millis(50)).await }
        });
        // The sleeper counts from when it first runs.
        tokio::task::yield_now().await;
        clock.advance(Duration::from_millis(49));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_millis(1));
        sleeper.await.expect("the sleeper ends");
        assert_eq!(clock.now_ms(), 1_050);
    }

    #[test]
    fn setting_the_wall_clock_leaves_the_monotonic_one() {
        let clock = ManualClock::at(1_000);
        clock.advance(Duration::from_millis(5));
        clock.set_wall_ms(10);
        assert_eq!(clock.now_ms(), 10);
        assert_eq!(clock.monotonic(), Duration::from_millis(5));
    }
}
