//! The lease, the progress of runs and the shares of the budget.

use super::{SqliteStore, Tx, errors::storing};
use crate::store::{
    Coordination, DecideShare, Lease, Notes, Progress, Run, ShareRow, StoreError, StoreErrorKind,
    coordination::SHARE_KEPT_MS,
    lease_rule::{LeaseState, ttl_ms},
    stored::{read_lease, read_progress, read_shares},
};
use async_trait::async_trait;
use std::time::Duration;

const TAKING: &str = "taking the lease";
const NOTING: &str = "noting progress";
const SHARING: &str = "sharing the budget";

const SEE_LEASE: &str = "select holder, token, expires_at, wanted_by, wanted_until, \
     cast(round(unixepoch('subsec') * 1000) as integer) from clerk_sync_lease where id = 1";

/// The row without a process tells the time, here made up.
const SEE_SHARES: &str = "select process, wanted, granted, reserve, reserve_until, expires_at, null \
     from clerk_sync_shares where process <> '' union all \
     select '', 0, 0, 0, 0, 0, cast(round(unixepoch('subsec') * 1000) as integer)";

#[async_trait]
impl Coordination for SqliteStore {
    async fn take_lease(&self, holder: &str, ttl: Duration, insists: bool) -> Result<Lease, StoreError> {
        let ttl = ttl_ms(ttl);
        // Whoever only finds it taken, as most do, disturbs nobody.
        let (seen, now) = self.see_lease().await?;
        let mut after = seen.clone();
        after.take(holder, now, ttl, insists);
        if after == seen {
            return Ok(after.answered(now));
        }
        let (state, now) = self.change_lease(|state, now| state.take(holder, now, ttl, insists)).await?;
        Ok(state.answered(now))
    }

    async fn release_lease(&self, holder: &str) -> Result<(), StoreError> {
        self.change_lease(|state, now| state.release(holder, now)).await.map(|_| ())
    }

    async fn lease(&self) -> Result<Option<Lease>, StoreError> {
        let (state, now) = self.see_lease().await?;
        Ok(state.shown(now))
    }

    async fn progress(&self, run: Run) -> Result<Vec<Progress>, StoreError> {
        let query = sqlx::query("select part, state from clerk_sync_runs where run = ? order by part");
        let rows = query.bind(run.name()).fetch_all(&self.readers).await;
        rows.map_err(storing("reading progress"))?.iter().map(|row| read_progress(run, row)).collect()
    }

    async fn decide_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        let mut tx = self.begin(SHARING).await?;
        let rows = sqlx::query(SEE_SHARES).fetch_all(&mut *tx).await.map_err(storing(SHARING))?;
        let (rows, now) = read_shares(&rows)?;
        let decided = decide(&rows, now);
        let sql = "insert into clerk_sync_shares (process, wanted, granted, reserve, reserve_until, expires_at) \
             values (?, ?, ?, ?, ?, ?) on conflict (process) do update set wanted = excluded.wanted, \
             granted = excluded.granted, reserve = excluded.reserve, reserve_until = excluded.reserve_until, \
             expires_at = excluded.expires_at";
        let query = sqlx::query(sql)
            .bind(&decided.process)
            .bind(decided.wanted)
            .bind(decided.grant)
            .bind(decided.reserve)
            .bind(decided.reserve_until_ms)
            .bind(decided.expires_at_ms);
        query.execute(&mut *tx).await.map_err(storing(SHARING))?;
        let kept_from = now - SHARE_KEPT_MS;
        let sql = "delete from clerk_sync_shares where expires_at < ? and reserve_until < ?";
        let query = sqlx::query(sql).bind(kept_from).bind(kept_from);
        query.execute(&mut *tx).await.map_err(storing(SHARING))?;
        tx.commit().await.map_err(storing(SHARING))?;
        Ok(decided)
    }
}

impl SqliteStore {
    async fn see_lease(&self) -> Result<(LeaseState, i64), StoreError> {
        let rows = sqlx::query(SEE_LEASE).fetch_all(&self.readers).await;
        read_lease(&rows.map_err(storing("reading the lease"))?)
    }

    async fn change_lease(
        &self,
        change: impl FnOnce(&mut LeaseState, i64) + Send,
    ) -> Result<(LeaseState, i64), StoreError> {
        let mut tx = self.begin(TAKING).await?;
        let rows = sqlx::query(SEE_LEASE).fetch_all(&mut *tx).await.map_err(storing(TAKING))?;
        let (mut state, now) = read_lease(&rows)?;
        change(&mut state, now);
        let sql = "update clerk_sync_lease set holder = ?, token = ?, expires_at = ?, wanted_by = ?, \
             wanted_until = ? where id = 1";
        let query = sqlx::query(sql)
            .bind(&state.holder)
            .bind(state.token)
            .bind(state.expires_at)
            .bind(state.wish.as_ref().map(|(by, _)| by))
            .bind(state.wish.as_ref().map(|(_, until)| *until));
        query.execute(&mut *tx).await.map_err(storing(TAKING))?;
        tx.commit().await.map_err(storing(TAKING))?;
        Ok((state, now))
    }

    /// Begins a transaction's notes: nobody else writes until it ends, so the token stays what it is.
    pub(super) async fn check_lease(&self, tx: &mut Tx, notes: &Notes) -> Result<(), StoreError> {
        let Some(token) = notes.token else { return Ok(()) };
        let rows = sqlx::query(SEE_LEASE).fetch_all(&mut **tx).await.map_err(storing(NOTING))?;
        match read_lease(&rows)?.0.is_current(token) {
            true => Ok(()),
            false => Err(StoreError::new(StoreErrorKind::Overtaken, NOTING, "")),
        }
    }

    pub(super) async fn write_notes(&self, tx: &mut Tx, notes: &Notes) -> Result<(), StoreError> {
        if let Some(run) = notes.clears {
            let query = sqlx::query("delete from clerk_sync_runs where run = ?").bind(run.name());
            query.execute(&mut **tx).await.map_err(storing(NOTING))?;
        }
        for part in notes.ordered_parts() {
            let sql = "insert into clerk_sync_runs (run, part, state, updated_at) \
                 values (?, ?, ?, cast(round(unixepoch('subsec') * 1000) as integer)) \
                 on conflict (run, part) do update set state = excluded.state, updated_at = excluded.updated_at";
            let query = sqlx::query(sql).bind(part.run.name()).bind(part.part).bind(&part.state);
            query.execute(&mut **tx).await.map_err(storing(NOTING))?;
        }
        Ok(())
    }
}
