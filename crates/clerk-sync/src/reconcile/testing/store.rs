//! A store as one process sees it: with troubles, and gone when the process is killed.

use super::{dice::Dice, life::Life};
use crate::{
    mapping::{Mapping, Row},
    observation::Observation,
    store::{
        Applied, Binding, CarryOut, Coordination, DeadLetter, DecideShare, Deletions, Entry, FeedPage,
        Gauges, Holder, Inventory, Lease, Living, NewDeadLetter, Notes, PendingCount, PendingDeletion,
        PendingDeletions, Presence, Progress, RowsBefore, Run, SchemaState, ShareRow, Store, StoreError,
        StoreErrorKind, Stored, Summary, UniqueValues,
    },
    user_id::UserId,
};
use async_trait::async_trait;
use clerk_auth::clock::Clock;
use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, mpsc},
    time::Duration,
};

/// How often what goes wrong, in thousandths of calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outages {
    pub(crate) down: bool,
    /// Nothing is done.
    pub(crate) fails: u64,
    /// It is done, and nobody hears of it.
    pub(crate) loses_answers: u64,
    /// It takes so long, ms at most.
    pub(crate) slow_ms: i64,
}

/// In which moment of its next commit a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    Before,
    /// Between the progress and what it tells of, where a planted bug writes them apart.
    Within,
    After,
}

/// What all processes on one database share.
#[derive(Debug)]
pub(crate) struct Database {
    inner: Arc<dyn Store>,
    /// Where leases and shares are: in memory, for a real database's clock is not the simulated one.
    desk: Arc<dyn Store>,
    state: Mutex<(Dice, Outages)>,
    /// A planted bug: progress is written before what it tells of, and not together with it.
    splits: bool,
}

impl Database {
    /// `desk`: a store in memory; `inner` itself, or beside a real one.
    pub(crate) fn new(inner: Arc<dyn Store>, desk: Arc<dyn Store>, splits: bool, seed: u64) -> Arc<Self> {
        let state = Mutex::new((Dice::new(seed), Outages::default()));
        Arc::new(Self { inner, desk, state, splits })
    }

    /// A real one works in threads of its own, and simulated time must not run on while it does.
    fn is_real(&self) -> bool {
        !Arc::ptr_eq(&self.inner, &self.desk)
    }

    /// The database itself, for one call.
    pub(crate) fn store(&self) -> Reached<'_> {
        Reached { store: &self.inner, _awake: self.is_real().then(awake) }
    }

    pub(crate) fn trouble(&self, outages: Outages) {
        self.state().1 = outages;
    }

    fn state(&self) -> MutexGuard<'_, (Dice, Outages)> {
        self.state.lock().expect("no test panics inside")
    }

    /// What goes wrong with a call: whether it fails before, whether it fails after, how long it takes.
    fn fate(&self) -> (bool, bool, Duration) {
        let (dice, outages) = &mut *self.state();
        let fails = outages.down || dice.chance(outages.fails);
        let loses = !fails && dice.chance(outages.loses_answers);
        let slow = if dice.chance(20) { dice.between(0, outages.slow_ms) } else { 0 };
        (fails, loses, Duration::from_millis(slow.unsigned_abs()))
    }
}

/// A store, for the length of one call.
pub(crate) struct Reached<'a> {
    store: &'a Arc<dyn Store>,
    _awake: Option<mpsc::Sender<()>>,
}

impl Deref for Reached<'_> {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        self.store.as_ref()
    }
}

/// Paused time stands still until this is dropped: the runtime does not move it while a blocking task runs.
pub(crate) fn awake() -> mpsc::Sender<()> {
    let (here, there) = mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || there.recv());
    here
}

/// See the module.
#[derive(Debug)]
pub(crate) struct TroubledStore {
    database: Arc<Database>,
    life: Arc<Life>,
    death: Mutex<Option<Death>>,
}

impl TroubledStore {
    pub(crate) fn new(database: Arc<Database>, life: Arc<Life>) -> Arc<Self> {
        Arc::new(Self { database, life, death: Mutex::default() })
    }

    /// Its process dies in its next commit.
    pub(crate) fn die_in_commit(&self, death: Death) {
        *self.death.lock().expect("no test panics inside") = Some(death);
    }

    /// It does not, after all.
    pub(crate) fn spare(&self) {
        *self.death.lock().expect("no test panics inside") = None;
    }

    async fn dies(&self, now: Death) {
        if *self.death.lock().expect("no test panics inside") == Some(now) {
            self.life.kill();
        }
        self.life.goes_on().await;
    }

    async fn reach(&self) -> Result<Reached<'_>, StoreError> {
        self.life.goes_on().await;
        let (fails, _, slow) = self.database.fate();
        if !slow.is_zero() {
            self.life.sleep(slow).await;
        }
        if fails { Err(away()) } else { Ok(self.database.store()) }
    }
}

fn away() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "testing", "")
}

#[async_trait]
impl Store for TroubledStore {
    fn name(&self) -> &'static str {
        "troubled"
    }

    fn mapping(&self) -> &Arc<Mapping> {
        self.database.inner.mapping()
    }

    fn concurrent_commits(&self) -> usize {
        2
    }

    async fn commit_noting(&self, batch: &[Observation], notes: &Notes) -> Result<Vec<Applied>, StoreError> {
        self.life.goes_on().await;
        let (fails, loses, slow) = self.database.fate();
        if !slow.is_zero() {
            self.life.sleep(slow).await;
        }
        self.dies(Death::Before).await;
        if fails {
            return Err(away());
        }
        let inner = self.database.store();
        let fenced = if self.database.is_real() { None } else { notes.token };
        let notes = &Notes { token: fenced, ..notes.clone() };
        let applied = if self.database.splits {
            inner.commit_noting(&[], notes).await?;
            self.dies(Death::Within).await;
            inner.commit(batch).await?
        } else {
            inner.commit_noting(batch, notes).await?
        };
        self.dies(Death::Within).await;
        self.dies(Death::After).await;
        if loses { Err(away()) } else { Ok(applied) }
    }

    async fn presence(&self, user: &UserId) -> Result<Presence, StoreError> {
        self.reach().await?.presence(user).await
    }

    async fn entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError> {
        self.reach().await?.entry(user).await
    }

    async fn row(&self, user: &UserId) -> Result<Option<Row>, StoreError> {
        self.reach().await?.row(user).await
    }

    async fn rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.reach().await?.rows(after, limit).await
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError> {
        self.reach().await?.changes(after, limit).await
    }

    async fn deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError> {
        self.reach().await?.deletions(after, limit).await
    }

    async fn bury(&self, letter: &NewDeadLetter) -> Result<i64, StoreError> {
        self.reach().await?.bury(letter).await
    }

    async fn dead_letters(&self, after: i64, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.reach().await?.dead_letters(after, limit).await
    }

    async fn dead_letter(&self, number: i64) -> Result<Option<DeadLetter>, StoreError> {
        self.reach().await?.dead_letter(number).await
    }

    async fn drop_dead_letter(&self, number: i64) -> Result<bool, StoreError> {
        self.reach().await?.drop_dead_letter(number).await
    }

    async fn binding(&self) -> Result<Option<Binding>, StoreError> {
        self.reach().await?.binding().await
    }

    async fn bind(&self, binding: &Binding) -> Result<Binding, StoreError> {
        self.reach().await?.bind(binding).await
    }

    async fn note_event(&self, now_ms: i64) -> Result<(), StoreError> {
        self.reach().await?.note_event(now_ms).await
    }

    async fn purge_tombstones(&self, as_of: i64) -> Result<u64, StoreError> {
        self.reach().await?.purge_tombstones(as_of).await
    }

    async fn gauges(&self) -> Result<Gauges, StoreError> {
        self.reach().await?.gauges().await
    }

    async fn summary(&self) -> Result<Summary, StoreError> {
        self.reach().await?.summary().await
    }

    async fn schema(&self) -> Result<SchemaState, StoreError> {
        self.reach().await?.schema().await
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.reach().await?.migrate().await
    }

    fn migration_sql(&self) -> String {
        self.database.inner.migration_sql()
    }

    async fn close(&self) {}
}

#[async_trait]
impl Coordination for TroubledStore {
    async fn take_lease(&self, holder: &str, ttl: Duration, insists: bool) -> Result<Lease, StoreError> {
        self.reach().await?;
        self.database.desk.take_lease(holder, ttl, insists).await
    }

    async fn release_lease(&self, holder: &str) -> Result<(), StoreError> {
        self.reach().await?;
        self.database.desk.release_lease(holder).await
    }

    async fn lease(&self) -> Result<Option<Lease>, StoreError> {
        self.reach().await?;
        self.database.desk.lease().await
    }

    async fn progress(&self, run: Run) -> Result<Vec<Progress>, StoreError> {
        self.reach().await?.progress(run).await
    }

    async fn decide_share(&self, decide: &DecideShare<'_>) -> Result<ShareRow, StoreError> {
        self.reach().await?;
        self.database.desk.decide_share(decide).await
    }
}

#[async_trait]
impl Inventory for TroubledStore {
    async fn stored(&self, users: &[UserId]) -> Result<Vec<Stored>, StoreError> {
        self.reach().await?.stored(users).await
    }

    async fn living(
        &self,
        from: i64,
        until: Option<i64>,
        after: Option<&Living>,
        limit: u32,
    ) -> Result<Vec<Living>, StoreError> {
        self.reach().await?.living(from, until, after, limit).await
    }

    async fn undated(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.reach().await?.undated(after, limit).await
    }

    async fn strays(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.reach().await?.strays(after, limit).await
    }

    async fn living_count(&self) -> Result<i64, StoreError> {
        self.reach().await?.living_count().await
    }
}

#[async_trait]
impl UniqueValues for TroubledStore {
    async fn holders(&self, wanted: &Observation) -> Result<Vec<Holder>, StoreError> {
        self.reach().await?.holders(wanted).await
    }

    async fn commit_moving(&self, set: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        self.reach().await?.commit_moving(set).await
    }
}

impl RowsBefore for TroubledStore {}

#[async_trait]
impl PendingDeletions for TroubledStore {
    async fn pending_deletions(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<PendingDeletion>, StoreError> {
        self.reach().await?.pending_deletions(after, limit).await
    }

    async fn pending_count(&self) -> Result<PendingCount, StoreError> {
        self.reach().await?.pending_count().await
    }

    async fn due_deletions(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.reach().await?.due_deletions(limit).await
    }

    async fn carry_out(&self, users: &[UserId], which: CarryOut) -> Result<Vec<UserId>, StoreError> {
        self.reach().await?.carry_out(users, which).await
    }

    async fn postpone_deletion(&self, user: &UserId, by: Duration) -> Result<bool, StoreError> {
        self.reach().await?.postpone_deletion(user, by).await
    }

    async fn cancel_deletion(&self, user: &UserId) -> Result<bool, StoreError> {
        self.reach().await?.cancel_deletion(user).await
    }
}
