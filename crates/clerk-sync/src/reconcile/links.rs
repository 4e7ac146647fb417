//! What became of the search for rows of before, and what would.

use super::{Pass, PassError, Reconciler, Tally, walk::Walk};
use crate::{store::Linking, user_id::UserId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// So many users who got no row of before are told by name.
const MOST_NAMED: usize = 10_000;

/// How many users got their rows of before, and who did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    counts: BTreeMap<Linking, u64>,
    left: Vec<(UserId, Linking)>,
}

impl Links {
    fn note(&mut self, user: &UserId, linking: Linking) {
        *self.counts.entry(linking).or_default() += 1;
        // Who names no row is a newcomer like any other.
        let is_told = !matches!(linking, Linking::Linked | Linking::Unnamed);
        if is_told && self.left.len() < MOST_NAMED {
            self.left.push((user.clone(), linking));
        }
    }

    /// How many searches ended so.
    pub fn count(&self, linking: Linking) -> u64 {
        self.counts.get(&linking).copied().unwrap_or_default()
    }

    /// Users who named a row of before and did not get it; the first 10,000 of them.
    pub fn left(&self) -> &[(UserId, Linking)] {
        &self.left
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

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// Users seen in Clerk.
    pub seen: i64,
    /// Those of them that have a row.
    pub present: u64,
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
        let (mut present, mut unreadable) = (0, 0);
        while let Some(page) = walk.next(self, pass).await? {
            unreadable += page.unreadable.len() as u64;
            let ids: Vec<UserId> = page.users.iter().map(|user| user.id.clone()).collect();
            let stored = self.store().stored(&ids).await?;
            let has_row =
                |id: &UserId| stored.iter().any(|stored| stored.user == *id && stored.row.is_some());
            let (there, missing): (Vec<_>, Vec<_>) =
                page.users.into_iter().partition(|user| has_row(&user.id));
            present += there.len() as u64;
            let missing: Vec<_> = missing.into_iter().map(|user| (user.id, user.link)).collect();
            let foretold = self.store().foretell_links(&missing).await?;
            for ((user, _), linking) in missing.iter().zip(foretold) {
                if let Some(linking) = linking {
                    tally.links.note(user, linking);
                }
            }
        }
        Ok(Foreseen { seen: tally.seen(), present, unreadable, links: tally.links() })
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
        assert_eq!(tally.so_far().left(), [(user.clone(), Linking::Ambiguous)]);
        for _ in 0..MOST_NAMED {
            tally.note(&user, Linking::NoRow);
        }
        let links = tally.so_far();
        assert_eq!(links.left().len(), MOST_NAMED);
        assert_eq!(Linking::ALL.map(|linking| links.count(linking)), [1, 1, MOST_NAMED as u64, 0, 1]);
    }
}
