//! Users whose row was seen, remembered within bounds and asked without a lock.
//!
//! Two generations: new users go into the young one; when it is half of what may be remembered, it becomes the old one
//! and the old one is emptied. Whoever is asked for while old becomes young again.
//!
//! A deletion wins against a row that was read before it, however late that is remembered: it counts itself first and
//! removes the user then, while whoever remembers a user looks at the count before the row is read and once more after
//! the user is in. Either the count has moved, or the removal comes later.

use crate::user_id::UserId;
use papaya::HashSet;
use std::sync::{
    Mutex, TryLockError,
    atomic::{AtomicU64, AtomicUsize, Ordering, fence},
};

/// Counters of deletions: each counts for a share of the users, so that many deletions hinder few others.
const STRIPES: usize = 64;

/// The count of deletions before a row was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    generations: [HashSet<UserId>; 2],
    young: AtomicUsize,
    /// Users in one generation.
    room: usize,
    deletions: [AtomicU64; STRIPES],
    /// Held by whoever empties a generation.
    turning: Mutex<()>,
}

impl Known {
    /// Remembers at most `most` users, but for a few that come at the same moment.
    pub(super) fn new(most: usize) -> Self {
        Self {
            generations: [HashSet::new(), HashSet::new()],
            young: AtomicUsize::new(0),
            room: most.div_ceil(2).max(1),
            deletions: std::array::from_fn(|_| AtomicU64::new(0)),
            turning: Mutex::new(()),
        }
    }

    /// Whether the user is remembered.
    pub(super) fn contains(&self, user: &str) -> bool {
        let (young, old) = self.generations();
        if young.pin().contains(user) {
            return true;
        }
        // Before the look, for becoming young again is remembering anew.
        let ticket = self.ticket(user);
        let Some(user) = old.pin().get(user).cloned() else { return false };
        young.len() >= self.room || self.put(user, ticket)
    }

    /// To be taken before a row is read that shall be remembered.
    pub(super) fn ticket(&self, user: &str) -> Ticket {
        Ticket(self.stripe(user).load(Ordering::SeqCst))
    }

    /// Remembers a user, unless it may have been deleted since `ticket`. Tells whether it is remembered.
    pub(super) fn insert(&self, user: &UserId, ticket: Ticket) -> bool {
        if self.generations().0.len() >= self.room {
            self.turn();
        }
        self.put(user.clone(), ticket)
    }

    /// Forgets a user, and whatever is about to be remembered of it.
    pub(super) fn remove(&self, user: &str) {
        self.stripe(user).fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        for generation in &self.generations {
            generation.pin().remove(user);
        }
    }

    /// Forgets everyone, and whoever is about to be remembered.
    pub(super) fn clear(&self) {
        for stripe in &self.deletions {
            stripe.fetch_add(1, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
        for generation in &self.generations {
            generation.pin().clear();
        }
    }

    /// How many are remembered; one that became young again counts twice.
    pub(super) fn len(&self) -> usize {
        self.generations.iter().map(HashSet::len).sum()
    }

    fn put(&self, user: UserId, ticket: Ticket) -> bool {
        let (young, _) = self.generations();
        let young = young.pin();
        young.insert(user.clone());
        // Beside the fence of a removal: one of the two sees what the other has done, on every processor.
        fence(Ordering::SeqCst);
        let stands = self.ticket(user.as_str()) == ticket;
        if !stands {
            young.remove(user.as_str());
        }
        stands
    }

    fn turn(&self) {
        let turning = match self.turning.try_lock() {
            Ok(turning) => turning,
            Err(TryLockError::Poisoned(turning)) => turning.into_inner(),
            // Somebody else is at it.
            Err(TryLockError::WouldBlock) => return,
        };
        let (young, old) = self.generations();
        if young.len() >= self.room {
            old.pin().clear();
            self.young.fetch_xor(1, Ordering::SeqCst);
        }
        drop(turning);
    }

    /// The young one and the old one.
    fn generations(&self) -> (&HashSet<UserId>, &HashSet<UserId>) {
        let [first, second] = &self.generations;
        if self.young.load(Ordering::SeqCst) == 0 { (first, second) } else { (second, first) }
    }

    /// The counter that this user's deletion moves.
    fn stripe(&self, user: &str) -> &AtomicU64 {
        let sum =
            user.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        &self.deletions[sum % STRIPES]
    }
}

#[cfg(test)]
mod tests;
