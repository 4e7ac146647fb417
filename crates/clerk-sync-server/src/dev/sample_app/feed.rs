//! The feed of changes, followed from where it was left.

use std::collections::HashMap;

use clerk_sync::rule::Change;
use clerk_sync::store::{FeedEntry, Store, StoreError};

/// How far back the page looks when it is first opened.
const LOOK_BACK: i64 = 5_000;
const PAGE: u32 = 500;
/// More rows than this are forgotten at once; they then show no time.
const MAX_WRITES: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Feed {
    place: Option<Place>,
    writes: HashMap<String, Writes>,
}

#[derive(Debug)]
struct Place {
    epoch: String,
    number: i64,
}

/// What is known of the writes of one row.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    /// The one that made the row, unless it is too long ago.
    pub(super) made: Option<Write>,
    pub(super) last: Write,
}

/// One write of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) flow: String,
    pub(super) took_ms: i64,
}

impl Write {
    /// How long it took from Clerk's change to the commit. In `dev` both are this machine's clock.
    fn of(entry: &FeedEntry) -> Self {
        let since = match entry.change {
            Change::Deleted => entry.as_of,
            _ => entry.updated_at.unwrap_or(entry.as_of),
        };
        Self { flow: entry.flow.clone(), took_ms: entry.written_at - since }
    }
}

impl Feed {
    /// The next entries, in order; none at the end. Whoever stops waiting misses none.
    pub(super) async fn next(&mut self, store: &dyn Store) -> Result<Vec<(FeedEntry, Write)>, StoreError> {
        let (number, epoch) = match &self.place {
            Some(place) => (place.number, Some(place.epoch.as_str())),
            None => ((store.changes(i64::MAX - 1, 1).await?.last_number - LOOK_BACK).max(0), None),
        };
        let page = store.changes(number, PAGE).await?;
        if epoch.is_some_and(|epoch| epoch != page.epoch) {
            // Another database, or an older copy of this one: begin anew at the next look.
            *self = Self::default();
            return Ok(Vec::new());
        }
        let number = page.entries.last().map_or(number, |entry| entry.number);
        self.place = Some(Place { epoch: page.epoch, number });
        Ok(page.entries.into_iter().map(|entry| self.note(entry)).collect())
    }

    fn note(&mut self, entry: FeedEntry) -> (FeedEntry, Write) {
        let write = Write::of(&entry);
        if self.writes.len() >= MAX_WRITES {
            self.writes.clear();
        }
        let id = entry.user.as_str();
        let before = self.writes.remove(id);
        let made = match entry.change {
            Change::Deleted => None,
            Change::Created => Some(Some(write.clone())),
            Change::Updated => Some(before.and_then(|writes| writes.made)),
        };
        if let Some(made) = made {
            self.writes.insert(id.to_owned(), Writes { made, last: write.clone() });
        }
        (entry, write)
    }

    /// The writes of a user's row.
    pub(super) fn writes(&self, id: &str) -> Option<&Writes> {
        self.writes.get(id)
    }
}
