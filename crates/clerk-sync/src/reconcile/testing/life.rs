//! A process that can be killed: nothing that it waits for ever comes about again.

use crate::engine::testing::NOON;
use clerk_auth::clock::{Clock, Sleep};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// When a test began, by tokio's clock, which the test's runtime moves whenever there is nothing else to do.
#[expect(clippy::disallowed_methods, reason = "the clock of a test")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the clock of a test")]
pub(crate) async fn sleep_ms(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms.max(0).unsigned_abs())).await;
}

/// Whether a process lives, and the clock that it goes by: tokio's, from [`NOON`] on.
#[derive(Debug)]
pub(crate) struct Life {
    began: Instant,
    /// By how much its clock goes wrong, ms.
    skew_ms: i64,
    killed: AtomicBool,
}

impl Life {
    /// `began`: when the test did.
    pub(crate) fn new(began: Instant, skew_ms: i64) -> Self {
        Self { began, skew_ms, killed: AtomicBool::new(false) }
    }

    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// Never returns in a process that was killed.
    pub(crate) async fn goes_on(&self) {
        if self.is_killed() {
            std::future::pending::<()>().await;
        }
    }
}

impl Clock for Life {
    fn now_ms(&self) -> i64 {
        NOON + self.skew_ms + self.monotonic().as_millis() as i64
    }

    fn monotonic(&self) -> Duration {
        now().duration_since(self.began)
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(async move {
            sleep_ms(duration.as_nanos().div_ceil(1_000_000) as i64).await;
            self.goes_on().await;
        })
    }
}
