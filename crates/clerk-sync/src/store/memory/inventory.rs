//! What is stored, listed from memory.

use super::{MemoryStore, Tables};
use crate::{
    rule::State,
    store::{Inventory, Living, StoreError, Stored},
    user_id::UserId,
};
use async_trait::async_trait;

impl Tables {
    fn is_living(&self, user: &UserId) -> bool {
        self.ledger.get(user).is_some_and(|entry| entry.standing.version.state != State::Gone)
    }

    fn living(&self) -> impl Iterator<Item = (&UserId, Option<i64>)> {
        let living = self.ledger.iter().filter(|(_, entry)| entry.standing.version.state != State::Gone);
        living.map(|(user, entry)| (user, entry.created_at))
    }
}

fn first<T: Ord>(all: impl Iterator<Item = T>, limit: u32) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.truncate(limit as usize);
    all
}

#[async_trait]
impl Inventory for MemoryStore {
    async fn stored(&self, users: &[UserId]) -> Result<Vec<Stored>, StoreError> {
        let tables = self.tables();
        let look = |user: &UserId| Stored {
            user: user.clone(),
            entry: tables.ledger.get(user).copied(),
            row: tables.rows.get(user).cloned(),
        };
        Ok(users.iter().map(look).filter(|found| found.entry.is_some() || found.row.is_some()).collect())
    }

    async fn living(
        &self,
        from: i64,
        until: Option<i64>,
        after: Option<&Living>,
        limit: u32,
    ) -> Result<Vec<Living>, StoreError> {
        let tables = self.tables();
        let dated = tables.living().filter_map(|(user, created_at)| Some((created_at?, user.clone())));
        let wanted = dated.filter(|(created_at, user)| {
            *created_at >= from
                && until.is_none_or(|until| *created_at < until)
                && after.is_none_or(|after| (*created_at, user) > (after.created_at, &after.user))
        });
        let found = first(wanted, limit).into_iter();
        Ok(found.map(|(created_at, user)| Living { created_at, user }).collect())
    }

    async fn undated(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let tables = self.tables();
        let undated = tables.living().filter(|(_, created_at)| created_at.is_none());
        Ok(first(
            undated.map(|(user, _)| user.clone()).filter(|user| after.is_none_or(|after| user > after)),
            limit,
        ))
    }

    async fn strays(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let tables = self.tables();
        let rows = tables.rows.keys().filter(|user| after.is_none_or(|after| *user > after));
        // Where rows outlive their users, a tombstone stands for a row too.
        let keeps_rows = self.mapping.deletion().keeps_rows();
        let stands = |user: &UserId| {
            tables.is_living(user)
                || (keeps_rows && tables.ledger.contains_key(user))
                || tables.pending.contains_key(user)
        };
        Ok(first(rows.filter(|user| !stands(user)).cloned(), limit))
    }

    async fn living_count(&self) -> Result<i64, StoreError> {
        Ok(self.tables().living().count() as i64)
    }
}
