//! What is stored, in the order in which it is compared with Clerk.

use super::{Entry, StoreError};
use crate::{
    mapping::{Mapping, Row},
    rule::State,
    user_id::UserId,
};
use async_trait::async_trait;

/// What is stored of one user, seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Who.
    pub user: UserId,
    /// The ledger's entry.
    pub entry: Option<Entry>,
    /// The row of the users table, in the mapping's order of columns.
    pub row: Option<Row>,
}

impl Stored {
    /// Whether the row is not what the ledger says.
    pub(crate) fn is_astray(&self, mapping: &Mapping) -> bool {
        let Some(entry) = self.entry else { return false };
        let Some(row) = &self.row else { return entry.standing.version.state != State::Gone };
        let comparable = entry.standing.fingerprint == mapping.fingerprint();
        entry.standing.version.state == State::Gone
            || (comparable && mapping.digest(row) != entry.standing.version.digest)
    }
}

/// A place in the order of [`Inventory::living`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    /// Clerk's `created_at`, Unix ms.
    pub created_at: i64,
    /// Who.
    pub user: UserId,
}

/// The part of a store that lists what it holds. "Living" are users whom the ledger says to be present or provisional.
#[async_trait]
pub trait Inventory {
    /// What is stored of these users, in any order; those of whom nothing is stored are left out.
    async fn stored(&self, users: &[UserId]) -> Result<Vec<Stored>, StoreError>;

    /// Living users with `from <= created_at` and, if given, `created_at < until` (Unix ms, Clerk's), in the order
    /// of `created_at` and id, from the first one behind `after` on; at most `limit`.
    async fn living(
        &self,
        from: i64,
        until: Option<i64>,
        after: Option<&Living>,
        limit: u32,
    ) -> Result<Vec<Living>, StoreError>;

    /// Living users whose `created_at` is not known, by id, from the first id greater than `after` on; at most `limit`.
    async fn undated(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Ids in the users table that no living entry of the ledger stands for, by id, from the first id greater than
    /// `after` on; at most `limit`. Ids that cannot be Clerk's are left out, and users whose deletion is pending or was
    /// cancelled.
    ///
    /// Where there are few, this reads the table to its end, some ten thousand rows at a time, and may take longer than
    /// the 15 s of other methods.
    async fn strays(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// How many living users there are. Exact.
    async fn living_count(&self) -> Result<i64, StoreError>;
}
