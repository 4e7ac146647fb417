//! While Clerk is away: a row from the session's claims.

use super::{
    EnsureError, Ensured, Inner,
    cold::not_applied,
    flights::{Outcome, Phase},
};
use crate::{
    engine::ApplyError,
    observation::{Flow, Observation},
    rule::{State, Verdict},
    user_id::UserId,
};
use std::time::Duration;

impl Inner {
    /// Makes a provisional row, if the mapping says from which claims, and a cold call that ended in `phase` left room
    /// for one. `None`: it cannot help.
    pub(super) async fn stand_in(
        &self,
        user: &UserId,
        claims: &serde_json::Map<String, serde_json::Value>,
        phase: Phase,
        patience: Duration,
    ) -> Option<Outcome> {
        let restores = match phase {
            Phase::ClerkOrClaims => false,
            Phase::ClerkOrClaimsAgain => true,
            Phase::Database | Phase::Clerk => return None,
        };
        let mapping = self.engine.mapping();
        let mapped = match mapping.read_claims(user, claims)? {
            Ok(mapped) => mapped,
            Err(error) => {
                tracing::warn!(user.id = %user, %error, "a session's claims make no provisional row");
                return None;
            }
        };
        let mut observation = Observation::provisional(mapped, mapping, Flow::Ensure);
        observation.claim.restores = restores;
        let applied = tokio::select! {
            applied = self.engine.apply(observation) => applied,
            () = self.clock.sleep(patience) => return Some(Err(EnsureError::DatabaseAway)),
        };
        match applied {
            Ok(applied) => match applied.standing.map(|standing| standing.state) {
                Some(State::Gone) => Some(Err(EnsureError::Deleted)),
                // Somebody else has seen the user in Clerk meanwhile.
                Some(State::Present) => Some(Ok(Ensured::Found)),
                // Newer claims stand, and their row is still missing.
                _ if restores && applied.verdict == Verdict::Stale => None,
                _ => {
                    self.engine.read_soon(user);
                    Some(Ok(Ensured::Provisional))
                }
            },
            Err(ApplyError::Store(error)) if error.is_rejection() => {
                tracing::warn!(user.id = %user, %error, "the database refused a provisional row");
                None
            }
            Err(error) => Some(Err(not_applied(user, &error))),
        }
    }
}
