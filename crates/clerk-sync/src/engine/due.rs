//! Deletions that were held back, once their time has come, and those that the database refused.

use super::{Engine, Parts};
use crate::{
    store::{CarryOut, NewDeadLetter, PENDING_LETTER, StoreError},
    user_id::UserId,
};
use std::{sync::Weak, time::Duration};
use tokio::sync::{mpsc::UnboundedReceiver, oneshot};

/// Users in one transaction: few enough that nobody waits long for their locks.
const AT_ONCE: u32 = 100;
/// When a row that the database did not let go is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// And one with which the database did not end in time, say for all that hangs on it.
const TRY_SOON: Duration = Duration::from_secs(60 * 60);

impl Engine {
    /// Does to every row what was held back and is due by the database's clock, whatever the mapping says since about
    /// holding back. Several processes may do so at once. A row that the database does not let go becomes a dead letter
    /// and is tried again a day later. Returns how many were done.
    ///
    /// # Errors
    /// Where the database cannot be asked; what was done until then stays done.
    pub async fn carry_out_deletions(&self) -> Result<u64, StoreError> {
        let parts = &self.parts;
        let mut done = 0;
        loop {
            let due = parts.store.due_deletions(AT_ONCE).await?;
            if due.is_empty() {
                return Ok(done);
            }
            let batch = parts.carry_out(&due).await?;
            done += batch.done;
            // Where another process was faster in everything, the next look is soon enough.
            if due.len() < AT_ONCE as usize || batch == Batch::default() {
                return Ok(done);
            }
        }
    }
}

/// What the door says of rows that could not be deleted.
#[derive(Debug)]
pub(super) enum Undeletable {
    /// Whose row it is.
    Row(UserId),
    /// There are no more. Told when all that came before are dealt with.
    End(oneshot::Sender<()>),
}

/// Deals with rows that could not be deleted as their users went. Each is due already: why it stays is told at once, and
/// not a while later.
pub(super) async fn deal_with_undeletable(parts: Weak<Parts>, mut told: UnboundedReceiver<Undeletable>) {
    while let Some(next) = told.recv().await {
        let user = match next {
            Undeletable::Row(user) => user,
            Undeletable::End(dealt_with) => {
                // Whoever asked may have lost patience.
                let _ = dealt_with.send(());
                return;
            }
        };
        let Some(parts) = parts.upgrade() else { return };
        if let Err(error) = parts.carry_out(&[user]).await {
            tracing::warn!(%error, "a row that cannot be deleted is not dealt with now; it is tried again");
        }
    }
}

/// Names the letter of a deletion that was due and could not be done: one for each user.
fn letter_id(user: &UserId) -> String {
    format!("{PENDING_LETTER}{user}").chars().take(255).collect()
}

impl NewDeadLetter {
    /// Whose deletion it is about that was held back, and was not to be done when it was due.
    pub(super) fn held_back(&self) -> Option<&UserId> {
        let user = self.user.as_ref()?;
        (self.message_id.as_deref() == Some(letter_id(user).as_str())).then_some(user)
    }
}

/// What became of a batch, in users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Batch {
    done: u64,
    put_off: u64,
}

impl Parts {
    async fn carry_out(&self, due: &[UserId]) -> Result<Batch, StoreError> {
        match (self.store.carry_out(due, CarryOut::WhenDue).await, due) {
            (Ok(done), _) => return Ok(Batch { done: self.freed(&done), put_off: 0 }),
            (Err(error), [user]) if error.is_rejection() => {
                self.put_off(user, error).await?;
                return Ok(Batch { done: 0, put_off: 1 });
            }
            (Err(_), _) => {}
        }
        // One bad row never fails its neighbours, nor those who are due after it.
        let mut batch = Batch::default();
        for user in due {
            match self.store.carry_out(std::slice::from_ref(user), CarryOut::WhenDue).await {
                Ok(done) => batch.done += self.freed(&done),
                Err(error) => {
                    self.put_off(user, error).await?;
                    batch.put_off += 1;
                }
            }
        }
        Ok(batch)
    }

    /// What these rows held is free now. Answers with how many they are.
    fn freed(&self, users: &[UserId]) -> u64 {
        for user in users {
            self.waiting.freed(user);
        }
        users.len() as u64
    }

    /// Fails where the database is away.
    async fn put_off(&self, user: &UserId, error: StoreError) -> Result<(), StoreError> {
        if !error.is_rejection() {
            return match self.store.postpone_deletion(user, TRY_SOON).await {
                Ok(_) => {
                    tracing::warn!(user.id = %user, %error, "a deletion that is due was not done, and is put off for an hour");
                    Ok(())
                }
                Err(_) => Err(error),
            };
        }
        // First of all the letter: cut short behind it, the same letter is written once more.
        let number = self.tell(user, &error).await?;
        tracing::error!(
            user.id = %user,
            dead_letter = number,
            %error,
            "the row of a user who is gone cannot be deleted: see clerk-sync dead-letters show {number}"
        );
        self.store.postpone_deletion(user, TRY_AGAIN).await.map(|_| ())
    }

    /// Keeps a dead letter, one for each user. Returns its number.
    async fn tell(&self, user: &UserId, refused: &StoreError) -> Result<i64, StoreError> {
        let reason = format!(
            "{refused}. It is tried again every day, or at once by clerk-sync deletions run {user}; clerk-sync deletions \
             cancel {user} keeps the row for good"
        );
        let letter = NewDeadLetter {
            message_id: Some(letter_id(user)),
            event_type: "user.deleted".to_owned(),
            user: Some(user.clone()),
            reason,
            mapped: None,
            buried_at: self.clock.now_ms(),
        };
        self.store.bury(&letter).await
    }
}

#[cfg(test)]
mod tests;
