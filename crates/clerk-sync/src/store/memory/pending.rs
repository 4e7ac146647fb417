//! Deletions that are held back, in memory.

use super::{MemoryStore, Tables};
use crate::{
    mapping::{Deletion, ID_PLACE, OnDelete, Value},
    rule::State,
    store::{CarryOut, PendingCount, PendingDeletion, PendingDeletions, StoreError, pending::ms},
    user_id::UserId,
};
use async_trait::async_trait;
use std::time::Duration;

impl Tables {
    /// What the commit of a deletion does: the row loses something now or later, unless that was cancelled or waits already.
    pub(super) fn delete(&mut self, user: &UserId, deletion: &Deletion, now_ms: i64) {
        let is_spared = match self.pending.get(user) {
            Some(due_at) => due_at.is_none() || deletion.delete_after.is_none(),
            None => false,
        };
        if !is_spared {
            self.remove_row(user, deletion, deletion.at_once());
        }
        if let Some(after) = deletion.delete_after {
            self.pending.entry(user.clone()).or_insert(Some(now_ms + ms(after)));
        }
    }

    /// It has no column for a mark.
    fn remove_row(&mut self, user: &UserId, deletion: &Deletion, policy: OnDelete) {
        match policy {
            OnDelete::Delete => {
                self.rows.remove(user);
            }
            OnDelete::Anonymize => {
                let values = self.rows.get_mut(user).into_iter().flat_map(|row| row.iter_mut());
                for (value, replacement) in values.zip(&deletion.replacements) {
                    if let Some(replacement) = replacement {
                        *value = match replacement {
                            Value::Text(text) => Value::Text(text.replace(ID_PLACE, user.as_str())),
                            replacement => replacement.clone(),
                        };
                    }
                }
            }
            OnDelete::Mark | OnDelete::Keep => {}
        }
    }

    /// How many have a time.
    pub(super) fn waiting(&self) -> i64 {
        self.pending.values().flatten().count() as i64
    }

    fn is_gone(&self, user: &UserId) -> bool {
        self.ledger.get(user).is_some_and(|entry| entry.standing.version.state == State::Gone)
    }
}

#[async_trait]
impl PendingDeletions for MemoryStore {
    async fn pending_deletions(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<PendingDeletion>, StoreError> {
        let tables = self.tables();
        let later = tables.pending.iter().filter(|(user, _)| after.is_none_or(|after| *user > after));
        let found = later.take(limit as usize);
        Ok(found.map(|(user, due_at)| PendingDeletion { user: user.clone(), due_at: *due_at }).collect())
    }

    async fn pending_count(&self) -> Result<PendingCount, StoreError> {
        let tables = self.tables();
        let (waiting, all) = (tables.waiting(), tables.pending.len() as i64);
        Ok(PendingCount { waiting, cancelled: all - waiting })
    }

    async fn due_deletions(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let now_ms = self.clock.now_ms();
        let tables = self.tables();
        let pending = tables.pending.iter().filter_map(|(user, due_at)| Some(((*due_at)?, user)));
        let mut due: Vec<_> = pending.filter(|(due_at, _)| *due_at <= now_ms).collect();
        due.sort_unstable();
        Ok(due.into_iter().take(limit as usize).map(|(_, user)| user.clone()).collect())
    }

    async fn carry_out(&self, users: &[UserId], which: CarryOut) -> Result<Vec<UserId>, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut guard = self.tables();
        let tables = &mut *guard;
        let is_meant = |user: &&UserId| {
            let is_due = |due_at: &Option<i64>| due_at.is_some_and(|due_at| due_at <= now_ms);
            tables.pending.get(*user).is_some_and(|due_at| which == CarryOut::Now || is_due(due_at))
        };
        let mut gone: Vec<UserId> = users.iter().filter(is_meant).cloned().collect();
        gone.sort_unstable();
        for user in &gone {
            tables.pending.remove(user);
        }
        gone.retain(|user| tables.is_gone(user));
        let deletion = self.mapping.deletion();
        for user in &gone {
            tables.remove_row(user, deletion, deletion.on_delete);
        }
        tables.dead_letters.retain(|_, letter| !letter.user.as_ref().is_some_and(|user| gone.contains(user)));
        Ok(gone)
    }

    async fn postpone_deletion(&self, user: &UserId, by: Duration) -> Result<bool, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut tables = self.tables();
        let due_at = tables.pending.get_mut(user).and_then(Option::as_mut);
        Ok(due_at.map(|due_at| *due_at = now_ms + ms(by)).is_some())
    }

    async fn cancel_deletion(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(self.tables().pending.get_mut(user).map(|due_at| *due_at = None).is_some())
    }
}
