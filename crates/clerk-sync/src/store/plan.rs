//! From a batch and what stands to what must be written. Pure, and the same for every store.

use super::{Applied, Entry};
use crate::{
    mapping::{Row, Value},
    observation::Observation,
    rule::{Change, Standing, State, Verdict, Version, decide, effect},
    user_id::UserId,
};
use std::collections::HashMap;

/// Everything that one transaction writes. Each list is in id order.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// Ledger entries of users that had none.
    pub(super) new_entries: Vec<(&'a UserId, Entry)>,
    /// Ledger entries that change.
    pub(super) changed_entries: Vec<(&'a UserId, Entry)>,
    /// What those entries were, in the same order.
    pub(super) changed_from: Vec<Entry>,
    /// Rows to write.
    pub(super) rows: Vec<PlannedRow<'a>>,
    /// Rows to delete.
    pub(super) deleted: Vec<&'a UserId>,
    /// Users whose rows are written though they were gone: nothing of theirs is to be deleted any more.
    pub(super) lifted: Vec<&'a UserId>,
    /// The feed's new entries.
    pub(super) changes: Vec<PlannedChange<'a>>,
    /// Users whose dead letters have become void, but for those of a deletion that is still pending.
    pub(super) healed: Vec<&'a UserId>,
    /// An answer for each observation, in the batch's order.
    pub(super) applied: Vec<Applied>,
}

/// A row to write.
#[derive(Debug)]
pub(super) struct PlannedRow<'a> {
    pub(super) user: &'a UserId,
    pub(super) row: &'a Row,
    /// Whether the ledger says that the table holds it already.
    pub(super) existed: bool,
    /// Whether the table has no row of the user, as far as is known.
    pub(super) is_missing: bool,
    /// What a row of before is recognized by that may be this user's.
    pub(super) link: Option<&'a str>,
    /// Place of the observation in the batch that it comes from.
    pub(super) position: usize,
    /// Clerk's, Unix ms; `None` if it is not known.
    pub(super) created_at: Option<i64>,
    /// Values of the mapping's fills, in order, for a row that is made now; none where the mapping has no fills.
    pub(super) fills: Vec<Value>,
}

#[derive(Debug)]
pub(super) struct PlannedChange<'a> {
    pub(super) change: Change,
    pub(super) standing: Standing,
    /// The observation that made it.
    pub(super) by: &'a Observation,
}

impl PlannedRow<'_> {
    /// Whether a row of before may be this user's. What the ledger believes of rows is not enough: somebody may have taken
    /// the row away, or changed to another table.
    #[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
    pub(super) fn may_be_before(&self) -> bool {
        self.is_missing || self.link.is_some()
    }
}

impl Plan<'_> {
    /// Whether the users table loses rows by it, and nothing else.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn only_deletes(&self) -> bool {
        self.rows.is_empty() && !self.deleted.is_empty()
    }

    /// A plan that writes a row writes its user's entry too, even if that stays as it is: stores that take no lock
    /// compare the entry, and so notice whoever was faster.
    pub(super) fn writes_nothing(&self) -> bool {
        self.new_entries.is_empty() && self.changed_entries.is_empty()
    }
}

/// The distinct users of a batch, in id order: the order in which every store locks them.
pub(super) fn users(batch: &[Observation]) -> Vec<&UserId> {
    let mut users: Vec<&UserId> = batch.iter().map(|observation| &observation.user).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// Decides a batch. `before`: the ledger's entries of its users.
pub(super) fn plan<'a>(batch: &'a [Observation], before: &HashMap<UserId, Entry>) -> Plan<'a> {
    let mut by_user: Vec<(&UserId, usize)> =
        batch.iter().enumerate().map(|(position, observation)| (&observation.user, position)).collect();
    by_user.sort_unstable();
    let nothing = Applied {
        verdict: Verdict::Duplicate,
        standing: None,
        change: None,
        settle_from: None,
        linking: None,
        row_waits: false,
    };
    let mut plan = Plan { applied: vec![nothing; batch.len()], ..Plan::default() };
    for of_user in by_user.chunk_by(|one, next| one.0 == next.0) {
        let Some(&(user, _)) = of_user.first() else { continue };
        plan_user(&mut plan, batch, user, of_user, before.get(user));
    }
    plan
}

/// Folds one user's observations and adds what must be written for it.
fn plan_user<'a>(
    plan: &mut Plan<'a>,
    batch: &'a [Observation],
    user: &'a UserId,
    positions: &[(&UserId, usize)],
    before: Option<&Entry>,
) {
    let standing_before = before.map(|entry| entry.standing);
    let mut standing = standing_before;
    let mut maker: Option<usize> = None;
    let mut restored = false;
    let mut quiet = true;
    for &(_, position) in positions {
        let Some(observation) = batch.get(position) else { continue };
        let decision = decide(standing, &observation.claim);
        standing = decision.standing;
        if standing
            .is_some_and(|s| s.version == observation.claim.version && decision.verdict != Verdict::Duplicate)
        {
            maker = Some(position);
        }
        quiet &= observation.claim.quiet;
        if observation.claim.restores && decision.verdict != Verdict::Stale {
            maker = maker.or(Some(position));
            restored = true;
        }
        if let Some(applied) = plan.applied.get_mut(position) {
            applied.verdict = decision.verdict;
            applied.settle_from = decision.settle_from;
        }
    }
    for &(_, position) in positions {
        if let Some(applied) = plan.applied.get_mut(position) {
            applied.standing = standing.map(|s| s.version);
        }
    }
    let Some(after) = standing else { return };
    let by = maker.and_then(|position| batch.get(position));
    let mut effect = effect(standing_before.as_ref(), &after);
    if restored && !effect.row {
        effect.row = true;
        // To readers the row was as it should be all along, and now is once more.
        effect.change = (after.version.state == State::Present).then_some(Change::Updated);
    }
    let known = before.and_then(|entry| entry.created_at);
    let created_at = match after.version.state {
        State::Gone => None,
        _ => by.and_then(|by| by.created_at).or(known),
    };
    let entry = Entry { standing: after, created_at };
    match before {
        None => plan.new_entries.push((user, entry)),
        Some(before) if quiet && !effect.row && only_seen_later(before, &entry) => {}
        Some(before) if effect.ledger || effect.row || *before != entry => {
            plan.changed_entries.push((user, entry));
            plan.changed_from.push(*before);
        }
        Some(_) => {}
    }
    let Some((position, by)) = maker.zip(by).filter(|_| effect.row) else { return };
    if after.version.state != State::Provisional {
        plan.healed.push(user);
    }
    match &by.row {
        Some(row) => {
            let existed = standing_before.is_some_and(|before| before.version.state != State::Gone);
            if standing_before.is_some_and(|before| before.version.state == State::Gone) {
                plan.lifted.push(user);
            }
            plan.rows.push(PlannedRow {
                user,
                row,
                existed,
                is_missing: restored || !existed,
                link: by.link.as_deref(),
                position,
                created_at,
                fills: Vec::new(),
            });
        }
        None => plan.deleted.push(user),
    }
    if let Some(change) = effect.change {
        plan.changes.push(PlannedChange { change, standing: after, by });
        if let Some(applied) = maker.and_then(|position| plan.applied.get_mut(position)) {
            applied.change = Some(change);
        }
    }
}

/// Whether nothing but the as-of differs.
fn only_seen_later(before: &Entry, after: &Entry) -> bool {
    let version = Version { as_of: before.standing.version.as_of, ..after.standing.version };
    Entry { standing: Standing { version, ..after.standing }, ..*after } == *before
}

#[cfg(test)]
mod tests;
