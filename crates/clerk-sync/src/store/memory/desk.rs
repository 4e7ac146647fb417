//! The lease, the progress of runs and the shares, in memory.

use super::MemoryStore;
use crate::store::{
    Coordination, DecideShare, Lease, Notes, Progress, Run, ShareRow, StoreError, StoreErrorKind,
    coordination::SHARE_KEPT_MS,
    lease_rule::{LeaseState, ttl_ms},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, time::Duration};

/// See the module. Times are the store's clock's, Unix ms.
#[derive(Debug, Default)]
pub(super) struct Desk {
    lease: LeaseState,
    progress: BTreeMap<(Run, i32), String>,
    shares: BTreeMap<String, ShareRow>,
}

impl Desk {
    /// Writes notes, unless the lease they name is another's by now.
    pub(super) fn note(&mut self, notes: &Notes) -> Result<(), StoreError> {
        if notes.token.is_some_and(|token| !self.lease.is_current(token)) {
            return Err(StoreError::new(StoreErrorKind::Overtaken, "noting progress", ""));
        }
        if let Some(run) = notes.clears {
            self.progress.retain(|(of, _), _| *of != run);
        }
        for part in notes.ordered_parts() {
            self.progress.insert((part.run, part.part), part.state.clone());
        }
        Ok(())
    }
}

#[async_trait]
impl Coordination for MemoryStore {
    async fn take_lease(&self, holder: &str, ttl: Duration, insists: bool) -> Result<Lease, StoreError> {
        let lease = &mut self.tables().desk.lease;
        let now = self.clock.now_ms();
        lease.take(holder, now, ttl_ms(ttl), insists);
        Ok(lease.answered(now))
    }

    async fn release_lease(&self, holder: &str) -> Result<(), StoreError> {
        self.tables().desk.lease.release(holder, self.clock.now_ms());
        Ok(())
    }

    async fn lease(&self) -> Result<Option<Lease>, StoreError> {
        Ok(self.tables().desk.lease.shown(self.clock.now_ms()))
    }

    async fn progress(&self, run: Run) -> Result<Vec<Progress>, StoreError> {
        let tables = self.tables();
        let parts = tables.desk.progress.iter().filter(|((of, _), _)| *of == run);
        Ok(parts
            .map(|((run, part), state)| Progress { run: *run, part: *part, state: state.clone() })
            .collect())
    }

    async fn decide_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        let shares = &mut self.tables().desk.shares;
        let now = self.clock.now_ms();
        let rows: Vec<ShareRow> = shares.values().cloned().collect();
        let decided = decide(&rows, now);
        shares.insert(decided.process.clone(), decided.clone());
        let kept_from = now - SHARE_KEPT_MS;
        shares.retain(|_, share| share.expires_at_ms >= kept_from || share.reserve_until_ms >= kept_from);
        Ok(decided)
    }
}
