//! Shares: how the processes on one database divide Clerk's limit among them, so that together they never exceed it.
//!
//! Each process has a row. At its heartbeat it reads all rows in one locked transaction, calls [`claim`], and writes its
//! own. A row's *reserve* is the most places that its process can have taken at Clerk until its next heartbeat: its
//! grant, the grant it used until now, or the calls that still count. The reserves of all rows are never more than
//! the limit, and a process raises its grant only by what no reserve holds.
//!
//! A process that cannot claim stops by its own clock, [`GRANT_LASTS`] after it asked for its last grant. Its reserve
//! holds until its last call can no longer count.

use crate::store::{ShareRow, Store, StoreError};
use async_trait::async_trait;
use std::{fmt, sync::Arc, time::Duration};

mod fair;
mod heartbeat;

#[cfg(test)]
pub(super) use heartbeat::Heartbeat;
pub use heartbeat::share;

/// How long a grant may be used, from before it was asked for.
pub const GRANT_LASTS: Duration = Duration::from_secs(7);
/// How long a process without a heartbeat is reckoned with when shares are divided.
pub const TTL: Duration = Duration::from_secs(9);
/// How long its reserve holds: its last call begins as the grant ends, reaches Clerk within three seconds, and counts for
/// ten more. A second is for clocks that do not run alike.
pub const RESERVE_LASTS: Duration = Duration::from_secs(21);
/// How long the calls count of a process that has left, those that were on their way among them.
const COUNTS: Duration = Duration::from_secs(14);

impl ShareRow {
    /// Whether the row means nothing any more, and may be deleted.
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.reserve_until_ms <= now_ms
    }

    fn is_alive(&self, now_ms: i64) -> bool {
        self.expires_at_ms > now_ms
    }

    fn kept(&self) -> u32 {
        self.reserve.max(self.grant)
    }

    /// The row of a process that makes no more calls. `occupied`: how many of those that it made Clerk may still count.
    pub fn left(process: &str, occupied: u32, now_ms: i64) -> Self {
        Self {
            process: process.to_owned(),
            wanted: 0,
            grant: 0,
            reserve: occupied,
            reserve_until_ms: after(now_ms, COUNTS),
            expires_at_ms: now_ms,
        }
    }
}

/// What a process asks for at a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRequest {
    /// See [`ShareRow::process`].
    pub process: String,
    /// Clerk's limit, calls in any ten seconds.
    pub limit: u32,
    /// See [`ShareRow::wanted`].
    pub wanted: u32,
    /// The grant that it uses until the answer comes.
    pub held: u32,
    /// Its calls that Clerk may still count.
    pub occupied: u32,
}

/// Where claims are made: a store.
#[async_trait]
pub trait ShareDesk: Send + Sync + fmt::Debug {
    /// In one transaction that excludes all other claims: reads all rows, calls [`claim`] with the database's time, and
    /// writes the row that it answers.
    ///
    /// # Errors
    /// Nothing is known to have been written.
    async fn claim(&self, request: &ShareRequest) -> Result<ShareRow, StoreError>;

    /// Replaces the row of a process that makes no more calls by [`ShareRow::left`].
    ///
    /// # Errors
    /// Then the row expires by itself.
    async fn leave(&self, process: &str, occupied: u32) -> Result<(), StoreError>;
}

#[async_trait]
impl ShareDesk for Arc<dyn Store> {
    async fn claim(&self, request: &ShareRequest) -> Result<ShareRow, StoreError> {
        self.decide_share(&|rows, now_ms| claim(request, rows, now_ms)).await
    }

    async fn leave(&self, process: &str, occupied: u32) -> Result<(), StoreError> {
        self.decide_share(&|_, now_ms| ShareRow::left(process, occupied, now_ms)).await.map(|_| ())
    }
}

/// What a process may use from now on. `rows`: all that there are, its own among them if it has one.
pub fn claim(request: &ShareRequest, rows: &[ShareRow], now_ms: i64) -> ShareRow {
    let limit = request.limit.max(1);
    let rows = || rows.iter().filter(|row| !row.is_over(now_ms));
    let own = rows().find(|row| row.process == request.process);
    let others = || rows().filter(|row| row.process != request.process);
    let sum = |rows: &mut dyn Iterator<Item = &ShareRow>| {
        rows.fold(0, |sum: u32, row| sum.saturating_add(row.kept()))
    };
    let free = limit.saturating_sub(sum(&mut others()));
    let gone = sum(&mut others().filter(|row| !row.is_alive(now_ms)));
    let mut wishes = vec![fair::Wish { process: &request.process, wanted: request.wanted }];
    let alive = others().filter(|row| row.is_alive(now_ms));
    wishes.extend(alive.map(|row| fair::Wish { process: &row.process, wanted: row.wanted }));

    let pot = pot(limit);
    let fair = fair::share(limit.saturating_sub(pot).saturating_sub(gone), limit, wishes, now_ms);
    // Newcomers begin at once with a part of the pot; nobody else touches it.
    let before = own.filter(|own| own.is_alive(now_ms)).map_or(0, |own| own.grant);
    let newcomers = if before == 0 { free.min(pot).div_ceil(2) } else { before.min(free) };
    let grant = fair.min(free.saturating_sub(pot).max(newcomers));
    // The answer may get lost, and then it goes on with what it holds.
    let granted_before = own.map_or(0, |own| own.grant);
    let reserve = grant.max(request.held).max(request.occupied).max(granted_before);
    ShareRow {
        process: request.process.clone(),
        wanted: request.wanted.min(limit),
        grant,
        reserve,
        reserve_until_ms: after(now_ms, RESERVE_LASTS),
        expires_at_ms: after(now_ms, TTL),
    }
}

/// What is kept for processes that come anew.
fn pot(limit: u32) -> u32 {
    if limit < 20 { 0 } else { (limit / 100).max(1) }
}

/// What a process has though it wants nothing, so that a person never waits for a heartbeat: all together have at most
/// a quarter of the limit so.
pub(super) fn floor(limit: u32, processes: usize) -> u32 {
    let each = u32::try_from(processes).map_or(0, |processes| limit / 4 / processes.max(1));
    each.min(limit / 20).max(1)
}

fn after(now_ms: i64, duration: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
