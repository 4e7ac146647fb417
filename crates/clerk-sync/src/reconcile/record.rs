//! What is kept of the passes between two of them, and between two processes.

use super::{PassError, finding::SETTLED_MS};
use crate::store::{Progress, Run, Store};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How far below the last pass's `Date` a catch-up looks again: Clerk's lists may lag behind.
pub(super) const LAG_MS: i64 = 5 * 60 * 1_000;

/// From where on a catch-up must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The newest `updated_at` of page 1 of the last completed pass, Unix ms by Clerk's clock.
    pub watermark: i64,
    /// That page's `Date`, Unix ms.
    pub date: i64,
}

impl Floor {
    /// The moment that a catch-up must reach, Unix ms: what changed at it or later is looked at again.
    pub fn ms(self) -> i64 {
        self.below(LAG_MS)
    }

    /// The same, if lists lag behind by at most `lag_ms`.
    pub(super) fn below(self, lag_ms: i64) -> i64 {
        self.watermark.min(self.date.saturating_sub(lag_ms))
    }
}

/// The import's head: part 0 of its progress. The windows are the parts behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRecord {
    /// When the last one began, Unix ms by our clock.
    pub started_at: i64,
    /// When it ended; `None` while it runs, or waits to go on.
    pub completed_at: Option<i64>,
    /// When one ended for the first time.
    pub first_completed_at: Option<i64>,
    /// What a catch-up begins with once it is completed.
    pub floor: Option<Floor>,
    /// Clerk's count when it began.
    pub expected: i64,
    /// Users it saw.
    pub seen: i64,
    /// Clerk's count less ours when it ended.
    pub difference: Option<i64>,
    /// The mapping by which it wrote, as the mapping's fingerprint names it; `None` in records of earlier versions.
    pub fingerprint: Option<i64>,
}

/// The catch-up's only part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUpRecord {
    /// From where on the next one looks; `None` before an import has completed.
    pub floor: Option<Floor>,
    /// When the last one ended, Unix ms by our clock.
    pub completed_at: Option<i64>,
    /// Rows that it wrote.
    pub written: u64,
    /// More had changed than a catch-up reads: the next thing to do is an import.
    pub needs_import: bool,
}

/// What is kept of scrubs: part 0. A scrub on its way is part 1, its suspects are the parts behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubRecord {
    /// When the last one ended, Unix ms by our clock.
    pub completed_at: Option<i64>,
    /// When the last one ended that could not be relied on.
    pub incomplete_at: Option<i64>,
    /// When the import had ended that was the last one when it began: which one that is, for the clocks of two processes
    /// cannot be compared.
    pub since_import: Option<i64>,
    /// The mapping that it compared by, as the mapping's fingerprint names it; `None` in records of earlier versions.
    pub fingerprint: Option<i64>,
    /// Users it saw in Clerk.
    pub seen: i64,
    /// Rows that it repaired.
    pub repaired: u64,
    /// Users whose deletion it found.
    pub deleted: u64,
    /// Users who are missing in Clerk, whom it did not delete because there are too many of them.
    pub held: u64,
    /// Users who are alive in Clerk and deleted here.
    pub alive: u64,
    /// Missing users of whom Clerk could not be asked beyond doubt yet.
    pub unconfirmed: u64,
    /// Clerk's count less ours when it ended, once that has proved to be what a scrub cannot mend; until then what it
    /// must be by what the scrub saw. Another distance brings the next one forward.
    pub distance: i64,
    /// Clerk's count less ours when it ended, those counted out who are not confirmed yet.
    pub measured: i64,
    /// Since when it has been that at the end of every scrub, Unix ms by Clerk's clock.
    pub measured_at: Option<i64>,
    /// The deletions found lately: when, Unix ms by our clock, and how many.
    pub deletions: Vec<(i64, u64)>,
}

impl ScrubRecord {
    /// What a scrub leaves that has `measured` a distance and can explain one of `known`, as of `date_ms` (Clerk's).
    ///
    /// What it cannot explain may have happened behind its back, or Clerk's lists and its count lag behind. So the known
    /// distance is left, and another one brings the next scrub forward, until it has lasted for longer than lists lag.
    pub(super) fn left(&mut self, measured: i64, known: i64, date_ms: i64) -> i64 {
        let since = self.measured_at.filter(|since| self.measured == measured && *since <= date_ms);
        let since = since.unwrap_or(date_ms);
        (self.measured, self.measured_at) = (measured, Some(since));
        if date_ms - since > SETTLED_MS { measured } else { known }
    }
}

impl ScrubRecord {
    /// Corrects what was counted in advance to what was really deleted, or may still be.
    pub(super) fn correct(&mut self, counted_at: Option<i64>, deletions: u64) {
        if let Some((_, counted)) = self.deletions.iter_mut().find(|(at, _)| Some(*at) == counted_at) {
            *counted = deletions;
        }
    }
}

/// What is known of all passes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// The last import.
    pub import: ImportRecord,
    /// The last catch-up.
    pub catch_up: CatchUpRecord,
    /// The last scrub.
    pub scrub: ScrubRecord,
    /// Whether a scrub is on its way.
    pub scrubbing: bool,
}

impl Overview {
    /// Reads it all.
    ///
    /// # Errors
    /// Where the database cannot say.
    pub async fn read(store: &dyn Store) -> Result<Self, PassError> {
        let import = store.progress(Run::Import).await?;
        let catch_up = store.progress(Run::CatchUp).await?;
        let scrub = store.progress(Run::Scrub).await?;
        Ok(Self {
            import: part(&import, 0)?.unwrap_or_default(),
            catch_up: part(&catch_up, 0)?.unwrap_or_default(),
            scrub: part(&scrub, 0)?.unwrap_or_default(),
            scrubbing: scrub.iter().any(|progress| progress.part == 1),
        })
    }

    /// Whether an import has ever completed: without one nothing is compared.
    pub fn is_imported(&self) -> bool {
        self.import.first_completed_at.is_some()
    }
}

/// Reads one part.
pub(super) fn part<T: DeserializeOwned>(progress: &[Progress], part: i32) -> Result<Option<T>, PassError> {
    let found = progress.iter().find(|progress| progress.part == part);
    found.map(|progress| read(progress)).transpose()
}

pub(super) fn read<T: DeserializeOwned>(progress: &Progress) -> Result<T, PassError> {
    serde_json::from_str(&progress.state).map_err(|_| PassError::Progress(progress.run))
}

/// Writes one part.
pub(super) fn note<T: Serialize>(run: Run, part: i32, state: &T) -> Result<Progress, PassError> {
    let state = serde_json::to_string(state).map_err(|_| PassError::Progress(run))?;
    Ok(Progress { run, part, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_that_nothing_explains_is_believed_when_it_lasts() {
        let mut record = ScrubRecord::default();
        assert_eq!(record.left(-1, 0, 1_000), 0);
        assert_eq!(record.left(-1, 0, 1_000 + SETTLED_MS), 0);
        assert_eq!(record.left(-1, 0, 1_001 + SETTLED_MS), -1);
        assert_eq!(record.left(-2, 0, 2_000 + SETTLED_MS), 0, "another one");
        assert_eq!(record.left(-2, -2, 3_000 + SETTLED_MS), -2, "explained");
        assert_eq!(record.left(-2, 0, 0), 0, "a date that went back");
    }

    #[test]
    fn a_catch_up_looks_below_the_older_of_its_two_marks() {
        let floor = Floor { watermark: 1_000_000, date: 2_000_000 };
        assert_eq!(floor.ms(), 1_000_000, "nothing changed lately");
        let floor = Floor { watermark: 1_999_000, date: 2_000_000 };
        assert_eq!(floor.ms(), 1_700_000, "five minutes are looked at again");
        let floor = Floor { watermark: 9_000_000, date: 2_000_000 };
        assert_eq!(floor.ms(), 1_700_000, "a date of the future moves nothing");
    }
}
