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

use self::{
    queue::Queue,
    state::{Needs, State},
    waiting::Waiting,
};
use super::{
    ClerkError,
    shares::{GRANT_LASTS, ShareRequest},
};
use clerk_auth::clock::Clock;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

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
    hungry: Notify,
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
        Self::with(State::new(limit), clock)
    }

    /// The same for one of several processes that share the limit: nothing before the first [`Budget::set_grant`]. To be
    /// driven by [`share`](super::shares::share).
    pub fn shared(limit: u32, clock: Arc<dyn Clock>) -> Self {
        Self::with(State::shared(limit), clock)
    }

    fn with(state: State, clock: Arc<dyn Clock>) -> Self {
        let inner = Mutex::new(Inner { state, queue: Queue::default() });
        Self { shared: Arc::new(Shared { clock, inner, hungry: Notify::new() }) }
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

    /// Grants this process a part of the limit, in calls in any ten seconds. It may be used for [`GRANT_LASTS`], counted
    /// from `asked_at`: the clock's monotonic time before the grant was asked for.
    pub fn set_grant(&self, calls: u32, asked_at: Duration) {
        let mut inner = self.shared.inner();
        inner.state.set_grant(calls, asked_at.saturating_add(GRANT_LASTS));
        inner.queue.wake_first();
    }

    /// This process's part of the limit now, in calls in any ten seconds; the limit itself if it is not shared.
    pub fn grant(&self) -> u32 {
        let now = self.shared.clock.monotonic();
        self.shared.inner().state.granted(now)
    }

    /// Calls that may be made in any ten seconds now: the grant, or less after a 429.
    pub fn effective_limit(&self) -> u32 {
        let now = self.shared.clock.monotonic();
        self.shared.inner().state.effective(now)
    }

    /// Calls in ten seconds that this process has use for: those of the last ten seconds, those that wait, and some more.
    /// At most the limit.
    pub fn wanted(&self) -> u32 {
        self.needs().wanted
    }

    /// What to ask for at a heartbeat.
    pub fn share_request(&self, process: &str) -> ShareRequest {
        let Needs { wanted, held, occupied } = self.needs();
        let limit = self.shared.inner().state.limit();
        ShareRequest { process: process.to_owned(), limit, wanted, held, occupied }
    }

    /// Waits until a call waits because too little is granted. For one listener.
    pub async fn hungry(&self) {
        self.shared.hungry.notified().await;
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.shared.clock.as_ref()
    }

    fn needs(&self) -> Needs {
        let mut inner = self.shared.inner();
        let (now, waiting) = (self.shared.clock.monotonic(), inner.queue.waiting());
        inner.state.needs(now, &waiting)
    }
}

#[cfg(test)]
mod tests;
