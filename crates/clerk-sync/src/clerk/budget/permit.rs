//! The right to make one call.

use super::{Shared, lane::Lane};
use std::{sync::Arc, time::Duration};

/// The right to make one call, made by [`Budget::permit`](super::Budget::permit) alone. The call takes a place in the
/// budget until ten seconds after this is dropped: keep it until the answer is there.
#[must_use = "the call counts as answered when this is dropped"]
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    lane: Lane,
    started: Duration,
}

impl Permit {
    /// For a call that the state has begun at `started`.
    pub(super) fn new(shared: Arc<Shared>, lane: Lane, started: Duration) -> Self {
        Self { shared, lane, started }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut inner = self.shared.inner();
        // Read under the lock, so that calls end in order. Nobody wakes: no place is free before a window has passed.
        let now = self.shared.clock.monotonic();
        inner.state.end(now, self.lane, self.started);
    }
}
