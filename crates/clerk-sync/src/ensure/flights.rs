//! One cold call of a user at a time, shared by everyone who asks meanwhile.

use super::{EnsureError, Ensured};
use crate::user_id::UserId;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};
use tokio::sync::watch;

/// Cold calls at once; beyond it callers are turned away.
const MOST: usize = 4_096;

/// What a cold call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The row must be there.
    Ensure,
    /// The row must be there and as Clerk says.
    Visit,
}

/// What a cold call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The database.
    Database = 0,
    /// Clerk; the ledger has a real row, so no claims can stand in for the answer.
    Clerk = 1,
    /// Clerk; claims may stand in for the answer.
    ClerkOrClaims = 2,
    /// The same, and a provisional row that the ledger knows of is missing.
    ClerkOrClaimsAgain = 3,
}

pub(super) type Outcome = Result<Ensured, EnsureError>;

/// A cold call that others may wait for.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    purpose: Purpose,
    phase: Arc<AtomicU8>,
    landed: watch::Receiver<Option<Outcome>>,
}

impl Flight {
    /// What it leads to. A call that was lost with its task reads as the engine's end.
    pub(super) async fn landed(&mut self) -> Outcome {
        let landed = self.landed.wait_for(Option::is_some).await.ok();
        landed.and_then(|outcome| outcome.clone()).unwrap_or(Err(EnsureError::Closed))
    }

    /// What it waits for now, or did in the end.
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            1 => Phase::Clerk,
            2 => Phase::ClerkOrClaims,
            3 => Phase::ClerkOrClaimsAgain,
            _ => Phase::Database,
        }
    }
}

/// All cold calls that are under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    by_user: Mutex<HashMap<UserId, Flight>>,
}

/// How a caller gets its answer.
#[derive(Debug)]
pub(super) enum Boarding {
    /// By a call that is under way already.
    Aboard(Flight),
    /// By a call of its own, once this one is over, which does less than what is asked for.
    Behind(Flight),
    /// By a call of its own, which it must make now.
    Own(Flight, Takeoff),
}

impl Flights {
    /// Joins the call that is under way for `user`, or begins one.
    ///
    /// # Errors
    /// [`EnsureError::Overloaded`] where too many are under way.
    pub(super) fn board(self: &Arc<Self>, user: &UserId, purpose: Purpose) -> Result<Boarding, EnsureError> {
        let mut by_user = self.lock();
        if let Some(flight) = by_user.get(user) {
            let enough = flight.purpose == Purpose::Visit || purpose == Purpose::Ensure;
            let flight = flight.clone();
            return Ok(if enough { Boarding::Aboard(flight) } else { Boarding::Behind(flight) });
        }
        if by_user.len() >= MOST {
            return Err(EnsureError::Overloaded);
        }
        let (land, landed) = watch::channel(None);
        let flight = Flight { purpose, phase: Arc::default(), landed };
        by_user.insert(user.clone(), flight.clone());
        let phase = Arc::clone(&flight.phase);
        Ok(Boarding::Own(flight, Takeoff { flights: Arc::clone(self), user: user.clone(), phase, land }))
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Flight>> {
        self.by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The maker's side of a call. Dropped without landing, it lets everyone go who waits for it.
#[derive(Debug)]
pub(super) struct Takeoff {
    flights: Arc<Flights>,
    user: UserId,
    phase: Arc<AtomicU8>,
    land: watch::Sender<Option<Outcome>>,
}

impl Takeoff {
    /// Says what the call waits for from now on.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// Answers everyone who waits. Whoever comes later begins anew.
    pub(super) fn land(self, outcome: Outcome) {
        self.flights.lock().remove(&self.user);
        self.land.send_replace(Some(outcome));
    }
}

impl Drop for Takeoff {
    fn drop(&mut self) {
        let mut by_user = self.flights.lock();
        // Landed, and another call of this user is under way by now: that one stays.
        if by_user.get(&self.user).is_some_and(|flight| self.land.subscribe().same_channel(&flight.landed)) {
            by_user.remove(&self.user);
        }
    }
}
