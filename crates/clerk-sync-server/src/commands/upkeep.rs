//! What `serve` does now and then beside everything else: old tombstones go, and deletions that were held back are done.

use crate::mirror::Mirror;
use std::time::Duration;

const PURGE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// Deletions that were held back for minutes or days need not be done to the second.
const CARRY_OUT_EVERY: Duration = Duration::from_secs(60);

/// Deletes tombstones older than `keep`, for as long as it is let run.
pub(super) async fn purge_tombstones(mirror: Mirror, keep: Option<Duration>) {
    // Where rows outlive their users, tombstones tell them from rows that nobody accounts for.
    let keeps_rows = mirror.engine.mapping().deletion().keeps_rows();
    let Some(keep) = keep.filter(|_| !keeps_rows) else { return };
    loop {
        let before = mirror.clock.now_ms() - i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        loop {
            match mirror.store.purge_tombstones(before).await {
                Ok(0) => break,
                Ok(purged) => tracing::info!(purged, "old tombstones were purged"),
                Err(error) => {
                    tracing::warn!(%error, "old tombstones were not purged");
                    break;
                }
            }
        }
        mirror.clock.sleep(PURGE_EVERY).await;
    }
}

/// Does what was held back and is due, for as long as it is let run: first at the start, and nothing before it is known
/// whose database this is. Also where the settings hold nothing back any more, for they may have done so before.
pub(super) async fn carry_out_deletions(mirror: Mirror) {
    let delete_after = mirror.engine.mapping().deletion().delete_after;
    let pause = delete_after.map_or(CARRY_OUT_EVERY, |after| after.min(CARRY_OUT_EVERY));
    loop {
        if mirror.engine.instance().is_some() {
            match mirror.engine.carry_out_deletions().await {
                Ok(0) => {}
                Ok(done) => tracing::info!(users = done, "deletions that were held back are done"),
                Err(error) => {
                    tracing::warn!(%error, "deletions that are due were not done, and will be tried again")
                }
            }
        }
        mirror.clock.sleep(pause).await;
    }
}
