//! The heartbeats that keep a process's share what it needs.

use super::{ShareDesk, floor};
use crate::{clerk::Budget, store::ShareRow};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// While there is more to get or to give.
const QUICK: Duration = Duration::from_secs(1);
/// Otherwise; well within [`GRANT_LASTS`](super::GRANT_LASTS).
const SLOW: Duration = Duration::from_secs(4);
/// While somebody waits and every claim brings more.
const HUNGRY: Duration = Duration::from_millis(100);

/// When to claim.
#[derive(Debug, Default)]
pub(in crate::clerk) struct Heartbeat {
    /// When the last claim was made, and what it brought.
    last: Option<(Duration, Option<ShareRow>)>,
    has_risen: bool,
}

impl Heartbeat {
    /// The time until the next claim, or until the next look at `wanted`. `hungry`: somebody waits for lack of a grant.
    pub(in crate::clerk) fn wait(&self, now: Duration, limit: u32, wanted: u32, hungry: bool) -> Duration {
        let Some((at, row)) = &self.last else { return Duration::ZERO };
        let every = match row {
            Some(_) if hungry && self.has_risen => HUNGRY,
            Some(row) if !hungry && is_settled(row, limit, wanted) => SLOW,
            _ => QUICK,
        };
        (*at + every).saturating_sub(now).min(QUICK)
    }

    /// A claim was made at `at` and brought a row, or failed.
    pub(in crate::clerk) fn claimed(&mut self, at: Duration, row: Option<ShareRow>) {
        let grant = |row: Option<&ShareRow>| row.map_or(0, |row| row.grant);
        let before = self.last.take().and_then(|(_, row)| row);
        self.has_risen = grant(row.as_ref()) > grant(before.as_ref());
        self.last = Some((at, row));
    }
}

/// Whether the process has what it needs, and nothing that others could use.
fn is_settled(row: &ShareRow, limit: u32, wanted: u32) -> bool {
    wanted <= row.grant && row.reserve <= row.grant && row.grant <= wanted.max(floor(limit, 1))
}

/// Keeps this process's share of the limit what it needs, until `stop`; then gives it back.
///
/// `process` names this run of this process, see [`ShareRow`]. While the desk fails, the grant runs out.
pub async fn share(budget: &Budget, desk: &dyn ShareDesk, process: &str, stop: &CancellationToken) {
    beat(budget, desk, process, stop).await;
    budget.set_grant(0, budget.clock().monotonic());
    let occupied = budget.share_request(process).occupied;
    if let Err(error) = desk.leave(process, occupied).await {
        tracing::debug!(%error, "the share of Clerk's limit was not given back; it expires");
    }
}

/// A claim under way is never dropped: what it grants would be kept for us until it expires.
async fn beat(budget: &Budget, desk: &dyn ShareDesk, process: &str, stop: &CancellationToken) {
    let mut heartbeat = Heartbeat::default();
    let mut hungry = false;
    while !stop.is_cancelled() {
        let request = budget.share_request(process);
        let now = budget.clock().monotonic();
        let wait = heartbeat.wait(now, request.limit, request.wanted, hungry);
        if !wait.is_zero() {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = budget.clock().sleep(wait) => {}
                () = budget.hungry(), if !hungry => hungry = true,
            }
            continue;
        }
        hungry = false;
        let row = desk.claim(&request).await;
        match &row {
            Ok(row) => budget.set_grant(row.grant, now),
            Err(error) => tracing::warn!(%error, "no share of Clerk's limit could be claimed"),
        }
        heartbeat.claimed(now, row.ok());
    }
}

#[cfg(test)]
mod tests;
