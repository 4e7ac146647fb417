//! Users to be read again when nobody waits: ties to settle, doubts to clear.

use super::{
    Parts,
    reread::{Reread, Wish},
};
use crate::{clerk::Lane, user_id::UserId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};

/// Beyond it a tie stays decided as it is until the next change.
const MAX_WAITING: usize = 10_000;
/// Reads at once.
const CONCURRENT: usize = 4;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// With the pauses above: about an hour.
const MAX_ATTEMPTS: u32 = 64;
/// Nobody waits for these reads.
const PATIENCE: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub(super) struct Settling {
    waiting: Mutex<Waiting>,
    changed: Notify,
    slots: Arc<Semaphore>,
}

impl Default for Settling {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            changed: Notify::new(),
            slots: Arc::new(Semaphore::new(CONCURRENT)),
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    by_user: HashMap<UserId, Task>,
    closed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Task {
    /// Not before this, by the monotonic clock.
    due: Duration,
    /// For a tie: the answer's as-of is at least this.
    settle_from: Option<i64>,
    attempts: u32,
}

impl Settling {
    /// Reads `user` again at once; its answer ranks from `from` on.
    pub(super) fn settle(&self, user: UserId, from: i64) {
        self.add(user, Task { due: Duration::ZERO, settle_from: Some(from), attempts: 0 });
    }

    /// Reads `user` again, not before `due`.
    pub(super) fn recheck(&self, user: UserId, due: Duration) {
        self.add(user, Task { due, settle_from: None, attempts: 0 });
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One task for each user: the earlier due, the later as-of.
    fn add(&self, user: UserId, task: Task) {
        let mut waiting = self.lock();
        let full = waiting.by_user.len() >= MAX_WAITING;
        match waiting.by_user.get_mut(&user) {
            Some(known) => {
                // A doubt must not be cleared before its time only because a tie came up.
                let both_rechecks = known.settle_from.is_none() && task.settle_from.is_none();
                known.due = if both_rechecks { known.due.max(task.due) } else { known.due.min(task.due) };
                known.settle_from = known.settle_from.max(task.settle_from);
            }
            None if full => {
                tracing::warn!(
                    "too many users wait to be read again; a tie stays as it is until the next change"
                );
                return;
            }
            None => {
                waiting.by_user.insert(user, task);
            }
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// The users that are due, and how long until the next one is.
    fn take_due(&self, now: Duration) -> (Vec<(UserId, Task)>, Option<Duration>, bool) {
        let mut waiting = self.lock();
        let mut due: Vec<UserId> = waiting
            .by_user
            .iter()
            .filter(|(_, task)| task.due <= now)
            .map(|(user, _)| user.clone())
            .collect();
        // The same history is to lead to the same reads.
        due.sort_unstable();
        let taken = due
            .into_iter()
            .filter_map(|user| waiting.by_user.remove(&user).map(|task| (user, task)))
            .collect();
        let next = waiting.by_user.values().map(|task| task.due.saturating_sub(now)).min();
        (taken, next, waiting.closed)
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().by_user.len()
    }

    /// Whether nothing waits and nothing runs.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.waiting() == 0 && !self.is_reading()
    }

    /// Whether a read is on its way.
    #[cfg(test)]
    pub(super) fn is_reading(&self) -> bool {
        self.slots.available_permits() < CONCURRENT
    }
}

/// Works until the engine is gone or drained.
pub(super) async fn run(parts: Weak<Parts>) {
    loop {
        let Some(strong) = parts.upgrade() else { return };
        let (due, next, closed) = strong.settling.take_due(strong.clock.monotonic());
        if closed {
            return;
        }
        strong.metrics.rereads(strong.settling.waiting() + due.len());
        for (user, task) in due {
            let Ok(slot) = Arc::clone(&strong.settling.slots).acquire_owned().await else { return };
            let parts = Arc::clone(&strong);
            tokio::spawn(async move {
                parts.settle(user, task).await;
                drop(slot);
            });
        }
        let wait = next.unwrap_or(LONGEST_RETRY).min(LONGEST_RETRY);
        // While it waits it keeps no engine alive.
        let (settling, clock) = (Arc::clone(&strong.settling), Arc::clone(&strong.clock));
        drop(strong);
        tokio::select! {
            biased;
            () = settling.changed.notified() => {}
            () = clock.sleep(wait) => {}
        }
    }
}

impl Parts {
    async fn settle(&self, user: UserId, task: Task) {
        let wish = Wish {
            lane: Some(Lane::Background),
            patience: PATIENCE,
            settle_from: task.settle_from,
            ..Wish::default()
        };
        match self.reread(&user, wish).await {
            Ok(Reread::Applied { present, .. }) => {
                tracing::debug!(user.id = %user, present, "read again");
                self.forget_letters(&user).await;
            }
            Ok(Reread::AbsentNotYet) => {}
            Err(error) if error.is_transient() && task.attempts < MAX_ATTEMPTS => {
                let pause = FIRST_RETRY.saturating_mul(1 << task.attempts.min(6)).min(LONGEST_RETRY);
                let due = self.clock.monotonic() + pause.max(error.retry_after().unwrap_or_default());
                self.settling.add(user, Task { due, attempts: task.attempts + 1, ..task });
            }
            Err(error) => {
                self.metrics.reread_given_up();
                tracing::warn!(user.id = %user, %error, "a user could not be read again; its row stays as it is");
            }
        }
    }
}

#[cfg(test)]
mod tests;
