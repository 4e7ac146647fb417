//! Deletions that are held back: the user is gone, and what happens to the row waits for its time.

use super::StoreError;
use crate::user_id::UserId;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use crate::{mapping::Deletion, rule::State, store::Entry};
use async_trait::async_trait;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use std::collections::HashMap;
use std::time::Duration;

/// How the id of a dead letter begins that says why a pending deletion could not be carried out. It stays for as long as
/// the deletion is pending.
pub(crate) const LETTER: &str = "held back: ";

/// What is still to be done to the row of a user who is gone, see [`crate::mapping::DeletionSpec::delete_after`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDeletion {
    /// Whose row it is.
    pub user: UserId,
    /// When it is done, Unix ms by the database's clock; `None`: an operator cancelled it, and the row stays for good.
    pub due_at: Option<i64>,
}

/// How many deletions are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PendingCount {
    /// Those that wait for their time.
    pub waiting: i64,
    /// Those that were cancelled.
    pub cancelled: i64,
}

/// Which pending deletions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarryOut {
    /// Those whose time has come.
    WhenDue,
    /// All of them, cancelled ones too.
    Now,
}

/// The part of a store that keeps deletions back. Times are the database's.
///
/// An entry is made by the commit that finds a user gone, unless there is one, and goes with the commit that finds the user
/// back. While there is one, cancelled or not, the user's tombstone is not purged and the row is no stray; and no later
/// commit touches the row of a user whose deletion was cancelled.
#[async_trait]
pub trait PendingDeletions {
    /// All of them by id, from the first id greater than `after` on; at most `limit`.
    async fn pending_deletions(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<PendingDeletion>, StoreError>;

    /// How many there are. Exact.
    async fn pending_count(&self) -> Result<PendingCount, StoreError>;

    /// Users whose time has come, first those for whom it came first; at most `limit`.
    async fn due_deletions(&self, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Deletes or anonymizes the rows of these users as the mapping says now, and forgets their entries and dead letters,
    /// in one transaction. Only who is gone loses anything: of others the entry alone is forgotten, if there is one.
    /// Returns those who were gone and had an entry that `which` is about, in id order.
    ///
    /// # Errors
    /// [`super::StoreErrorKind::Referenced`] or another refusal where the database keeps one of the rows; then nothing is
    /// done, and the caller tries users one by one. Of a single user, a row that others refer to is dealt with as
    /// `on_delete_refused` says, where it says something.
    async fn carry_out(&self, users: &[UserId], which: CarryOut) -> Result<Vec<UserId>, StoreError>;

    /// Puts a deletion off until `by` from now, unless it was cancelled. False if none is pending.
    async fn postpone_deletion(&self, user: &UserId, by: Duration) -> Result<bool, StoreError>;

    /// Leaves a user's row for good. False if nothing is pending, nor was cancelled before.
    async fn cancel_deletion(&self, user: &UserId) -> Result<bool, StoreError>;
}

/// Milliseconds for the database, short enough to be added to its time.
pub(super) fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

/// Those of `users` whom the ledger says to be gone, in id order. Of whom it says nothing, nothing is known either: such a
/// row is a stray, and Clerk is asked.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) fn gone(mut users: Vec<UserId>, ledger: &HashMap<UserId, Entry>) -> Vec<UserId> {
    users.retain(|user| ledger.get(user).is_some_and(|entry| entry.standing.version.state == State::Gone));
    users.sort_unstable();
    users
}

/// Of letters: all but those of deletions that are pending.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) fn void_letters() -> String {
    format!(
        "(message_id is null or message_id not like '{LETTER}%' or not exists (select 1 from clerk_sync_pending_deletions p \
         where p.user_id = clerk_sync_dead_letters.user_id))"
    )
}

/// Carries out; and, where a single user's row cannot be deleted and there is a way out, once more: `true` for the other way.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) async fn with_way_out<F>(
    deletion: &Deletion,
    users: &[UserId],
    carry_out: impl Fn(bool) -> F,
) -> Result<Vec<UserId>, StoreError>
where
    F: Future<Output = Result<Vec<UserId>, StoreError>>,
{
    match carry_out(false).await {
        Err(refused) if users.len() == 1 && deletion.is_way_out_of(&refused) => {
            tracing::info!(%refused, "a row that cannot be deleted is dealt with as on_delete_refused says");
            carry_out(true).await
        }
        result => result,
    }
}
