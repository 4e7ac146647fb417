//! One bad row never fails its neighbours: a refused batch is split until the bad row stands alone.

use crate::{
    observation::Observation,
    store::{Applied, Notes, Store, StoreError, StoreErrorKind},
};
use std::time::Duration;

/// A commit that takes longer is given up; its outcome is unknown, and the sender tries again.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(12);

type Outcome = Result<Applied, StoreError>;

/// Commits a batch. An answer for each observation, in order.
pub(super) async fn commit(store: &dyn Store, batch: &[Observation]) -> Vec<Outcome> {
    match try_commit(store, batch).await {
        Ok(applied) => applied.into_iter().map(Ok).collect(),
        Err(error) if is_worth_splitting(&error) && batch.len() > 1 => split(store, batch, error).await,
        Err(error) => vec![Err(error); batch.len()],
    }
}

/// Refused rows, and contention that outlasted the store's own retries: smaller transactions get through.
fn is_worth_splitting(error: &StoreError) -> bool {
    error.is_rejection() || *error.kind() == StoreErrorKind::Contended
}

/// Commits a page with the progress of its walk. An answer for each observation, in order, and whether the progress
/// is written. It never runs ahead of the page: where rows are refused, it is left to whoever tries these again.
pub(super) async fn commit_page(
    store: &dyn Store,
    page: &[Observation],
    notes: &Notes,
) -> (Vec<Outcome>, Result<bool, StoreError>) {
    let error = match try_commit_noting(store, page, notes).await {
        Ok(applied) => return (applied.into_iter().map(Ok).collect(), Ok(true)),
        Err(error) if is_worth_splitting(&error) && !page.is_empty() => error,
        Err(error) => return (vec![Err(error.clone()); page.len()], Err(error)),
    };
    let outcomes =
        if page.len() > 1 { split(store, page, error).await } else { vec![Err(error); page.len()] };
    let mut unwritten = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let noted = match unwritten.clone().find(|error| !error.is_rejection()) {
        Some(error) => Err(error.clone()),
        None if unwritten.next().is_some() => Ok(false),
        None => try_commit_noting(store, &[], notes).await.map(|_| true),
    };
    (outcomes, noted)
}

/// Commits users whose unique values move among each other: all of them or none.
pub(super) async fn commit_moving(
    store: &dyn Store,
    set: &[Observation],
) -> Result<Vec<Applied>, StoreError> {
    in_time(store.commit_moving(set)).await
}

async fn try_commit(store: &dyn Store, batch: &[Observation]) -> Result<Vec<Applied>, StoreError> {
    try_commit_noting(store, batch, &Notes::default()).await
}

async fn try_commit_noting(
    store: &dyn Store,
    batch: &[Observation],
    notes: &Notes,
) -> Result<Vec<Applied>, StoreError> {
    in_time(store.commit_noting(batch, notes)).await
}

async fn in_time(
    commit: impl Future<Output = Result<Vec<Applied>, StoreError>>,
) -> Result<Vec<Applied>, StoreError> {
    tokio::time::timeout(COMMIT_TIMEOUT, commit).await.unwrap_or_else(|_| {
        Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "writing users",
            "the database did not answer in time",
        ))
    })
}

async fn split(store: &dyn Store, batch: &[Observation], error: StoreError) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = vec![Err(error.clone()); batch.len()];
    // Users stay together, so that their observations are still folded.
    let mut order: Vec<usize> = (0..batch.len()).collect();
    order.sort_by(|a, b| batch[*a].user.cmp(&batch[*b].user).then(a.cmp(b)));
    let mut groups = halves(batch, &order, &error);
    while let Some(group) = groups.pop() {
        let observations: Vec<Observation> = group.iter().map(|position| batch[*position].clone()).collect();
        match try_commit(store, &observations).await {
            Ok(applied) => {
                for (position, applied) in group.into_iter().zip(applied) {
                    outcomes[position] = Ok(applied);
                }
            }
            Err(error) if is_worth_splitting(&error) && group.len() > 1 => {
                for position in &group {
                    outcomes[*position] = Err(error.clone());
                }
                groups.extend(halves(batch, &group, &error));
            }
            Err(error) if is_worth_splitting(&error) => outcomes[group[0]] = Err(error),
            Err(error) => {
                // The database is away: what has not been tried would only wait for it, one by one.
                for position in group.into_iter().chain(groups.drain(..).flatten()) {
                    outcomes[position] = Err(error.clone());
                }
            }
        }
    }
    outcomes
}

/// The groups to try next, the first one last. Two groups of users; or, for a single user whose winner was refused, the
/// losers: they were folded away for a row that cannot be written, and one of them may be the newest that can. Then the
/// winner alone, for it may have been refused on account of a loser: a lifted deletion only looks like a winner.
fn halves(batch: &[Observation], group: &[usize], error: &StoreError) -> Vec<Vec<usize>> {
    let user = |index: usize| &batch[group[index]].user;
    let middle = group.len() / 2;
    // The boundary between two users that lies nearest to the middle.
    let boundary = (1..group.len()).filter(|&i| user(i - 1) != user(i)).min_by_key(|i| i.abs_diff(middle));
    if let Some(boundary) = boundary {
        let (left, right) = group.split_at(boundary);
        return vec![right.to_vec(), left.to_vec()];
    }
    if !error.is_rejection() {
        // One user's observations contend as one; alone they would not fare better.
        return Vec::new();
    }
    let winner = group.iter().copied().max_by_key(|position| batch[*position].claim.version);
    let losers: Vec<usize> = group.iter().copied().filter(|position| Some(*position) != winner).collect();
    if losers.is_empty() { Vec::new() } else { vec![winner.into_iter().collect(), losers] }
}

#[cfg(test)]
mod tests;
