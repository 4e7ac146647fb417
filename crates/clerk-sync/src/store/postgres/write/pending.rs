//! The parts of the writing statement that hold deletions back, and that let them go.

use super::super::column;
use crate::mapping::{MomentFormat, Storage};

/// Holds the deletions of `users`, an array, back; whose is held back or cancelled already keeps its entry.
pub(super) fn held_back(users: &str, ms: i64) -> String {
    let now = column::now(Storage::Formatted(MomentFormat::Milliseconds));
    format!(
        "held_back as (insert into clerk_sync_pending_deletions (user_id, due_at) \
         select w.id, {now} + {ms} from unnest({users}) as w(id) on conflict (user_id) do nothing returning 1)"
    )
}

/// Forgets what was to be done to the rows of `users`, an array, who are back.
pub(super) fn lifted(users: &str) -> String {
    format!("lifted as (delete from clerk_sync_pending_deletions where user_id = any({users}) returning 1)")
}
