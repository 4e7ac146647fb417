//! Writing what a list says.

use super::{Pass, PassError, Reconciler, Tally, pages::PATIENCE};
use crate::{
    observation::{Flow, Observation},
    store::{Applied, Notes},
    user_id::UserId,
};
use std::sync::atomic::Ordering;

impl Reconciler {
    /// Writes observations and, in the same transaction, progress. Answers with those that were written. A row that the
    /// database refuses for a value that another row holds is read again with that row's user; one that is refused for
    /// good is kept as a dead letter, and fails nobody else. Only then the progress is written.
    pub(super) async fn write(
        &self,
        pass: &Pass,
        observations: Vec<Observation>,
        notes: Notes,
        flow: Flow,
        tally: &Tally,
    ) -> Result<Vec<(UserId, Applied)>, PassError> {
        if observations.is_empty() && notes.is_empty() {
            return Ok(Vec::new());
        }
        let users: Vec<UserId> = observations.iter().map(|observation| observation.user.clone()).collect();
        let mut page = self.engine.apply_page(observations, notes).await?;
        // These are committed, whatever comes after.
        for (user, outcome) in users.iter().zip(&page.outcomes) {
            tally.note_link(user, outcome);
        }
        for (position, refused) in page.refused {
            let moving = tokio::select! {
                biased;
                () = pass.stop.cancelled() => return Err(PassError::Stopped),
                moving = self.engine.move_in(&refused, pass.lane, PATIENCE) => moving?,
            };
            if let (Some(applied), Some(outcome)) = (moving, page.outcomes.get_mut(position)) {
                *outcome = applied;
                tally.note_link(&refused.user, outcome);
            }
        }
        let mut written = Vec::with_capacity(users.len());
        for (user, outcome) in users.into_iter().zip(page.outcomes) {
            match outcome {
                Ok(applied) => {
                    tally.written.fetch_add(u64::from(applied.change.is_some()), Ordering::Relaxed);
                    written.push((user, applied));
                }
                Err(error) if error.is_rejection() => {
                    tally.refused.fetch_add(1, Ordering::Relaxed);
                    tally.note_refusal(&user, &error);
                    self.bury(Some(user), flow, error.to_string()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(notes) = page.unnoted {
            self.store().commit_noting(&[], &notes).await?;
        }
        Ok(written)
    }
}
