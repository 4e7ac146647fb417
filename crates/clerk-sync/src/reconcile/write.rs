//! Writing what a list says.

use super::{PassError, Reconciler, Tally};
use crate::{
    observation::{Flow, Observation},
    store::{Applied, Notes},
    user_id::UserId,
};
use std::sync::atomic::Ordering;

impl Reconciler {
    /// Writes observations and, in the same transaction, progress. Answers with those that were written; a row that
    /// the database refuses is kept as a dead letter, and fails nobody else.
    pub(super) async fn write(
        &self,
        observations: Vec<Observation>,
        notes: Notes,
        flow: Flow,
        tally: &Tally,
    ) -> Result<Vec<(UserId, Applied)>, PassError> {
        if observations.is_empty() && notes.is_empty() {
            return Ok(Vec::new());
        }
        let users: Vec<UserId> = observations.iter().map(|observation| observation.user.clone()).collect();
        let (outcomes, noted) = self.engine.apply_page(observations, notes).await?;
        let mut written = Vec::with_capacity(users.len());
        for (user, outcome) in users.into_iter().zip(outcomes) {
            match outcome {
                Ok(applied) => {
                    tally.written.fetch_add(u64::from(applied.change.is_some()), Ordering::Relaxed);
                    written.push((user, applied));
                }
                Err(error) if error.is_rejection() => {
                    tally.refused.fetch_add(1, Ordering::Relaxed);
                    self.bury(Some(user), flow, error.to_string()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        noted?;
        Ok(written)
    }
}
