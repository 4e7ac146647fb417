//! Reading pending deletions.

use super::{Cells, cell, optional, user_id};
use crate::store::{PendingCount, PendingDeletion, StoreError};

/// Reads `user_id, due_at`.
pub(in crate::store) fn read_pending(row: &impl Cells) -> Result<PendingDeletion, StoreError> {
    Ok(PendingDeletion {
        user: user_id(row.text(0), "clerk_sync_pending_deletions.user_id")?,
        due_at: optional(row.integer(1), "clerk_sync_pending_deletions.due_at")?,
    })
}

/// Reads `waiting, cancelled`.
pub(in crate::store) fn read_pending_count(row: &impl Cells) -> Result<PendingCount, StoreError> {
    const PLACE: &str = "clerk_sync_pending_deletions";
    Ok(PendingCount { waiting: cell(row.integer(0), PLACE)?, cancelled: cell(row.integer(1), PLACE)? })
}
