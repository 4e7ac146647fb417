//! The budget of requests: never more than Clerk allows in any ten seconds, people before machines.

mod lane;
mod pace;
mod permit;
mod queue;
mod state;
mod throttle;
mod waiting;
mod window;

pub(super) use lane::RaisableLane;
pub use {lane::Lane, permit::Permit};

use self::{queue::Queue, state::State, waiting::Waiting};
use super::ClerkError;
use clerk_auth::clock::Clock;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// See the module.
#[derive(Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

/// What the budget shares with its permits.
#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    queue: Queue,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget {
    /// `limit`: calls in any ten seconds, at least 1.
    pub fn new(limit: u32, clock: Arc<dyn Clock>) -> Self {
        let inner = Mutex::new(Inner { state: State::new(limit), queue: Queue::default() });
        Self { shared: Arc::new(Shared { clock, inner }) }
    }

    /// Waits for the right to make one call, at most `patience`. Calls of one lane go in the order in which they asked.
    ///
    /// # Errors
    /// [`ClerkErrorKind::Throttled`](super::ClerkErrorKind::Throttled) where it would take longer; at once where that
    /// can be foreseen.
    pub async fn permit(&self, lane: Lane, patience: Duration) -> Result<Permit, ClerkError> {
        self.permit_raisable(&Arc::new(RaisableLane::new(lane)), patience).await
    }

    pub(super) async fn permit_raisable(
        &self,
        lane: &Arc<RaisableLane>,
        patience: Duration,
    ) -> Result<Permit, ClerkError> {
        Waiting::new(Arc::clone(&self.shared), Arc::clone(lane), patience).permit().await
    }

    /// Clerk answered 429: no call before `retry_after` has passed, and fewer after that. If it goes well the whole limit is
    /// in use again about 100 seconds later.
    pub fn throttled(&self, retry_after: Duration) {
        let mut inner = self.shared.inner();
        inner.state.throttled(self.shared.clock.monotonic(), retry_after);
    }

    /// Calls that may be made in any ten seconds now: the limit, or less after a 429.
    pub fn effective_limit(&self) -> u32 {
        let now = self.shared.clock.monotonic();
        self.shared.inner().state.effective(now)
    }
}

#[cfg(test)]
mod tests;
