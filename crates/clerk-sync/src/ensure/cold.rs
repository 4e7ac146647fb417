//! The cold path: one look at the database, one read from Clerk if that says that the row is missing.

use super::{
    EnsureError, Ensured, Inner,
    flights::{Boarding, Flight, Outcome, Phase, Purpose, Takeoff},
};
use crate::{
    clerk::ClerkErrorKind,
    engine::{ApplyError, Reread, RereadError},
    observation::Flow,
    rule::{State, Verdict},
    store::Presence,
    user_id::UserId,
};
use std::{sync::Arc, time::Duration};

/// When to come back if nobody says.
pub(super) const SOON: Duration = Duration::from_secs(2);

impl Purpose {
    pub(super) fn flow(self) -> Flow {
        match self {
            Self::Ensure => Flow::Ensure,
            Self::Visit => Flow::Visit,
        }
    }
}

/// The answer of a cold call, and what it waited for last.
pub(super) struct Cold {
    pub(super) outcome: Outcome,
    pub(super) phase: Phase,
}

impl Inner {
    /// Asks together with everyone who asks for this user now; at most for `patience`.
    pub(super) async fn cold(self: &Arc<Self>, user: &UserId, purpose: Purpose, patience: Duration) -> Cold {
        let mut give_up = self.clock.sleep(patience);
        loop {
            let (mut flight, own) = match self.flights.board(user, purpose) {
                Err(error) => return Cold { outcome: Err(error), phase: Phase::Database },
                Ok(Boarding::Aboard(flight)) => (flight, true),
                Ok(Boarding::Behind(flight)) => (flight, false),
                Ok(Boarding::Own(flight, takeoff)) => {
                    // A task of its own: a caller that goes away takes nobody else's answer along.
                    tokio::spawn(Arc::clone(self).fly(user.clone(), purpose, patience, takeoff));
                    (flight, true)
                }
            };
            let landed = tokio::select! {
                biased;
                outcome = flight.landed() => Some(outcome),
                () = &mut give_up => None,
            };
            match landed {
                Some(outcome) if own => return Cold { outcome, phase: flight.phase() },
                None => return Cold { outcome: Err(too_late(&flight)), phase: flight.phase() },
                // The call before this one may have done what this one is for.
                Some(_) if self.commits.get(user, self.clock.monotonic()).is_some() => {
                    return Cold { outcome: Ok(Ensured::Found), phase: Phase::Database };
                }
                Some(_) => {}
            }
        }
    }

    async fn fly(self: Arc<Self>, user: UserId, purpose: Purpose, patience: Duration, takeoff: Takeoff) {
        let outcome = self.find_or_make(&user, purpose, patience, &takeoff).await;
        takeoff.land(outcome);
    }

    async fn find_or_make(
        &self,
        user: &UserId,
        purpose: Purpose,
        patience: Duration,
        takeoff: &Takeoff,
    ) -> Outcome {
        let ticket = self.known.ticket(user.as_str());
        let presence = self.presence(user).await?;
        let state = presence.entry.map(|entry| entry.standing.version.state);
        match (state, presence.row, purpose) {
            (Some(State::Gone), ..) => return Err(EnsureError::Deleted),
            (Some(State::Present), true, Purpose::Ensure) => {
                self.known.insert(user, ticket);
                return Ok(Ensured::Found);
            }
            (Some(State::Provisional), true, Purpose::Ensure) => {
                // Not remembered: each request asks for the real row, until it is there.
                self.engine.read_soon(user);
                return Ok(Ensured::Provisional);
            }
            _ => {}
        }
        match self.denials.get(user, self.clock.monotonic()) {
            // The row has come by another process.
            Some(EnsureError::NotFound) if presence.row => {}
            Some(denial) => return Err(denial),
            None => {}
        }
        let restores = state.is_some() && !presence.row;
        takeoff.enter(match state {
            // A row that the ledger does not know holds more than claims could say.
            None if presence.row => Phase::Clerk,
            None => Phase::ClerkOrClaims,
            Some(State::Provisional) if restores => Phase::ClerkOrClaimsAgain,
            Some(_) => Phase::Clerk,
        });
        let there = if presence.row { Ensured::Found } else { Ensured::Made };
        match self.engine.read_for_row(user, purpose.flow(), restores, patience).await {
            Ok(Reread::Applied { present: false, .. }) => Err(EnsureError::Deleted),
            Ok(Reread::Applied { present: true, applied }) => {
                if applied.standing.is_some_and(|standing| standing.state == State::Gone) {
                    return Err(EnsureError::Deleted);
                }
                if restores && applied.verdict == Verdict::Stale && !self.presence(user).await?.row {
                    // What stands is newer than Clerk's answer, and cannot be restored from that.
                    return Err(EnsureError::ClerkAway { retry_after: Some(SOON) });
                }
                self.commits.note(user, self.clock.monotonic(), ());
                if !self.known.insert(user, ticket) {
                    // Perhaps deleted meanwhile: the next request looks.
                    self.commits.remove(user);
                }
                Ok(there)
            }
            Ok(Reread::AbsentNotYet) => {
                // Often the user is very new: then a webhook may have brought the row by now.
                let now = if presence.row { presence } else { self.presence(user).await? };
                if now.row { Ok(Ensured::Found) } else { Err(self.deny(user, EnsureError::NotFound)) }
            }
            Err(error) => match self.read_failed(user, &error) {
                // The row is there, as far as anyone can say now.
                EnsureError::ClerkAway { .. } if presence.row && purpose == Purpose::Ensure => {
                    Ok(Ensured::Found)
                }
                error => Err(error),
            },
        }
    }

    async fn presence(&self, user: &UserId) -> Result<Presence, EnsureError> {
        self.store.presence(user).await.map_err(|error| {
            tracing::warn!(user.id = %user, %error, "a user cannot be looked for now");
            EnsureError::DatabaseAway
        })
    }

    /// Does not ask Clerk again for a moment.
    fn deny(&self, user: &UserId, denial: EnsureError) -> EnsureError {
        self.denials.note(user, self.clock.monotonic(), denial.clone());
        denial
    }

    fn read_failed(&self, user: &UserId, error: &RereadError) -> EnsureError {
        match error {
            RereadError::Clerk(error) => {
                if !matches!(error.kind(), ClerkErrorKind::Throttled { .. }) {
                    tracing::warn!(user.id = %user, %error, "a user without a row cannot be read now");
                }
                EnsureError::ClerkAway { retry_after: error.retry_after() }
            }
            RereadError::HolderAbsent(_) => {
                tracing::warn!(user.id = %user, %error, "a user's row cannot be made now");
                EnsureError::ClerkAway { retry_after: error.retry_after() }
            }
            RereadError::Unreadable(error) => {
                tracing::error!(user.id = %user, %error, "a user's row cannot be made");
                self.deny(user, EnsureError::Conflict)
            }
            RereadError::Apply(ApplyError::Store(error)) if error.is_rejection() => {
                tracing::error!(user.id = %user, %error, "a user's row cannot be made");
                self.deny(user, EnsureError::Conflict)
            }
            RereadError::Apply(error) => not_applied(user, error),
        }
    }
}

pub(super) fn not_applied(user: &UserId, error: &ApplyError) -> EnsureError {
    match error {
        ApplyError::Overloaded => EnsureError::Overloaded,
        ApplyError::Closed => EnsureError::Closed,
        ApplyError::Store(error) => {
            tracing::warn!(user.id = %user, %error, "a user's row cannot be written now");
            EnsureError::DatabaseAway
        }
    }
}

fn too_late(flight: &Flight) -> EnsureError {
    match flight.phase() {
        Phase::Database => EnsureError::DatabaseAway,
        _ => EnsureError::ClerkAway { retry_after: Some(SOON) },
    }
}
