//! Deletions that are held back, on PostgreSQL.

use super::{
    PostgresStore, Tx,
    bind::texts,
    commit::{LOCK_ENTRIES, refusal},
    errors::storing,
};
use crate::{
    store::{
        CarryOut, PendingCount, PendingDeletion, PendingDeletions, StoreError,
        pending::{gone, ms, with_way_out},
        removal::Removal,
        retry::while_contended,
        stored::{read_pending, read_pending_count, read_user},
    },
    user_id::UserId,
};
use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use std::time::Duration;

const LISTING: &str = "listing pending deletions";
const CARRYING_OUT: &str = "carrying out pending deletions";
const CHANGING: &str = "changing a pending deletion";

#[async_trait]
impl PendingDeletions for PostgresStore {
    async fn pending_deletions(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<PendingDeletion>, StoreError> {
        let sql = "select user_id, due_at from clerk_sync_pending_deletions where user_id > $1 \
             order by user_id limit $2";
        let query = sqlx::query(sql).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
        let rows = self.look(query.persistent(self.keeps_statements), LISTING).await?;
        rows.iter().map(read_pending).collect()
    }

    async fn pending_count(&self) -> Result<PendingCount, StoreError> {
        let sql = "select count(due_at), count(*) - count(due_at) from clerk_sync_pending_deletions";
        read_pending_count(&self.look_at_one(sqlx::query(sql).persistent(false), LISTING).await?)
    }

    async fn due_deletions(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let sql = "select user_id from clerk_sync_pending_deletions \
             where due_at <= (extract(epoch from clock_timestamp()) * 1000)::bigint order by due_at limit $1";
        let query = sqlx::query(sql).bind(i64::from(limit)).persistent(self.keeps_statements);
        self.look(query, LISTING).await?.iter().map(read_user).collect()
    }

    async fn carry_out(&self, users: &[UserId], which: CarryOut) -> Result<Vec<UserId>, StoreError> {
        let carry_out =
            |was_refused| while_contended(move || self.try_to_carry_out(users, which, was_refused));
        with_way_out(self.mapping.deletion(), users, carry_out).await
    }

    async fn postpone_deletion(&self, user: &UserId, by: Duration) -> Result<bool, StoreError> {
        let sql = "update clerk_sync_pending_deletions \
             set due_at = (extract(epoch from clock_timestamp()) * 1000)::bigint + $2 \
             where user_id = $1 and due_at is not null";
        self.change(sqlx::query(sql).bind(user.as_str()).bind(ms(by))).await
    }

    async fn cancel_deletion(&self, user: &UserId) -> Result<bool, StoreError> {
        let sql = "update clerk_sync_pending_deletions set due_at = null where user_id = $1";
        self.change(sqlx::query(sql).bind(user.as_str())).await
    }
}

impl PostgresStore {
    /// Whether the statement found an entry.
    async fn change(
        &self,
        query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(CHANGING).await?;
        let query = query.persistent(self.keeps_statements);
        let done = query.execute(&mut *tx).await.map_err(storing(CHANGING))?;
        tx.commit().await.map_err(storing(CHANGING))?;
        Ok(done.rows_affected() > 0)
    }

    async fn try_to_carry_out(
        &self,
        users: &[UserId],
        which: CarryOut,
        was_refused: bool,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut tx = self.begin(CARRYING_OUT).await?;
        let gone = self.carry_out_within(&mut tx, users, which, was_refused).await;
        // A key that is checked as the transaction ends refuses only here.
        tx.conclude(gone, refused).await
    }

    async fn carry_out_within(
        &self,
        tx: &mut Tx,
        users: &[UserId],
        which: CarryOut,
        was_refused: bool,
    ) -> Result<Vec<UserId>, StoreError> {
        let ledger = self.entries(tx, LOCK_ENTRIES, &users.iter().collect::<Vec<_>>()).await?;
        let sql = "delete from clerk_sync_pending_deletions where user_id = any($1::text[]) \
             and ($2 or due_at <= (extract(epoch from clock_timestamp()) * 1000)::bigint) returning user_id";
        let query = sqlx::query(sql).bind(texts(users.iter())).bind(which == CarryOut::Now);
        let taken = query.persistent(self.keeps_statements).fetch_all(&mut **tx).await;
        let taken = taken.map_err(storing(CARRYING_OUT))?;
        let gone = gone(taken.iter().map(read_user).collect::<Result<_, _>>()?, &ledger);
        if gone.is_empty() {
            return Ok(gone);
        }
        let removal = self.sql.due_removal(was_refused);
        let removal = removal.map(|Removal { before, after }| format!("{before}($1::text[]){after}"));
        let heal = "delete from clerk_sync_dead_letters where user_id = any($1::text[])".to_owned();
        for sql in removal.into_iter().chain([heal]) {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(texts(gone.iter())).persistent(false);
            query.execute(&mut **tx).await.map_err(refused)?;
        }
        Ok(gone)
    }
}

fn refused(error: sqlx::Error) -> StoreError {
    refusal(&error, true).unwrap_or_else(|| storing(CARRYING_OUT)(error))
}
