//! Deletions that are held back, on MySQL and MariaDB.

use super::{MyQuery, MySqlStore, Tx, errors::storing};
use crate::{
    store::{
        CarryOut, PendingCount, PendingDeletion, PendingDeletions, StoreError,
        multirow::{placeholders, runs},
        pending::{gone, ms, with_way_out},
        plan::Plan,
        removal::Removal,
        retry::while_contended,
        stored::{read_pending, read_pending_count, read_user},
    },
    user_id::UserId,
};
use async_trait::async_trait;
use std::time::Duration;

const LISTING: &str = "listing pending deletions";
const CARRYING_OUT: &str = "carrying out pending deletions";
const CHANGING: &str = "changing a pending deletion";

#[async_trait]
impl PendingDeletions for MySqlStore {
    async fn pending_deletions(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<PendingDeletion>, StoreError> {
        let sql = "select user_id, due_at from clerk_sync_pending_deletions where user_id > ? \
             order by user_id limit ?";
        let query = self.query(sql).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
        let rows = self.fetch_all(query).await.map_err(storing(LISTING))?;
        rows.iter().map(read_pending).collect()
    }

    async fn pending_count(&self) -> Result<PendingCount, StoreError> {
        let sql = "select count(due_at), count(*) - count(due_at) from clerk_sync_pending_deletions";
        read_pending_count(&self.fetch_one(self.query(sql)).await.map_err(storing(LISTING))?)
    }

    async fn due_deletions(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let sql = "select user_id from clerk_sync_pending_deletions \
             where due_at <= cast(unix_timestamp(now(3)) * 1000 as signed) order by due_at limit ?";
        let rows = self.fetch_all(self.query(sql).bind(i64::from(limit))).await.map_err(storing(LISTING))?;
        rows.iter().map(read_user).collect()
    }

    async fn carry_out(&self, users: &[UserId], which: CarryOut) -> Result<Vec<UserId>, StoreError> {
        let carry_out =
            |was_refused| while_contended(move || self.try_to_carry_out(users, which, was_refused));
        with_way_out(self.mapping.deletion(), users, carry_out).await
    }

    async fn postpone_deletion(&self, user: &UserId, by: Duration) -> Result<bool, StoreError> {
        let sql = "update clerk_sync_pending_deletions \
             set due_at = cast(unix_timestamp(now(3)) * 1000 as signed) + ? where user_id = ? and due_at is not null";
        self.change(self.query(sql).bind(ms(by)).bind(user.as_str())).await
    }

    async fn cancel_deletion(&self, user: &UserId) -> Result<bool, StoreError> {
        let sql = "update clerk_sync_pending_deletions set due_at = null where user_id = ?";
        self.change(self.query(sql).bind(user.as_str())).await
    }
}

impl MySqlStore {
    /// Holds back the deletions of a plan, where the mapping says so; whose is held back or cancelled already keeps its entry.
    /// And forgets those of users who are back.
    pub(super) async fn write_pending(
        &self,
        tx: &mut Tx,
        plan: &Plan<'_>,
        was_refused: bool,
    ) -> Result<(), StoreError> {
        if let Some(after) = self.mapping.deletion().held_for(was_refused) {
            let due_at = format!("cast(unix_timestamp(now(3)) * 1000 as signed) + {after}");
            for run in runs(&plan.deleted) {
                let sql = format!(
                    "insert into clerk_sync_pending_deletions (user_id, due_at) values {} \
                     on duplicate key update user_id = values(user_id)",
                    vec![format!("(?, {due_at})"); run.len()].join(", ")
                );
                self.execute_for(tx, sql, run).await?;
            }
        }
        for run in runs(&plan.lifted) {
            self.execute_for(tx, forget_sql(run.len()), run).await?;
        }
        Ok(())
    }

    /// Whether the statement found an entry.
    async fn change(&self, query: MyQuery<'_>) -> Result<bool, StoreError> {
        let done = self.execute(query).await.map_err(storing(CHANGING))?;
        Ok(done.rows_affected() > 0)
    }

    async fn execute_for(&self, tx: &mut Tx, sql: String, users: &[&UserId]) -> Result<(), StoreError> {
        let query = users.iter().fold(self.built_query(sql), |query, user| query.bind(user.as_str()));
        query.execute(&mut **tx).await.map(|_| ()).map_err(storing(CARRYING_OUT))
    }

    async fn try_to_carry_out(
        &self,
        users: &[UserId],
        which: CarryOut,
        was_refused: bool,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut tx = self.begin(CARRYING_OUT).await?;
        let gone = self.carry_out_within(&mut tx, users, which, was_refused).await;
        tx.conclude(gone, storing(CARRYING_OUT)).await
    }

    async fn carry_out_within(
        &self,
        tx: &mut Tx,
        users: &[UserId],
        which: CarryOut,
        was_refused: bool,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut users: Vec<&UserId> = users.iter().collect();
        users.sort_unstable();
        let ledger = self.lock_entries(tx, &users).await?;
        let mut taken = Vec::new();
        for run in runs(&users) {
            let sql = format!(
                "select user_id from clerk_sync_pending_deletions where user_id in ({}) \
                 and (? or due_at <= cast(unix_timestamp(sysdate(3)) * 1000 as signed)) order by user_id for update",
                placeholders(run.len())
            );
            let query = run.iter().fold(self.built_query(sql), |query, user| query.bind(user.as_str()));
            let query = query.bind(which == CarryOut::Now);
            for row in &query.fetch_all(&mut **tx).await.map_err(storing(CARRYING_OUT))? {
                taken.push(read_user(row)?);
            }
        }
        for run in runs(&taken.iter().collect::<Vec<_>>()) {
            self.execute_for(tx, forget_sql(run.len()), run).await?;
        }
        let gone = gone(taken, &ledger);
        for run in runs(&gone.iter().collect::<Vec<_>>()) {
            let places = placeholders(run.len());
            if let Some(Removal { before, after }) = self.sql.due_removal(was_refused) {
                self.execute_for(tx, format!("{before}({places}){after}"), run).await?;
            }
            let heal = format!("delete from clerk_sync_dead_letters where user_id in ({places})");
            self.execute_for(tx, heal, run).await?;
        }
        Ok(gone)
    }
}

fn forget_sql(users: usize) -> String {
    format!("delete from clerk_sync_pending_deletions where user_id in ({})", placeholders(users))
}
