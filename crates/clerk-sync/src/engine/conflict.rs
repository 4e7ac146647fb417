//! A row is refused because another row holds a value that only one may hold.
//!
//! Values move between users in Clerk, and their events come in any order. So who holds the value is read again from
//! Clerk, outside any transaction, and who holds what those want in turn; then all are written in one transaction, in which
//! unique values are given up before they are taken. Nothing is ever concluded from equal values: each row is only
//! what Clerk says of its own user, and what the database refuses even then is no guess of ours.

use super::{ApplyError, Engine, Parts, Reread, RereadError, reread::Wish};
use crate::{
    clerk::{Freshness, Lane},
    observation::{Flow, Observation},
    rule::{State, Version},
    store::{Applied, Holder, StoreError, StoreErrorKind},
    user_id::UserId,
};
use futures_util::future::try_join_all;
use std::time::Duration;

mod reason;
mod waiting;

use reason::Reason;
pub(super) use waiting::{Waiting, watch_letters};

/// The most users who are written together.
const MOST: usize = 8;
/// How often they are tried while new ones are found.
const ROUNDS: usize = 4;

/// Who must be written together, the newcomer first; each behind those who want what they hold.
type Set = Vec<Observation>;

impl Engine {
    /// Tries again what the database refused on a page; if another row holds what it wants, reads its user and who holds
    /// the value. `None` where that is no remedy. `patience`: how long the budget may keep each read waiting.
    ///
    /// # Errors
    /// Where it may work later. What is refused for good is an answer, not an error.
    pub(crate) async fn move_in(
        &self,
        refused: &Observation,
        lane: Lane,
        patience: Duration,
    ) -> Result<Option<Result<Applied, StoreError>>, RereadError> {
        let parts = &self.parts;
        if parts.holders(refused).await?.is_empty() {
            // Whoever was in the way may have moved on, together with another one of the page.
            return match parts.apply(refused.clone()).await {
                Ok(applied) => Ok(Some(Ok(applied))),
                Err(ApplyError::Store(error)) if error.is_rejection() => Ok(Some(Err(error))),
                Err(error) => Err(error.into()),
            };
        }
        let wish = Wish {
            flow: Some(refused.flow),
            freshness: Some(Freshness::Unsent),
            lane: Some(lane),
            patience,
            restores: refused.claim.restores,
            ..Wish::default()
        };
        match parts.reread(&refused.user, wish).await {
            Ok(Reread::Applied { applied, .. }) => Ok(Some(Ok(applied))),
            // It is asked again in a minute.
            Ok(Reread::AbsentNotYet) => Ok(None),
            Err(RereadError::Apply(ApplyError::Store(error))) if error.is_rejection() => Ok(Some(Err(error))),
            Err(RereadError::Unreadable(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Parts {
    /// Applies what a read said; where a unique value is held by another row, together with whoever holds it. Answers with
    /// what was written, too: the user may have been read once more.
    pub(super) async fn apply_with_holders(
        &self,
        observation: Observation,
        wish: &Wish,
    ) -> Result<(Version, Applied), RereadError> {
        let kept = observation.clone();
        match self.apply(observation).await {
            // Where the user's own row is in doubt no other user's is in the way.
            Err(ApplyError::Store(refused)) if refused.is_ambiguous() => {
                Err(ApplyError::Store(refused).into())
            }
            Err(ApplyError::Store(refused)) if refused.is_rejection() && kept.row.is_some() => {
                // What is rare is boxed, so that the common way stays small.
                Box::pin(self.move_values(kept, wish, refused)).await
            }
            result => Ok((kept.claim.version, result?)),
        }
    }

    async fn move_values(
        &self,
        newcomer: Observation,
        wish: &Wish,
        refused: StoreError,
    ) -> Result<(Version, Applied), RereadError> {
        let began = self.clock.monotonic();
        let left = || Wish {
            patience: wish.patience.saturating_sub(self.clock.monotonic().saturating_sub(began)),
            ..wish.clone()
        };
        let user = newcomer.user.clone();
        let (mut is_new, mut read_again) = (true, false);
        let mut set = vec![newcomer];
        for _ in 0..ROUNDS {
            let size = set.len();
            if let Err(reason) = self.gather(&mut set, &left()).await? {
                return Err(self.give_up(&set, &refused, &reason));
            }
            if set.len() == size && !is_new {
                break;
            }
            is_new = false;
            let mut moved = self.door.apply_moving(set.clone()).await?;
            if moved.as_ref().is_err_and(StoreError::is_reference) {
                let alone = self.delete_alone(&mut set).await?;
                if alone.iter().any(Option::is_some) {
                    let together = |applied: Vec<Applied>| {
                        alone.into_iter().zip(applied).map(|(alone, moved)| alone.unwrap_or(moved)).collect()
                    };
                    moved = self.door.apply_moving(set.clone()).await?.map(together);
                }
            }
            match moved {
                Ok(applied) => return Ok(self.moved(&set, &applied)?),
                Err(error) if !error.is_rejection() => return Err(error.into()),
                // Somebody may have written meanwhile: then there are others to ask.
                Err(_) => {}
            }
            if !read_again && set.len() > 1 {
                // Others were read later than itself, and may have what was its own until then.
                read_again = true;
                let known = set.first().map(|then| then.claim.version);
                if let Some(now) = self.observe(&user, &left()).await?
                    && Some(now.claim.version)
                        != known.map(|known| Version { as_of: now.claim.version.as_of, ..known })
                {
                    set = vec![now];
                    is_new = true;
                }
            }
        }
        self.one_by_one(set, refused).await
    }

    /// Others refer to the row of somebody in the set who is gone. A deletion is right by itself and has its way out alone: the
    /// row is dealt with otherwise, or waits; either way it can give up what it holds. Answers for those who were written.
    async fn delete_alone(&self, set: &mut Set) -> Result<Vec<Option<Applied>>, RereadError> {
        let mut alone = vec![None; set.len()];
        for (gone, applied) in set.iter_mut().zip(&mut alone).filter(|(member, _)| member.row.is_none()) {
            match self.apply(gone.clone()).await {
                Ok(written) => *applied = Some(written),
                Err(ApplyError::Store(error)) if error.is_rejection() => continue,
                Err(error) => return Err(error.into()),
            }
            // That was its turn: tried once more, the row would be refused once more.
            gone.claim.restores = false;
        }
        Ok(alone)
    }

    /// All of them at once cannot be written. The last ones first: each may free what the one before waits for.
    async fn one_by_one(&self, set: Set, refused: StoreError) -> Result<(Version, Applied), RereadError> {
        for observation in set.iter().rev().take(set.len().saturating_sub(1)) {
            match self.apply(observation.clone()).await {
                Ok(applied) => self.conclude(&observation.user, &observation.claim.version, &applied),
                Err(ApplyError::Store(error)) if error.is_rejection() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let Some(newcomer) = set.first() else { return Err(ApplyError::Store(refused).into()) };
        match self.apply(newcomer.clone()).await {
            Err(ApplyError::Store(error)) if error.is_rejection() => {}
            result => return Ok((newcomer.claim.version, result?)),
        }
        let Some(holder) = self.holders(newcomer).await?.into_iter().next() else {
            return Err(ApplyError::Store(refused).into());
        };
        let its_own = set.iter().find(|member| Some(&member.user) == holder.user.as_ref());
        let reason = match its_own {
            Some(held) if reason::is_given_twice(&self.mapping, newcomer, held, &holder) => {
                Reason::Twice(holder)
            }
            _ => Reason::Immovable(holder),
        };
        Err(self.give_up(&set, &refused, &reason))
    }

    /// Adds who holds what a member wants, until nobody is missing.
    async fn gather(&self, set: &mut Set, wish: &Wish) -> Result<Result<(), Reason>, RereadError> {
        let mut next = 0;
        while let Some(member) = set.get(next) {
            next += 1;
            let mut missing: Vec<UserId> = Vec::new();
            for holder in self.holders(member).await? {
                let Some(user) = holder.user.clone() else { return Ok(Err(Reason::Stranger(holder))) };
                if set.iter().any(|member| member.user == user) || missing.contains(&user) {
                    continue;
                }
                if set.len() + missing.len() == MOST {
                    return Ok(Err(Reason::TooMany(holder)));
                }
                missing.push(user);
            }
            match try_join_all(missing.iter().map(|user| self.observe_holder(user, wish))).await {
                Ok(found) => set.extend(found),
                Err(RereadError::Unreadable(error)) => return Ok(Err(Reason::Unreadable(missing, error))),
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(()))
    }

    /// What Clerk says of somebody who holds a value.
    async fn observe_holder(&self, user: &UserId, wish: &Wish) -> Result<Observation, RereadError> {
        let stored = self.store.stored(std::slice::from_ref(user)).await?.pop();
        let restores = stored.as_ref().is_some_and(|stored| stored.is_astray(&self.mapping));
        let standing = stored.and_then(|stored| stored.entry).map(|entry| entry.standing.version);
        if let Some(Version { state: State::Gone, as_of, .. }) = standing {
            // Somebody put the row of a deleted user back. There is nothing to ask Clerk.
            let flow = wish.flow.unwrap_or(Flow::Reread);
            let mut gone = Observation::gone(user.clone(), &self.mapping, as_of, flow);
            gone.claim.restores = true;
            return Ok(gone);
        }
        let wish = Wish {
            flow: wish.flow,
            // An older answer could still show what has moved since.
            freshness: Some(Freshness::Unsent),
            lane: wish.lane,
            patience: wish.patience,
            // It is sent after what stands was seen, and so settles a tie with it.
            settle_from: standing.map(|standing| standing.as_of + 1),
            restores,
            ..Wish::default()
        };
        self.observe(user, &wish).await?.ok_or_else(|| RereadError::HolderAbsent(user.clone()))
    }

    /// Who else holds what this one wants. Nobody, where the database cannot even compare it.
    async fn holders(&self, observation: &Observation) -> Result<Vec<Holder>, StoreError> {
        match self.store.holders(observation).await {
            Err(error) if error.is_rejection() => Ok(Vec::new()),
            result => result,
        }
    }

    /// Everyone is written. Answers with what became of the newcomer.
    fn moved(&self, set: &[Observation], applied: &[Applied]) -> Result<(Version, Applied), StoreError> {
        for (observation, applied) in set.iter().zip(applied).skip(1) {
            self.conclude(&observation.user, &observation.claim.version, applied);
        }
        if let [newcomer, holders @ ..] = set
            && !holders.is_empty()
        {
            let users: Vec<&str> = holders.iter().map(|holder| holder.user.as_str()).collect();
            tracing::info!(
                user.id = %newcomer.user,
                with = users.join(" "),
                "unique values moved between users; all of them were read again and written together"
            );
        }
        let nothing = || StoreError::new(StoreErrorKind::Corrupt, "writing users", "no answer");
        let newcomer = set.first().map(|newcomer| newcomer.claim.version);
        newcomer.zip(applied.first().copied()).ok_or_else(nothing)
    }

    /// Refused for good, until one of them changes.
    fn give_up(&self, set: &[Observation], refused: &StoreError, reason: &Reason) -> RereadError {
        let Some(newcomer) = set.first() else { return ApplyError::Store(refused.clone()).into() };
        let others = set.iter().skip(1).map(|member| member.user.clone());
        let holders = reason.holders(others);
        self.waiting.add(newcomer.user.clone(), &holders);
        ApplyError::Store(reason.explain(&holders)).into()
    }
}

#[cfg(test)]
mod tests;
