//! The lease, the progress of runs and the shares of the budget.

use super::{MySqlStore, Tx, errors::storing};
use crate::store::{
    Coordination, DecideShare, Lease, Notes, Progress, Run, ShareRow, StoreError, StoreErrorKind,
    coordination::SHARE_KEPT_MS,
    lease_rule::{LeaseState, ttl_ms},
    retry::while_contended,
    stored::{read_lease, read_progress, read_shares},
};
use async_trait::async_trait;
use std::time::Duration;

const TAKING: &str = "taking the lease";
const NOTING: &str = "noting progress";
const SHARING: &str = "sharing the budget";

/// `sysdate`, unlike `now`, is the time at which the row was reached: after waiting for its lock.
macro_rules! see_lease {
    ($lock:literal) => {
        concat!(
            "select holder, token, expires_at, wanted_by, wanted_until, \
             cast(unix_timestamp(sysdate(3)) * 1000 as signed) from clerk_sync_lease where id = 1",
            $lock
        )
    };
}

#[async_trait]
impl Coordination for MySqlStore {
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
        let query = self.query("select part, state from clerk_sync_runs where run = ? order by part");
        let rows = self.fetch_all(query.bind(run.name())).await;
        rows.map_err(storing("reading progress"))?.iter().map(|row| read_progress(run, row)).collect()
    }

    async fn decide_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        while_contended(|| self.try_share(decide)).await
    }
}

impl MySqlStore {
    async fn see_lease(&self) -> Result<(LeaseState, i64), StoreError> {
        let rows = self.fetch_all(self.query(see_lease!(""))).await;
        read_lease(&rows.map_err(storing("reading the lease"))?)
    }

    async fn change_lease(
        &self,
        change: impl FnOnce(&mut LeaseState, i64) + Send,
    ) -> Result<(LeaseState, i64), StoreError> {
        let mut tx = self.begin(TAKING).await?;
        let rows =
            self.query(see_lease!(" for update")).fetch_all(&mut *tx).await.map_err(storing(TAKING))?;
        let (mut state, now) = read_lease(&rows)?;
        change(&mut state, now);
        let sql = "update clerk_sync_lease set holder = ?, token = ?, expires_at = ?, wanted_by = ?, \
             wanted_until = ? where id = 1";
        let query = self
            .query(sql)
            .bind(&state.holder)
            .bind(state.token)
            .bind(state.expires_at)
            .bind(state.wish.as_ref().map(|(by, _)| by))
            .bind(state.wish.as_ref().map(|(_, until)| *until));
        query.execute(&mut *tx).await.map_err(storing(TAKING))?;
        tx.commit().await.map_err(storing(TAKING))?;
        Ok((state, now))
    }

    /// The first lock of a transaction with notes, and so never waited for by one that holds another. A take-over waits
    /// until it ends.
    pub(super) async fn hold_lease(&self, tx: &mut Tx, notes: &Notes) -> Result<(), StoreError> {
        let Some(token) = notes.token else { return Ok(()) };
        let query = self.query(see_lease!(" lock in share mode"));
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(NOTING))?;
        match read_lease(&rows)?.0.is_current(token) {
            true => Ok(()),
            false => Err(StoreError::new(StoreErrorKind::Overtaken, NOTING, "")),
        }
    }

    pub(super) async fn write_notes(&self, tx: &mut Tx, notes: &Notes) -> Result<(), StoreError> {
        if let Some(run) = notes.clears {
            let query = self.query("delete from clerk_sync_runs where run = ?").bind(run.name());
            query.execute(&mut **tx).await.map_err(storing(NOTING))?;
        }
        for part in notes.ordered_parts() {
            let sql = "insert into clerk_sync_runs (run, part, state, updated_at) \
                 values (?, ?, ?, cast(unix_timestamp(now(3)) * 1000 as signed)) \
                 on duplicate key update state = values(state), updated_at = values(updated_at)";
            let query = self.query(sql).bind(part.run.name()).bind(part.part).bind(&part.state);
            query.execute(&mut **tx).await.map_err(storing(NOTING))?;
        }
        Ok(())
    }

    async fn try_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        let mut tx = self.begin(SHARING).await?;
        // Everyone waits at the first row, which is of no process; what is read behind it is what stands then.
        let sql = "select process, wanted, granted, reserve, reserve_until, expires_at, \
             cast(unix_timestamp(sysdate(3)) * 1000 as signed) from clerk_sync_shares order by process for update";
        let rows = self.query(sql).fetch_all(&mut *tx).await.map_err(storing(SHARING))?;
        let (rows, now) = read_shares(&rows)?;
        let decided = decide(&rows, now);
        let sql = "insert into clerk_sync_shares (process, wanted, granted, reserve, reserve_until, expires_at) \
             values (?, ?, ?, ?, ?, ?) on duplicate key update wanted = values(wanted), granted = values(granted), \
             reserve = values(reserve), reserve_until = values(reserve_until), expires_at = values(expires_at)";
        let query = self
            .query(sql)
            .bind(&decided.process)
            .bind(i64::from(decided.wanted))
            .bind(i64::from(decided.grant))
            .bind(i64::from(decided.reserve))
            .bind(decided.reserve_until_ms)
            .bind(decided.expires_at_ms);
        query.execute(&mut *tx).await.map_err(storing(SHARING))?;
        let kept_from = now - SHARE_KEPT_MS;
        let sql =
            "delete from clerk_sync_shares where process <> '' and expires_at < ? and reserve_until < ?";
        let query = self.query(sql).bind(kept_from).bind(kept_from);
        query.execute(&mut *tx).await.map_err(storing(SHARING))?;
        tx.commit().await.map_err(storing(SHARING))?;
        Ok(decided)
    }
}
