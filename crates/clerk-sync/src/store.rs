//! Where rows live. One door writes them: [`Store::commit`].
//!
//! A store holds no judgement: it reads what stands, lets `plan` decide by the rule, and, if it still stands, writes the
//! plan in one transaction. The public suite in [`conformance`] is the contract, one test for each promise.

use crate::{
    mapping::{Mapping, Row},
    observation::Observation,
    rule::{Change, Standing, Verdict, Version},
    user_id::UserId,
};
use async_trait::async_trait;
use std::{fmt, sync::Arc};

#[cfg(feature = "conformance")]
pub mod conformance;
mod coordination;
mod dead_letter;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod dialect;
mod error;
mod examination;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod fills;
mod findings;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod fit;
mod inventory;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod judge;
mod lease_rule;
mod linking;
pub mod memory;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod moments;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod multirow;
#[cfg(feature = "mysql")]
pub mod mysql;
mod open;
mod pending;
#[cfg_attr(
    not(any(feature = "postgres", feature = "mysql", feature = "sqlite")),
    expect(dead_code, reason = "every database uses a part of the plan")
)]
mod plan;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod removal;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod retry;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod schema;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod session;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod shape;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod stored;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod strays;
mod unique;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod written;

pub use coordination::{Coordination, DecideShare, Lease, Notes, Progress, Run, ShareRow};
pub use dead_letter::{DeadLetter, NewDeadLetter};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use error::DENIED;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use error::driver_failure;
pub use error::{StoreError, StoreErrorKind};
pub use examination::{Rights, Server};
pub use findings::{TableFinding, TableProblem};
pub use inventory::{Inventory, Living, Stored};
pub use linking::{Linking, RowsBefore};
pub use open::{OpenError, open};
pub(crate) use pending::LETTER as PENDING_LETTER;
pub use pending::{CarryOut, PendingCount, PendingDeletion, PendingDeletions};
pub use unique::{Holder, UniqueValues};

/// The ledger's entry of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What stands.
    pub standing: Standing,
    /// Clerk's `created_at`, Unix ms; `None` on a tombstone, or if Clerk never said.
    pub created_at: Option<i64>,
}

/// What is known of one user, seen at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// The ledger's entry; `None` if the user was never seen.
    pub entry: Option<Entry>,
    /// Whether the users table has the row. A person may have deleted it, or added it.
    pub row: bool,
}

/// Who was deleted lately, seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletions {
    /// See [`FeedPage::epoch`].
    pub epoch: String,
    /// The newest number given so far.
    pub last_number: i64,
    /// Entries up to this number were looked at; the next look begins here.
    pub through: i64,
    /// Users whose deletion is among them, in order.
    pub users: Vec<UserId>,
}

/// What became of one observation of a committed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// What the rule said when its turn came.
    pub verdict: Verdict,
    /// What stands for this user after the whole batch.
    pub standing: Option<Version>,
    /// The change that the batch made to this user's row, told to the observation that made it.
    pub change: Option<Change>,
    /// Read this user again, see [`crate::rule::Decision::settle_from`].
    pub settle_from: Option<i64>,
    /// What became of the search for a row of before; `None` where there was nothing to search.
    pub linking: Option<Linking>,
    /// The user is gone, and other rows refer to the row: it stays among the deletions that are due until it can go.
    pub row_waits: bool,
}

/// One entry of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its number: 1, 2, 3 ... without a gap, in the order of commits.
    pub number: i64,
    /// Whose row changed.
    pub user: UserId,
    /// What happened to it.
    pub change: Change,
    /// By which way.
    pub flow: String,
    /// The message that brought it, if one did.
    pub message_id: Option<String>,
    /// Clerk's `updated_at` of the version that stands now, Unix ms; `None` when deleted.
    pub updated_at: Option<i64>,
    /// When it looked so by Clerk's clock, Unix ms.
    pub as_of: i64,
    /// When it was written by the database's clock, Unix ms.
    pub written_at: i64,
}

/// The feed from one place on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// Changes when the numbers begin anew, so that a cursor kept elsewhere is noticed to be void.
    pub epoch: String,
    /// The newest number given so far.
    pub last_number: i64,
    /// Entries in order.
    pub entries: Vec<FeedEntry>,
}

/// Which Clerk instance a database mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The instance's id, `ins_...`.
    pub instance_id: String,
    /// Identifies the last secret key that was seen to belong to it; not the key.
    pub key_fingerprint: String,
}

/// Counts for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Users seen in Clerk.
    pub present: i64,
    /// Rows made from session claims.
    pub provisional: i64,
    /// Tombstones.
    pub gone: i64,
    /// Dead letters.
    pub dead_letters: i64,
    /// The newest number of the feed.
    pub last_change: i64,
    /// When an event was last accepted, Unix ms by our clock; to a few seconds.
    pub last_event_at: Option<i64>,
}

/// Figures for a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Dead letters.
    pub dead_letters: i64,
    /// Deletions that wait for their time, see [`PendingDeletions`].
    pub pending_deletions: i64,
    /// See [`Summary::last_event_at`].
    pub last_event_at: Option<i64>,
}

/// How far a database's schema is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaState {
    /// The version found; 0 where our tables are not there.
    pub found: i32,
    /// The version this program works with.
    pub known: i32,
    /// What is wrong with the users table, and what is worth a warning.
    pub users_table: Vec<TableFinding>,
}

impl SchemaState {
    /// Whether rows can be written.
    pub fn is_ready(&self) -> bool {
        self.found == self.known && self.is_users_table_ready()
    }

    /// Whether the users table takes what the mapping says.
    pub fn is_users_table_ready(&self) -> bool {
        !self.users_table.iter().any(|finding| finding.blocks)
    }
}

/// A database that holds the ledger, the users table and the feed.
///
/// Every method that fails leaves nothing half-done. None waits longer than about 15 s.
#[async_trait]
pub trait Store:
    Coordination + Inventory + UniqueValues + PendingDeletions + RowsBefore + Send + Sync + fmt::Debug + 'static
{
    /// The database's name for people: `PostgreSQL`, `MySQL`, `SQLite`, `memory`.
    fn name(&self) -> &'static str;

    /// The mapping whose columns it writes.
    fn mapping(&self) -> &Arc<Mapping>;

    /// How many commits may usefully run at once.
    fn concurrent_commits(&self) -> usize;

    /// Writes a batch in one transaction: ledger, rows and feed. The answers stand in the batch's order.
    ///
    /// A user may appear several times. Deadlocks and serialization failures are retried inside.
    ///
    /// # Errors
    /// [`StoreErrorKind::Rejected`] where the database refuses a row for what it holds; then nothing of the batch
    /// is written, and the caller splits it. Any other kind concerns the whole batch.
    async fn commit(&self, batch: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        self.commit_noting(batch, &Notes::default()).await
    }

    /// The same, with the progress of a run, which is written in the same transaction. Either may be empty.
    ///
    /// # Errors
    /// As [`Store::commit`]; and [`StoreErrorKind::Overtaken`] where the lease that the notes name has gone to another
    /// process.
    async fn commit_noting(&self, batch: &[Observation], notes: &Notes) -> Result<Vec<Applied>, StoreError>;

    /// The ledger's entry of a user, and whether the row itself is there. One look, cheap.
    async fn presence(&self, user: &UserId) -> Result<Presence, StoreError>;

    /// The ledger's entry of a user.
    async fn entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError>;

    /// The user's row, in the mapping's order of columns.
    async fn row(&self, user: &UserId) -> Result<Option<Row>, StoreError>;

    /// Users and their rows, by id, from the first id greater than `after` on; at most `limit`.
    async fn rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError>;

    /// Entries of the feed with a number greater than `after`, at most `limit`.
    async fn changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError>;

    /// The deletions among the next `limit` entries of the feed after `after`. One look, cheap however much else
    /// the feed tells; with a `limit` of 0 it tells the epoch and the last number alone.
    async fn deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError>;

    /// Tells when somebody deletes a user, sooner than asking now and then would. Only a hint: rings may be
    /// missing, late or for nothing. `None` where the database has no such thing.
    fn bell(&self) -> Option<Box<dyn Bell>> {
        None
    }

    /// Keeps an event that cannot be applied; a second one with the same message id replaces the first.
    /// Returns its number.
    async fn bury(&self, letter: &NewDeadLetter) -> Result<i64, StoreError>;

    /// Dead letters with a number greater than `after`, oldest first, at most `limit`.
    async fn dead_letters(&self, after: i64, limit: u32) -> Result<Vec<DeadLetter>, StoreError>;

    /// One dead letter.
    async fn dead_letter(&self, number: i64) -> Result<Option<DeadLetter>, StoreError>;

    /// Forgets a dead letter. False if there was none.
    async fn drop_dead_letter(&self, number: i64) -> Result<bool, StoreError>;

    /// The Clerk instance that this database mirrors, once that is known.
    async fn binding(&self) -> Result<Option<Binding>, StoreError>;

    /// Binds the database, unless it is bound to another instance. Returns the binding that holds afterwards.
    async fn bind(&self, binding: &Binding) -> Result<Binding, StoreError>;

    /// Notes that an event was accepted at `now_ms` (Unix ms, our clock).
    async fn note_event(&self, now_ms: i64) -> Result<(), StoreError>;

    /// Deletes tombstones whose deletion happened before `as_of` (Unix ms), a few thousand at a time; none of a user whose
    /// deletion is pending or was cancelled. Returns how many.
    async fn purge_tombstones(&self, as_of: i64) -> Result<u64, StoreError>;

    /// What a monitor looks at often; cheap.
    async fn gauges(&self) -> Result<Gauges, StoreError>;

    /// Counts for people. Exact, and so not free on large tables.
    async fn summary(&self) -> Result<Summary, StoreError>;

    /// Whether the database answers and how far its schema is.
    async fn schema(&self) -> Result<SchemaState, StoreError>;

    /// The server behind it, as it says itself. Writes nothing.
    async fn server(&self) -> Result<Server, StoreError> {
        Ok(Server { schema: Some(self.name().to_owned()), ..Server::default() })
    }

    /// What the user whom it signs in as may not do. Writes nothing.
    async fn rights(&self) -> Result<Rights, StoreError> {
        Ok(Rights::default())
    }

    /// Brings the schema to the version this program works with, and makes the users table. Returns one line for
    /// each thing done.
    ///
    /// # Errors
    /// [`StoreErrorKind::Schema`] where the schema is newer than this program, or the users table is someone else's.
    async fn migrate(&self) -> Result<Vec<String>, StoreError>;

    /// Holds the mapping against the users table that is there, and answers a store that writes into its columns as they
    /// are: their types, lengths and precisions. `None` where there is nothing to fit. To be called before the first
    /// commit, and again after the table was altered.
    ///
    /// # Errors
    /// [`StoreErrorKind::Schema`], naming everything that is wrong with the table and what to do.
    async fn fitted(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        Ok(None)
    }

    /// What [`Store::migrate`] would run on an empty database, or beside a table that is adopted, as SQL to run by other
    /// means.
    fn migration_sql(&self) -> String;

    /// The same for a database whose schema is `version` already: what is newer. Columns of the users table are not in it.
    fn migration_sql_from(&self, _version: i32) -> String {
        String::new()
    }

    /// Ends every connection.
    async fn close(&self);
}

/// See [`Store::bell`].
#[async_trait]
pub trait Bell: Send + fmt::Debug {
    /// Waits for the next ring, connecting first where that is needed. Ends also when rings may have been missed.
    ///
    /// # Errors
    /// Where the bell cannot be heard now. The caller pauses before it listens again.
    async fn rung(&mut self) -> Result<(), StoreError>;
}

impl Change {
    /// The name in the feed and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// Reads a name from the feed.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Deleted].into_iter().find(|change| change.name() == name)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
/// Where an entry of the feed came from, as the stores write it.
pub(crate) fn provenance(observation: &Observation) -> (crate::observation::Flow, Option<&str>) {
    (observation.flow, observation.message_id.as_deref())
}
