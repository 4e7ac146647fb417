//! One call's waiting, from the moment it asks until it goes or gives up.

use super::{
    Inner, Shared,
    lane::{Lane, RaisableLane},
    permit::Permit,
    state::Answer,
};
use crate::clerk::{ClerkError, ClerkErrorKind};
use std::{sync::Arc, time::Duration};

/// Even the first of a lane never sleeps longer: the limit may have grown.
const RECHECK: Duration = Duration::from_secs(1);

/// A place in the queue. Leaves it however the waiting ends.
#[derive(Debug)]
pub(super) struct Waiting {
    shared: Arc<Shared>,
    lane: Arc<RaisableLane>,
    since: Duration,
    deadline: Duration,
    /// The number and the lane in the queue.
    place: Option<(u64, Lane)>,
}

/// What one look found.
enum Look {
    Go(Permit),
    Sleep(Duration),
    GiveUp(Duration),
}

impl Waiting {
    pub(super) fn new(shared: Arc<Shared>, lane: Arc<RaisableLane>, patience: Duration) -> Self {
        let since = shared.clock.monotonic();
        Self { shared, lane, since, deadline: since.saturating_add(patience), place: None }
    }

    pub(super) async fn permit(mut self) -> Result<Permit, ClerkError> {
        loop {
            match self.look() {
                Look::Go(permit) => return Ok(permit),
                Look::GiveUp(retry_after) => {
                    let kind = ClerkErrorKind::Throttled { retry_after };
                    return Err(ClerkError::new(kind, "waiting for the budget of requests", ""));
                }
                Look::Sleep(duration) => tokio::select! {
                    biased;
                    () = self.shared.clock.sleep(duration) => {}
                    () = self.lane.wake.notified() => {}
                },
            }
        }
    }

    fn look(&mut self) -> Look {
        let shared = Arc::clone(&self.shared);
        let mut guard = shared.inner();
        let inner: &mut Inner = &mut guard;
        let now = shared.clock.monotonic();
        // Without any patience it is zero at once; what may go now goes all the same.
        let left = self.deadline.saturating_sub(now);
        let lane = self.lane.get();
        let (number, waited) = match self.place {
            Some((number, before)) if before == lane => (number, true),
            Some((number, before)) => {
                inner.queue.change(number, before, lane);
                (number, true)
            }
            None => {
                let waiting = inner.queue.waiting();
                let before = *waiting.of(lane);
                if inner.state.soonest(now, lane, &waiting, before) > left {
                    return Look::GiveUp(inner.state.wait(now, lane, &waiting, before));
                }
                (inner.queue.join(lane, Arc::clone(&self.lane)), false)
            }
        };
        self.place = Some((number, lane));
        if !inner.queue.is_first(number, lane) {
            // Whoever becomes the first is woken.
            return if left.is_zero() {
                Look::GiveUp(self.estimate(inner, now, lane))
            } else {
                Look::Sleep(left)
            };
        }
        let waiting = inner.queue.waiting();
        match inner.state.try_permit(now, lane, self.since, &waiting) {
            Answer::Granted => {
                self.place = None;
                inner.queue.leave(number, lane);
                if waited {
                    inner.queue.wake_first();
                }
                Look::Go(Permit::new(Arc::clone(&self.shared), lane, now))
            }
            Answer::Wait(wait) => {
                if inner.state.is_short(now, lane, &waiting) {
                    self.shared.hungry.notify_one();
                }
                if left.is_zero() || inner.state.soonest(now, lane, &waiting, 0) > left {
                    return Look::GiveUp(wait);
                }
                Look::Sleep(wait.min(RECHECK).min(left))
            }
        }
    }

    /// When to come back, for one who gives up.
    fn estimate(&self, inner: &mut Inner, now: Duration, lane: Lane) -> Duration {
        let waiting = inner.queue.waiting();
        inner.state.wait(now, lane, &waiting, 0).max(Duration::from_millis(1))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((number, lane)) = self.place {
            let mut inner = self.shared.inner();
            inner.queue.leave(number, lane);
            inner.queue.wake_first();
        }
    }
}
