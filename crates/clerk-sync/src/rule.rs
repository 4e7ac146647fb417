//! The rule: which observation of a user stands.
//!
//! A total order over observations, so that any history, in any order and with any duplicates, ends in the same
//! state. Pure: no I/O, no clock. Our own clock is never compared with Clerk's, and arrival never counts.

use std::{cmp::Ordering, fmt};

/// How a user looked. Later variants beat earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Made from a session's claims while Clerk could not be reached.
    Provisional,
    /// Seen in Clerk.
    Present,
    /// Deleted in Clerk.
    Gone,
}

/// The first 16 bytes of the SHA-256 of a user's mapped values. All zero for [`State::Gone`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 16]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The place of one observation in the order. Compared field by field, in this order; the larger stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Gone beats present, present beats provisional.
    pub state: State,
    /// Clerk's `updated_at` in Unix ms; the token's `iat` in ms for a provisional row; 0 when gone.
    pub updated_at: i64,
    /// When it looked so, by Clerk's clock, in Unix ms.
    pub as_of: i64,
    /// Makes the order total.
    pub digest: Digest,
}

impl Version {
    /// A deletion seen at `as_of`.
    pub fn gone(as_of: i64) -> Self {
        Self { state: State::Gone, updated_at: 0, as_of, digest: Digest::default() }
    }
}

/// Identifies a mapping. Digests made under different fingerprints cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub i64);

/// What the ledger holds of one user: all that the rule needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The observation that stands.
    pub version: Version,
    /// The mapping its digest was made under.
    pub fingerprint: Fingerprint,
    /// Deletions not later than this are stale: an operator lifted them.
    pub lifted_as_of: Option<i64>,
}

/// What is known of an observation beside its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its place in the order.
    pub version: Version,
    /// The mapping its digest was made under.
    pub fingerprint: Fingerprint,
    /// An operator's word that deletions up to here do not count (`sync --force`).
    pub lifts_as_of: Option<i64>,
    /// Set by the second of two direct reads that agree, a minute apart, on a lower `updated_at` than this one:
    /// a standing observation with exactly this `updated_at` gives way.
    pub resets: Option<i64>,
    /// Read in answer to a tie; if it wins, it asks for no further read.
    pub settles: bool,
    /// The table does not hold what the ledger says: the row is written, or deleted, also where this claim says
    /// nothing new. It changes nothing about which observation stands.
    pub restores: bool,
    /// One of very many that were seen on a walk through everything: not worth a write if only the as-of moves.
    pub quiet: bool,
}

/// Why the standing observation stayed or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The claim stands now.
    Stands,
    /// The same content seen later: only the as-of moves.
    Refreshed,
    /// Nothing new.
    Duplicate,
    /// The standing observation is larger.
    Stale,
}

/// The answer of [`decide`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What stands afterwards; `None` while nothing has been seen that counts.
    pub standing: Option<Standing>,
    /// What became of the claim.
    pub verdict: Verdict,
    /// Ask Clerk again, with a request sent from now on, and take the answer's as-of for at least this.
    pub settle_from: Option<i64>,
}

/// Decides between what stands and one more observation.
///
/// Commutative, associative and idempotent over claims made under one fingerprint, but for `resets`, which is an
/// operator-like correction of a version that was never true.
pub fn decide(standing: Option<Standing>, claim: &Claim) -> Decision {
    let lifted_as_of = standing.and_then(|s| s.lifted_as_of).max(claim.lifts_as_of);
    let before = standing;
    let is_lifted = |version: &Version| {
        version.state == State::Gone && lifted_as_of.is_some_and(|lifted| version.as_of <= lifted)
    };
    let keep = |verdict, settle_from| {
        let standing = before.map(|s| Standing { lifted_as_of, ..s });
        Decision { standing, verdict, settle_from }
    };
    if is_lifted(&claim.version) {
        return keep(Verdict::Stale, None);
    }
    let stands = |verdict, settle_from| Decision {
        standing: Some(Standing { version: claim.version, fingerprint: claim.fingerprint, lifted_as_of }),
        verdict,
        settle_from,
    };
    let Some(standing) = standing else { return stands(Verdict::Stands, None) };
    if is_lifted(&standing.version) {
        // What arrived between the deletion and its lifting was turned away; one more read brings it back.
        let later = standing.version.as_of.max(claim.version.as_of) + 1;
        return stands(Verdict::Stands, Some(later));
    }
    let (old, new) = (standing.version, claim.version);
    if new.state == State::Present && old.state == State::Present && claim.resets == Some(old.updated_at) {
        return stands(Verdict::Stands, None);
    }
    match (new.state, new.updated_at).cmp(&(old.state, old.updated_at)) {
        Ordering::Greater => return stands(Verdict::Stands, None),
        Ordering::Less => return keep(Verdict::Stale, None),
        Ordering::Equal => {}
    }
    if claim.fingerprint != standing.fingerprint {
        let newer = new.as_of >= old.as_of;
        return if newer { stands(Verdict::Stands, None) } else { keep(Verdict::Stale, None) };
    }
    if new.digest == old.digest {
        let newer = new.as_of > old.as_of;
        return if newer { stands(Verdict::Refreshed, None) } else { keep(Verdict::Duplicate, None) };
    }
    // A tie: Clerk says two things of one `updated_at`. One stands at once, and Clerk is asked which.
    // An answer that loses was overtaken: what stands was seen again, later than the tie, while Clerk was asked.
    let wins = new.cmp(&old) == Ordering::Greater;
    let asks = new.state == State::Present && !(claim.settles && wins);
    let settle_from = asks.then(|| new.as_of.max(old.as_of) + 1);
    if wins { stands(Verdict::Stands, settle_from) } else { keep(Verdict::Stale, settle_from) }
}

/// What a reader of the table sees happen between two standings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A row is there that was not, or was only provisional.
    Created,
    /// Mapped values changed.
    Updated,
    /// The row is gone.
    Deleted,
}

/// What must be written to get from `before` to `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// The ledger's entry differs.
    pub ledger: bool,
    /// The user's row differs: write the values, or delete it if gone.
    pub row: bool,
    /// The entry of the feed, if this is a change for its readers.
    pub change: Option<Change>,
}

/// Compares two standings of one user.
pub fn effect(before: Option<&Standing>, after: &Standing) -> Effect {
    let Some(before) = before else {
        // Nothing was there, so a deletion changes nothing that a reader could have seen; yet the row may stand
        // in a table older than the ledger.
        let change = (after.version.state == State::Present).then_some(Change::Created);
        return Effect { ledger: true, row: true, change };
    };
    let same_content = before.version.state == after.version.state
        && before.version.digest == after.version.digest
        && before.fingerprint == after.fingerprint;
    let change = match (before.version.state, after.version.state) {
        _ if same_content => None,
        (State::Gone, State::Gone) | (_, State::Provisional) => None,
        (_, State::Gone) => Some(Change::Deleted),
        (State::Present, State::Present) => Some(Change::Updated),
        (State::Provisional | State::Gone, State::Present) => Some(Change::Created),
    };
    Effect { ledger: before != after, row: !same_content, change }
}

#[cfg(test)]
mod tests;
