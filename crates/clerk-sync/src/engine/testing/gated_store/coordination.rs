//! The other parts of the store inside, while it is reachable.

use super::GatedStore;
use crate::{
    observation::Observation,
    store::{
        Applied, Coordination, DecideShare, Holder, Inventory, Lease, Living, Notes, Progress, RowsBefore,
        Run, ShareRow, StoreError, Stored, UniqueValues,
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
