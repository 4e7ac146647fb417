//! The lease, the progress of runs and the shares of the budget.

use super::{PostgresStore, Tx, errors::storing};
use crate::store::{
    Coordination, DecideShare, Lease, Progress, Run, ShareRow, StoreError,
    coordination::SHARE_KEPT_MS,
    lease_rule::{LeaseState, ttl_ms},
    retry::while_contended,
    stored::{read_lease, read_progress, read_shares},
};
use async_trait::async_trait;
use std::time::Duration;

const TAKING: &str = "taking the lease";
const SHARING: &str = "sharing the budget";

const SEE_LEASE: &str = "select holder, token, expires_at, wanted_by, wanted_until, \
     (extract(epoch from clock_timestamp()) * 1000)::bigint from clerk_sync_lease where id = 1";

/// The clock is read when the lock is there. Writers under the lease's token go on: see the lease's migration.
const LOCK_LEASE: &str = "with held as (select * from clerk_sync_lease where id = 1 for no key update) \
     select holder, token, expires_at, wanted_by, wanted_until, \
     (extract(epoch from clock_timestamp()) * 1000)::bigint from held";

#[async_trait]
impl Coordination for PostgresStore {
    async fn take_lease(&self, holder: &str, ttl: Duration, insists: bool) -> Result<Lease, StoreError> {
        let ttl = ttl_ms(ttl);
        // Whoever only finds it taken, as most do, disturbs nobody.
        let (seen, now) = self.see_lease().await?;
        let mut after = seen.clone();
        after.take(holder, now, ttl, insists);
        if after == seen {
            return Ok(after.answered(now));
        }
        let (state, now) =
            while_contended(|| self.change_lease(|state, now| state.take(holder, now, ttl, insists))).await?;
        Ok(state.answered(now))
    }

    async fn release_lease(&self, holder: &str) -> Result<(), StoreError> {
        while_contended(|| self.change_lease(|state, now| state.release(holder, now))).await.map(|_| ())
    }

    async fn lease(&self) -> Result<Option<Lease>, StoreError> {
        let (state, now) = self.see_lease().await?;
        Ok(state.shown(now))
    }

    async fn progress(&self, run: Run) -> Result<Vec<Progress>, StoreError> {
        let sql = "select part::bigint, state from clerk_sync_runs where run = $1 order by part";
        let query = sqlx::query(sql).bind(run.name()).persistent(self.keeps_statements);
        let rows = self.look(query, "reading progress").await?;
        rows.iter().map(|row| read_progress(run, row)).collect()
    }

    async fn decide_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        while_contended(|| self.try_share(decide)).await
    }
}

impl PostgresStore {
    async fn see_lease(&self) -> Result<(LeaseState, i64), StoreError> {
        let query = sqlx::query(SEE_LEASE).persistent(self.keeps_statements);
        read_lease(&self.look(query, "reading the lease").await?)
    }

    async fn change_lease(
        &self,
        change: impl Fn(&mut LeaseState, i64) + Send,
    ) -> Result<(LeaseState, i64), StoreError> {
        let mut tx = self.begin(TAKING).await?;
        let query = sqlx::query(LOCK_LEASE).persistent(self.keeps_statements);
        let (before, now) = read_lease(&query.fetch_all(&mut *tx).await.map_err(storing(TAKING))?)?;
        let mut after = before.clone();
        change(&mut after, now);
        if after == before {
            tx.rollback().await.map_err(storing(TAKING))?;
        } else {
            self.write_lease(&mut tx, &after).await?;
            tx.commit().await.map_err(storing(TAKING))?;
        }
        Ok((after, now))
    }

    async fn write_lease(&self, tx: &mut Tx, state: &LeaseState) -> Result<(), StoreError> {
        let sql = "update clerk_sync_lease set holder = $1, token = $2, expires_at = $3, wanted_by = $4, \
             wanted_until = $5 where id = 1";
        let query = sqlx::query(sql)
            .bind(&state.holder)
            .bind(state.token)
            .bind(state.expires_at)
            .bind(state.wish.as_ref().map(|(by, _)| by))
            .bind(state.wish.as_ref().map(|(_, until)| *until))
            .persistent(self.keeps_statements);
        query.execute(&mut **tx).await.map(|_| ()).map_err(storing(TAKING))
    }

    async fn try_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        let mut tx = self.begin(SHARING).await?;
        let lock = sqlx::query("select from clerk_sync_shares where process = '' for update");
        let lock = lock.persistent(self.keeps_statements);
        lock.execute(&mut *tx).await.map_err(storing(SHARING))?;
        // A statement of its own: what others wrote before they let the lock go is seen from its beginning on.
        let sql = "select process, wanted, granted, reserve, reserve_until, expires_at, \
             (extract(epoch from clock_timestamp()) * 1000)::bigint from clerk_sync_shares";
        let query = sqlx::query(sql).persistent(self.keeps_statements);
        let (rows, now) = read_shares(&query.fetch_all(&mut *tx).await.map_err(storing(SHARING))?)?;
        let decided = decide(&rows, now);
        let sql = "insert into clerk_sync_shares (process, wanted, granted, reserve, reserve_until, expires_at) \
             values ($1, $2, $3, $4, $5, $6) on conflict (process) do update set wanted = excluded.wanted, \
             granted = excluded.granted, reserve = excluded.reserve, reserve_until = excluded.reserve_until, \
             expires_at = excluded.expires_at";
        let query = sqlx::query(sql)
            .bind(&decided.process)
            .bind(i64::from(decided.wanted))
            .bind(i64::from(decided.grant))
            .bind(i64::from(decided.reserve))
            .bind(decided.reserve_until_ms)
            .bind(decided.expires_at_ms)
            .persistent(self.keeps_statements);
        query.execute(&mut *tx).await.map_err(storing(SHARING))?;
        let sql =
            "delete from clerk_sync_shares where process <> '' and expires_at < $1 and reserve_until < $1";
        let query = sqlx::query(sql).bind(now - SHARE_KEPT_MS).persistent(self.keeps_statements);
        query.execute(&mut *tx).await.map_err(storing(SHARING))?;
        tx.commit().await.map_err(storing(SHARING))?;
        Ok(decided)
    }
}
