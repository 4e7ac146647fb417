//! What became of the search for rows of before, and what would.

use super::{Pass, PassError, Reconciler, Tally, walk::Walk};
use crate::{
    mapping::MappedUser,
    rule::State,
    store::{Applied, Entry, Linking, StoreError},
    user_id::UserId,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

/// So many users of each kind who got no row of before are told by name.
const MOST_NAMED: usize = 10_000;

/// How many users got their rows of before, and who did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    counts: BTreeMap<Linking, u64>,
    left: BTreeMap<Linking, Vec<UserId>>,
}

impl Links {
    fn note(&mut self, user: &UserId, linking: Linking) {
        *self.counts.entry(linking).or_default() += 1;
        // Who names no row is a newcomer like any other.
        if !matches!(linking, Linking::Linked | Linking::Unnamed) {
            let left = self.left.entry(linking).or_default();
            if left.len() < MOST_NAMED {
                left.push(user.clone());
            }
        }
    }

    /// How many searches ended so.
    pub fn count(&self, linking: Linking) -> u64 {
        self.counts.get(&linking).copied().unwrap_or_default()
    }

    /// Users who named a row of before and did not get it, for this reason; the first 10,000 of them.
    pub fn left(&self, linking: Linking) -> &[UserId] {
        self.left.get(&linking).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The same while it is counted, by several at once.
#[derive(Debug, Default)]
pub(super) struct LinkTally(Mutex<Links>);

impl LinkTally {
    pub(super) fn note(&self, user: &UserId, linking: Linking) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(user, linking);
    }

    pub(super) fn so_far(&self) -> Links {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tally {
    /// Counts what became of a user who was written.
    pub(super) fn note_link(&self, user: &UserId, outcome: &Result<Applied, StoreError>) {
        if let Ok(Applied { linking: Some(linking), .. }) = outcome {
            self.links.note(user, *linking);
        }
    }

    /// Counts a user who was refused for good.
    pub(super) fn note_refusal(&self, user: &UserId, error: &StoreError) {
        if error.is_ambiguous() {
            self.links.note(user, Linking::Ambiguous);
        }
    }
}

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// Users seen in Clerk.
    pub seen: i64,
    /// Those of them that have a row.
    pub present: u64,
    /// Those that were deleted here, and have none.
    pub deleted: u64,
    /// Those that cannot be read.
    pub unreadable: u64,
    /// What would become of the others.
    pub links: Links,
}

impl Reconciler {
    /// Looks at what an import would do. Writes nothing.
    ///
    /// # Errors
    /// See [`PassError`].
    pub async fn foresee_import(&self, pass: &Pass, tally: &Arc<Tally>) -> Result<Foreseen, PassError> {
        self.verify_instance(pass).await?;
        self.ask_count(pass, tally).await?;
        let mut walk = Walk::new(None, None, self.sizes, Arc::clone(tally));
        let (mut present, mut deleted, mut unreadable) = (0, 0, 0);
        while let Some(page) = walk.next(self, pass).await? {
            unreadable += page.unreadable.len() as u64;
            let ids: Vec<UserId> = page.users.iter().map(|user| user.id.clone()).collect();
            let stored = self.store().stored(&ids).await?;
            let stored: HashMap<_, _> =
                stored.into_iter().map(|stored| (stored.user.clone(), stored)).collect();
            let state = |user: &MappedUser| {
                let stored = stored.get(&user.id);
                let is_gone = |entry: &Entry| entry.standing.version.state == State::Gone;
                let is_gone = stored.is_some_and(|it| it.entry.as_ref().is_some_and(is_gone));
                (stored.is_some_and(|stored| stored.row.is_some()), is_gone)
            };
            let mut missing = Vec::new();
            for user in page.users {
                match state(&user) {
                    (true, _) => present += 1,
                    // Only an operator brings them back.
                    (false, true) => deleted += 1,
                    (false, false) => missing.push((user.id, user.link)),
                }
            }
            let foretold = self.store().foretell_links(&missing).await?;
            for ((user, _), linking) in missing.iter().zip(foretold) {
                if let Some(linking) = linking {
                    tally.links.note(user, linking);
                }
            }
        }
        Ok(Foreseen { seen: tally.seen(), present, deleted, unreadable, links: tally.links() })
    }

    /// Rows of the users table that belong to no user.
    ///
    /// # Errors
    /// Where the database cannot say.
    pub async fn rows_of_nobody(&self) -> Result<i64, PassError> {
        Ok(self.store().rows_of_nobody().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_got_no_row_is_named_to_a_limit_and_counted_beyond() {
        let tally = LinkTally::default();
        let user = UserId::try_new("user_1").expect("an id");
        for linking in [Linking::Linked, Linking::Unnamed, Linking::Ambiguous] {
            tally.note(&user, linking);
        }
        for _ in 0..=MOST_NAMED {
            tally.note(&user, Linking::NoRow);
        }
        tally.note(&user, Linking::Taken);
        let links = tally.so_far();
        let named = Linking::ALL.map(|linking| links.left(linking).len());
        assert_eq!(named, [0, 0, MOST_NAMED, 1, 1], "many of one kind hide nobody of another");
        assert_eq!(Linking::ALL.map(|linking| links.count(linking)), [1, 1, MOST_NAMED as u64 + 1, 1, 1]);
    }
}
