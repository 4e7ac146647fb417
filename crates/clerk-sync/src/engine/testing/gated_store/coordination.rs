//! The other parts of the store inside, while it is reachable.

use super::GatedStore;
use crate::{
    observation::Observation,
    store::{
        Applied, CarryOut, Coordination, DecideShare, Holder, Inventory, Lease, Living, Notes, PendingCount,
        PendingDeletion, PendingDeletions, Progress, RowsBefore, Run, ShareRow, StoreError, StoreErrorKind,
        Stored, UniqueValues,
    },
    user_id::UserId,
};
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl Coordination for GatedStore {
    async fn take_lease(&self, holder: &str, ttl: Duration, insists: bool) -> Result<Lease, StoreError> {
        self.reachable()?.take_lease(holder, ttl, insists).await
    }

    async fn release_lease(&self, holder: &str) -> Result<(), StoreError> {
        self.reachable()?.release_lease(holder).await
    }

    async fn lease(&self) -> Result<Option<Lease>, StoreError> {
        self.reachable()?.lease().await
    }

    async fn progress(&self, run: Run) -> Result<Vec<Progress>, StoreError> {
        self.reachable()?.progress(run).await
    }

    async fn decide_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        self.reachable()?.decide_share(decide).await
    }
}

#[async_trait]
impl Inventory for GatedStore {
    async fn stored(&self, users: &[UserId]) -> Result<Vec<Stored>, StoreError> {
        let mut found = self.reachable()?.stored(users).await?;
        for stored in &mut found {
            stored.row = stored.row.take().filter(|_| !self.gate().missing.contains(&stored.user));
        }
        Ok(found)
    }

    async fn living(
        &self,
        from: i64,
        until: Option<i64>,
        after: Option<&Living>,
        limit: u32,
    ) -> Result<Vec<Living>, StoreError> {
        self.reachable()?.living(from, until, after, limit).await
    }

    async fn undated(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.reachable()?.undated(after, limit).await
    }

    async fn strays(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.reachable()?.strays(after, limit).await
    }

    async fn living_count(&self) -> Result<i64, StoreError> {
        self.reachable()?.living_count().await
    }
}

#[async_trait]
impl UniqueValues for GatedStore {
    async fn holders(&self, wanted: &Observation) -> Result<Vec<Holder>, StoreError> {
        self.reachable()?.holders(wanted).await
    }

    async fn commit_moving(&self, set: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        self.begin(set, &Notes::default(), true).await
    }
}

impl RowsBefore for GatedStore {}

#[async_trait]
impl PendingDeletions for GatedStore {
    async fn pending_deletions(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<PendingDeletion>, StoreError> {
        self.reachable()?.pending_deletions(after, limit).await
    }

    async fn pending_count(&self) -> Result<PendingCount, StoreError> {
        self.reachable()?.pending_count().await
    }

    async fn due_deletions(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.reachable()?.due_deletions(limit).await
    }

    async fn carry_out(&self, users: &[UserId], which: CarryOut) -> Result<Vec<UserId>, StoreError> {
        let is = |how: &str| users.iter().any(|user| self.gate().refused.contains(&format!("{how} {user}")));
        if is("time out") {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "testing", ""));
        }
        if is("delete") {
            let kind = StoreErrorKind::Referenced { constraint: Some("orders_user_id_fkey".to_owned()) };
            return Err(StoreError::new(kind, "testing", ""));
        }
        self.reachable()?.carry_out(users, which).await
    }

    async fn postpone_deletion(&self, user: &UserId, by: Duration) -> Result<bool, StoreError> {
        self.reachable()?.postpone_deletion(user, by).await
    }

    async fn cancel_deletion(&self, user: &UserId) -> Result<bool, StoreError> {
        self.reachable()?.cancel_deletion(user).await
    }
}
