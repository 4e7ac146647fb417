//! What processes on one database tell each other: who reconciles, and how far it has come.

use super::StoreError;
use async_trait::async_trait;
use std::{collections::BTreeMap, fmt, time::Duration};

/// The lease: whoever holds it reconciles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub holder: String,
    /// Grows whenever another process takes the lease over: the fencing token.
    pub token: i64,
    /// How long it still lasts by the database's clock, unless it is renewed; zero if it has run out.
    pub expires_in: Duration,
    /// Another process that asks its holder to let go, because a person waits.
    pub wanted_by: Option<String>,
}

/// A pass whose progress is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Run {
    /// Every user there is, once.
    Import,
    /// What changed lately.
    CatchUp,
    /// Everything, compared.
    Scrub,
}

impl Run {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Import, Self::CatchUp, Self::Scrub];

    /// The name in tables, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::CatchUp => "catch_up",
            Self::Scrub => "scrub",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|run| run.name() == name)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A part of a run's progress, as whoever runs it writes and reads it. The store does not look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Of which run.
    pub run: Run,
    /// Which part of it, from 0.
    pub part: i32,
    /// JSON.
    pub state: String,
}

/// Progress to be written in the same transaction as what it tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// A run whose parts are all removed first.
    pub clears: Option<Run>,
    /// Parts to write, each of them whole.
    pub parts: Vec<Progress>,
    /// The token of the lease under which this is done. If another process has taken the lease since, nothing is
    /// written.
    pub token: Option<i64>,
}

impl Notes {
    /// Whether there is nothing to write and nothing to check.
    pub fn is_empty(&self) -> bool {
        self.clears.is_none() && self.parts.is_empty() && self.token.is_none()
    }

    /// The parts to write in the one order in which every store writes them; of two for the same part, the last.
    pub(super) fn ordered_parts(&self) -> Vec<&Progress> {
        let parts: BTreeMap<(Run, i32), &Progress> =
            self.parts.iter().map(|part| ((part.run, part.part), part)).collect();
        parts.into_values().collect()
    }
}

/// What one process has said about its share of the request budget, and was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// Names one run of one process; at most 255 bytes, and not empty.
    pub process: String,
    /// Calls in ten seconds that it has use for.
    pub wanted: u32,
    /// Calls in any ten seconds that it may make.
    pub grant: u32,
    /// Places that are kept for it.
    pub reserve: u32,
    /// When they are no longer kept, Unix ms by the database's clock.
    pub reserve_until_ms: i64,
    /// From when on it gets no share, unless it claims again; Unix ms by the database's clock.
    pub expires_at_ms: i64,
}

/// Decides one process's share from the rows of all and the database's time, Unix ms.
pub type DecideShare<'a> = dyn Fn(&[ShareRow], i64) -> ShareRow + Send + Sync + 'a;

/// For this long after it has run out, a share is kept, ms.
pub(super) const SHARE_KEPT_MS: i64 = 60_000;

/// The part of a store that coordinates processes. Times are the database's.
#[async_trait]
pub trait Coordination {
    /// Takes the lease for `ttl`, or renews it; a holder who renews in time keeps its token. Answers with the lease as
    /// it stands then, whoever holds it. `holder`: at most 255 bytes, and another for every process.
    ///
    /// `insists`: a person waits. Where another process holds the lease, the wish is left with it for `ttl`; while it
    /// stands, only the one who wished can take a lease that is free.
    async fn take_lease(&self, holder: &str, ttl: Duration, insists: bool) -> Result<Lease, StoreError>;

    /// Lets the lease go, if `holder` has it, and takes back its wish. The next process can take it at once.
    async fn release_lease(&self, holder: &str) -> Result<(), StoreError>;

    /// The lease as it stands; `None` if it was never taken.
    async fn lease(&self) -> Result<Option<Lease>, StoreError>;

    /// What is known of a run, in the order of parts.
    async fn progress(&self, run: Run) -> Result<Vec<Progress>, StoreError>;

    /// Writes the share that `decide` answers with, and returns it. `decide` is given every row that is there, in any
    /// order, and the database's time in Unix ms. Processes decide one after the other, each seeing what the ones
    /// before it wrote. Rows that have run out, the reserve too, more than a minute ago are removed.
    ///
    /// `decide` may be called several times, where the database makes us begin again; only its last answer counts.
    async fn decide_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError>;
}
