//! Reading the lease, the progress of runs and the shares.

use super::{Cells, cell, corrupt, optional, owned};
use crate::store::{Progress, Run, ShareRow, StoreError, lease_rule::LeaseState};

/// Reads `holder, token, expires_at, wanted_by, wanted_until` of the lease's row, and the database's time.
pub(in crate::store) fn read_lease(rows: &[impl Cells]) -> Result<(LeaseState, i64), StoreError> {
    const PLACE: &str = "clerk_sync_lease";
    let row = rows.first().ok_or_else(|| corrupt(PLACE))?;
    let wanted_by = owned(optional(row.text(3), PLACE)?);
    let state = LeaseState {
        holder: owned(optional(row.text(0), PLACE)?),
        token: cell(row.integer(1), PLACE)?,
        expires_at: cell(row.integer(2), PLACE)?,
        wish: wanted_by.zip(optional(row.integer(4), PLACE)?),
    };
    Ok((state, cell(row.integer(5), PLACE)?))
}

/// Reads `part, state`.
pub(in crate::store) fn read_progress(run: Run, row: &impl Cells) -> Result<Progress, StoreError> {
    const PLACE: &str = "clerk_sync_runs";
    let part = i32::try_from(cell(row.integer(0), PLACE)?).map_err(|_| corrupt(PLACE))?;
    Ok(Progress { run, part, state: cell(row.text(1), PLACE)?.to_owned() })
}

/// Reads `process, wanted, granted, reserve, reserve_until, expires_at, now`. Answers with the rows of processes and
/// the time, which is that of the row without a process.
pub(in crate::store) fn read_shares(rows: &[impl Cells]) -> Result<(Vec<ShareRow>, i64), StoreError> {
    const PLACE: &str = "clerk_sync_shares";
    let mut shares = Vec::with_capacity(rows.len());
    let mut now = None;
    for row in rows {
        let process = cell(row.text(0), PLACE)?;
        if process.is_empty() {
            now = Some(cell(row.integer(6), PLACE)?);
            continue;
        }
        let number = |position| -> Result<u32, StoreError> {
            u32::try_from(cell(row.integer(position), PLACE)?).map_err(|_| corrupt(PLACE))
        };
        shares.push(ShareRow {
            process: process.to_owned(),
            wanted: number(1)?,
            grant: number(2)?,
            reserve: number(3)?,
            reserve_until_ms: cell(row.integer(4), PLACE)?,
            expires_at_ms: cell(row.integer(5), PLACE)?,
        });
    }
    Ok((shares, now.ok_or_else(|| corrupt(PLACE))?))
}
