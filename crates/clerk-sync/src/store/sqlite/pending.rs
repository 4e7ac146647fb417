//! Deletions that are held back, on SQLite.

use super::{
    LiteQuery, SqliteStore, Tx, built_query,
    commit::{for_users, read_entries},
    errors::{as_reference, storing},
};
use crate::{
    store::{
        CarryOut, PendingCount, PendingDeletion, PendingDeletions, StoreError,
        multirow::{placeholders, runs},
        pending::{gone, ms, with_way_out},
        plan::Plan,
        removal::Removal,
        stored::{read_pending, read_pending_count, read_user},
    },
    user_id::UserId,
};
use async_trait::async_trait;
use std::time::Duration;

const LISTING: &str = "listing pending deletions";
const CARRYING_OUT: &str = "carrying out pending deletions";
const CHANGING: &str = "changing a pending deletion";

const FORGET: &str = "delete from clerk_sync_pending_deletions where user_id in ";

#[async_trait]
impl PendingDeletions for SqliteStore {
    async fn pending_deletions(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<PendingDeletion>, StoreError> {
        let sql = "select user_id, due_at from clerk_sync_pending_deletions where user_id > ? \
             order by user_id limit ?";
        let query = sqlx::query(sql).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
        let rows = query.fetch_all(&self.readers).await.map_err(storing(LISTING))?;
        rows.iter().map(read_pending).collect()
    }

    async fn pending_count(&self) -> Result<PendingCount, StoreError> {
        let sql = "select count(due_at), count(*) - count(due_at) from clerk_sync_pending_deletions";
        read_pending_count(&sqlx::query(sql).fetch_one(&self.readers).await.map_err(storing(LISTING))?)
    }

    async fn due_deletions(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let sql = "select user_id from clerk_sync_pending_deletions \
             where due_at <= cast(round(unixepoch('subsec') * 1000) as integer) order by due_at limit ?";
        let query = sqlx::query(sql).bind(i64::from(limit));
        let rows = query.fetch_all(&self.readers).await.map_err(storing(LISTING))?;
        rows.iter().map(read_user).collect()
    }

    async fn carry_out(&self, users: &[UserId], which: CarryOut) -> Result<Vec<UserId>, StoreError> {
        let carry_out = |was_refused| self.try_to_carry_out(users, which, was_refused);
        with_way_out(self.mapping.deletion(), users, carry_out).await
    }

    async fn postpone_deletion(&self, user: &UserId, by: Duration) -> Result<bool, StoreError> {
        let sql = "update clerk_sync_pending_deletions \
             set due_at = cast(round(unixepoch('subsec') * 1000) as integer) + ? \
             where user_id = ? and due_at is not null";
        self.change(sqlx::query(sql).bind(ms(by)).bind(user.as_str())).await
    }

    async fn cancel_deletion(&self, user: &UserId) -> Result<bool, StoreError> {
        let sql = "update clerk_sync_pending_deletions set due_at = null where user_id = ?";
        self.change(sqlx::query(sql).bind(user.as_str())).await
    }
}

impl SqliteStore {
    /// Holds back the deletions of a plan, where the mapping says so; whose is held back or cancelled already keeps its entry.
    /// And forgets those of users who are back.
    pub(super) async fn write_pending(
        &self,
        tx: &mut Tx,
        plan: &Plan<'_>,
        was_refused: bool,
    ) -> Result<(), StoreError> {
        if let Some(after) = self.mapping.deletion().held_for(was_refused) {
            let due_at = format!("cast(round(unixepoch('subsec') * 1000) as integer) + {after}");
            for run in runs(&plan.deleted) {
                let sql = format!(
                    "insert into clerk_sync_pending_deletions (user_id, due_at) values {} \
                     on conflict (user_id) do nothing",
                    vec![format!("(?, {due_at})"); run.len()].join(", ")
                );
                let query = run.iter().fold(built_query(sql), |query, user| query.bind(user.as_str()));
                query.execute(&mut **tx).await.map_err(storing(CARRYING_OUT))?;
            }
        }
        for_users(tx, FORGET, &plan.lifted, "").await
    }

    /// Whether the statement found an entry.
    async fn change(&self, query: LiteQuery<'_>) -> Result<bool, StoreError> {
        let done = query.execute(&self.writer).await.map_err(storing(CHANGING))?;
        Ok(done.rows_affected() > 0)
    }

    async fn try_to_carry_out(
        &self,
        users: &[UserId],
        which: CarryOut,
        was_refused: bool,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut tx = self.begin(CARRYING_OUT).await?;
        let users: Vec<&UserId> = users.iter().collect();
        let mut taken = Vec::new();
        for run in runs(&users) {
            let sql = format!(
                "{FORGET}({}) and (? or due_at <= cast(round(unixepoch('subsec') * 1000) as integer)) returning user_id",
                placeholders(run.len())
            );
            let query = run.iter().fold(built_query(sql), |query, user| query.bind(user.as_str()));
            let query = query.bind(which == CarryOut::Now);
            for row in &query.fetch_all(&mut *tx).await.map_err(storing(CARRYING_OUT))? {
                taken.push(read_user(row)?);
            }
        }
        let gone = gone(taken, &read_entries(&mut tx, &users).await?);
        let users: Vec<&UserId> = gone.iter().collect();
        if let Some(Removal { before, after }) = self.sql.due_removal(was_refused) {
            for_users(&mut tx, before, &users, after).await.map_err(as_reference)?;
        }
        for_users(&mut tx, "delete from clerk_sync_dead_letters where user_id in ", &users, "").await?;
        // A key that is checked as the transaction ends refuses only here.
        tx.commit().await.map_err(storing(CARRYING_OUT)).map_err(as_reference)?;
        Ok(gone)
    }
}
