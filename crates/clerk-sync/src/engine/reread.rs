//! Reading a user from Clerk and applying what Clerk says.

use super::{ApplyError, Engine, Parts};
use crate::{
    clerk::{ClerkError, ClerkErrorKind, Freshness, Lane, UserAnswer},
    doubt::{self, Absence, Lower},
    mapping::ReadError,
    observation::{Flow, Observation},
    rule::{State, Verdict, Version},
    store::{Applied, StoreError},
    user_id::UserId,
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Users of whom a doubt is remembered at once. Beyond it the oldest knowledge is not worth the memory.
const MAX_DOUBTS: usize = 10_000;

/// A little more than [`doubt::APART_MS`], for Clerk's `Date` is cut to its second.
pub(crate) const DOUBT_RECHECK: Duration = Duration::from_millis(doubt::APART_MS as u64 + 2_000);

/// What a read led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reread {
    /// Clerk has the user, or says beyond doubt that it is gone; it is applied.
    Applied {
        /// Whether Clerk has the user.
        present: bool,
        /// What became of it.
        applied: Applied,
    },
    /// Clerk says that there is no such user, which does not count yet. Nothing was written; it is asked again in a
    /// minute.
    AbsentNotYet,
}

/// Why a read led to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RereadError {
    /// See [`ClerkError`].
    #[error(transparent)]
    Clerk(#[from] ClerkError),
    /// Clerk's own answer cannot be mapped.
    #[error("Clerk's answer cannot be mapped: {0}")]
    Unreadable(#[from] ReadError),
    /// See [`ApplyError`].
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Another user holds one of its unique values, and Clerk says that there is no such user, which does not count yet.
    #[error(
        "{0} holds a value of this user's, and Clerk has no such user, which counts only when it says so again"
    )]
    HolderAbsent(UserId),
}

impl RereadError {
    /// Whether the same may work later without anyone's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Clerk(_) | Self::HolderAbsent(_) => true,
            Self::Unreadable(_) => false,
            Self::Apply(ApplyError::Store(error)) => !error.is_rejection(),
            Self::Apply(_) => true,
        }
    }

    /// How long to wait before trying again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Clerk(error) => error.retry_after(),
            Self::HolderAbsent(_) => Some(DOUBT_RECHECK),
            Self::Unreadable(_) | Self::Apply(_) => None,
        }
    }

    /// Why the database refuses the row, if it does.
    pub(super) fn rejection(&self) -> Option<&StoreError> {
        match self {
            Self::Apply(ApplyError::Store(error)) => Some(error).filter(|error| error.is_rejection()),
            _ => None,
        }
    }
}

impl From<StoreError> for RereadError {
    fn from(error: StoreError) -> Self {
        Self::Apply(ApplyError::Store(error))
    }
}

/// How and why a user is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    pub(super) flow: Option<Flow>,
    pub(super) freshness: Option<Freshness>,
    pub(super) lane: Option<Lane>,
    pub(super) patience: Duration,
    /// Answers a tie; the as-of is at least this.
    pub(super) settle_from: Option<i64>,
    /// Lifts a tombstone, if Clerk has the user.
    pub(super) lifts: bool,
    /// The table lacks the row, whatever the ledger says.
    pub(super) restores: bool,
    pub(super) message_id: Option<Box<str>>,
}

/// What single answers said that must be heard again.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    by_user: Mutex<HashMap<UserId, Doubt>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Doubt {
    absent_since: Option<i64>,
    lower: Option<Lower>,
}

impl Doubts {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Doubt>> {
        self.by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, user: &UserId) -> Doubt {
        self.lock().get(user).copied().unwrap_or_default()
    }

    fn set(&self, user: &UserId, doubt: Doubt) {
        let mut by_user = self.lock();
        if doubt.absent_since.is_none() && doubt.lower.is_none() {
            by_user.remove(user);
        } else if by_user.len() < MAX_DOUBTS || by_user.contains_key(user) {
            by_user.insert(user.clone(), doubt);
        }
    }
}

impl Engine {
    /// Reads a user from Clerk for a person who waits, and applies the answer (flow C). `lifts`: lift a tombstone
    /// if Clerk has the user, as `sync --force` does. `patience`: how long the budget may keep it waiting.
    ///
    /// # Errors
    /// See [`RereadError`].
    pub async fn sync(&self, user: &UserId, lifts: bool, patience: Duration) -> Result<Reread, RereadError> {
        let wish = |lifts| Wish {
            flow: Some(Flow::Sync),
            freshness: Some(Freshness::Unsent),
            lane: Some(Lane::Person),
            patience,
            lifts,
            ..Wish::default()
        };
        let first = self.parts.reread(user, wish(lifts)).await?;
        if lifts && matches!(first, Reread::Applied { present: true, .. }) {
            // What arrived between the deletion and its lifting was turned away; this read brings it.
            self.parts.reread(user, wish(false)).await?;
        }
        Ok(first)
    }

    /// Reads a user from Clerk for a person who needs the row, not the newest one, and applies the answer.
    /// `restores`: the table lacks the row. `patience`: how long the budget may keep it waiting.
    ///
    /// # Errors
    /// See [`RereadError`].
    pub(crate) async fn read_for_row(
        &self,
        user: &UserId,
        flow: Flow,
        restores: bool,
        patience: Duration,
    ) -> Result<Reread, RereadError> {
        let wish = Wish {
            flow: Some(flow),
            freshness: Some(Freshness::Joined),
            lane: Some(Lane::Person),
            patience,
            restores,
            ..Wish::default()
        };
        self.parts.reread(user, wish).await
    }
}

impl Engine {
    /// Reads a user from Clerk with a request of its own, because a list has raised a doubt, and applies the answer.
    /// `restores`: the table does not hold what the ledger says. `patience`: how long the budget may keep it waiting.
    ///
    /// # Errors
    /// See [`RereadError`].
    pub(crate) async fn recheck(
        &self,
        user: &UserId,
        flow: Flow,
        lane: Lane,
        restores: bool,
        patience: Duration,
    ) -> Result<Reread, RereadError> {
        let wish = Wish {
            flow: Some(flow),
            freshness: Some(Freshness::Unsent),
            lane: Some(lane),
            patience,
            restores,
            ..Wish::default()
        };
        self.parts.reread(user, wish).await
    }
}

impl Parts {
    pub(super) async fn reread(&self, user: &UserId, wish: Wish) -> Result<Reread, RereadError> {
        let Some(observation) = self.observe(user, &wish).await? else { return Ok(Reread::AbsentNotYet) };
        let (version, applied) = self.apply_with_holders(observation, &wish).await?;
        self.conclude(user, &version, &applied);
        Ok(Reread::Applied { present: version.state == State::Present, applied })
    }

    /// Reads a user. `None`: Clerk says that there is none, which does not count yet.
    pub(super) async fn observe(
        &self,
        user: &UserId,
        wish: &Wish,
    ) -> Result<Option<Observation>, RereadError> {
        let freshness = wish.freshness.unwrap_or(Freshness::Unsent);
        let lane = wish.lane.unwrap_or(Lane::Background);
        let answer = self.reads.read(user, freshness, lane, wish.patience).await?;
        match &answer.user {
            Some(json) => self.observe_present(user, json, &answer, wish).await.map(Some),
            None => self.observe_absent(user, answer.date_ms, wish).await,
        }
    }

    async fn observe_present(
        &self,
        user: &UserId,
        json: &[u8],
        answer: &UserAnswer,
        wish: &Wish,
    ) -> Result<Observation, RereadError> {
        let mut mapped = self.mapping.read_user(json)?;
        if mapped.id != *user {
            let detail = "the answer is about another user";
            return Err(
                ClerkError::new(ClerkErrorKind::Unexpected, "reading a user from Clerk", detail).into()
            );
        }
        // Without a date, the answer is as of the last change that it knows of.
        let date = answer.date_ms.unwrap_or(mapped.updated_at);
        let as_of = wish.settle_from.map_or(date, |from| date.max(from));
        mapped.updated_at = doubt::believable_updated_at(mapped.updated_at, as_of);
        let flow = wish.flow.unwrap_or(Flow::Reread);
        let mut observation = Observation::present(mapped, &self.mapping, as_of, flow);
        observation.message_id.clone_from(&wish.message_id);
        observation.claim.settles = wish.settle_from.is_some();
        observation.claim.restores = wish.restores;
        if wish.lifts {
            let standing = self.store.entry(user).await?.map(|entry| entry.standing.version);
            let deleted_at =
                standing.filter(|version| version.state == State::Gone).map(|version| version.as_of);
            observation.claim.lifts_as_of =
                Some(deleted_at.map_or(as_of, |deleted_at| deleted_at.max(as_of)));
        }
        let read = observation.claim.version;
        // The second of two reads that agree carries the correction with it.
        observation.claim.resets = self.doubts.get(user).lower.and_then(|first| {
            doubt::confirmed(
                &first,
                &Lower { updated_at: read.updated_at, as_of: read.as_of, standing: first.standing },
            )
        });
        Ok(observation)
    }

    async fn observe_absent(
        &self,
        user: &UserId,
        date_ms: Option<i64>,
        wish: &Wish,
    ) -> Result<Option<Observation>, RereadError> {
        let entry = self.store.entry(user).await?;
        let known = self.doubts.get(user);
        let already_gone = entry.is_some_and(|entry| entry.standing.version.state == State::Gone);
        let created_at = entry.and_then(|entry| entry.created_at);
        let date = match (doubt::absence(created_at, date_ms, known.absent_since), date_ms) {
            (Absence::Counts, Some(date)) => date,
            (_, Some(date)) if already_gone => date,
            (Absence::NotYet { first }, _) => {
                self.doubts.set(user, Doubt { absent_since: first, ..known });
                self.settling.recheck(user.clone(), self.clock.monotonic() + DOUBT_RECHECK);
                return Ok(None);
            }
            (Absence::Counts, None) => return Ok(None),
        };
        let mut observation =
            Observation::gone(user.clone(), &self.mapping, date, wish.flow.unwrap_or(Flow::Reread));
        observation.message_id.clone_from(&wish.message_id);
        observation.claim.restores = wish.restores;
        Ok(Some(observation))
    }

    /// Remembers what a read that was applied leaves to be heard again. `read`: what it said.
    pub(super) fn conclude(&self, user: &UserId, read: &Version, applied: &Applied) {
        if read.state == State::Gone {
            self.doubts.set(user, Doubt::default());
            return;
        }
        let contradiction = match (applied.verdict, applied.standing) {
            (Verdict::Stale, Some(standing)) => doubt::lower(read, &standing),
            _ => None,
        };
        let known = self.doubts.get(user);
        let lower = contradiction.map(|new| match known.lower {
            Some(first) if first.updated_at == new.updated_at && first.standing == new.standing => first,
            _ => new,
        });
        self.doubts.set(user, Doubt { absent_since: None, lower });
        if lower.is_some() {
            self.settling.recheck(user.clone(), self.clock.monotonic() + DOUBT_RECHECK);
        }
    }
}

#[cfg(test)]
mod tests;
