//! A store whose commits the test holds back, breaks or refuses; everything else goes to the store inside.

use crate::{
    mapping::{Mapping, Row, Value},
    observation::Observation,
    rule::{Verdict, decide},
    store::{
        Applied, Bell, Binding, DeadLetter, Deletions, Entry, FeedPage, Gauges, NewDeadLetter, Notes,
        Presence, SchemaState, Store, StoreError, StoreErrorKind, Summary,
    },
    user_id::UserId,
};
use async_trait::async_trait;
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Semaphore;

mod coordination;

/// What happens to one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: this one goes through.
    None,
    /// It fails and nothing is written.
    Before(StoreErrorKind),
    /// It is written, and the answer is lost.
    After(StoreErrorKind),
    /// The driver panics.
    Panic,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct GatedStore {
    inner: Arc<dyn Store>,
    concurrent: usize,
    gate: Mutex<Gate>,
    passes: Semaphore,
    looking: Semaphore,
}

#[derive(Debug, Default)]
struct Gate {
    held: bool,
    away: Option<StoreErrorKind>,
    faults: VecDeque<Fault>,
    contended_above: Option<usize>,
    refused: HashSet<String>,
    /// The batches, in the order in which their commits began.
    commits: Vec<Vec<Observation>>,
    running: HashSet<UserId>,
    overlapped: bool,
    /// Reads of any kind.
    looks: usize,
    /// Looks for deletions.
    feed_looks: usize,
    /// Rows that somebody deleted by hand.
    missing: HashSet<UserId>,
    epoch: Option<String>,
    feed_away: bool,
    /// Looks for a user wait until [`GatedStore::let_look`].
    looks_held: bool,
}

impl GatedStore {
    /// A gate before `inner`, which then says that so many commits at once are useful.
    pub(crate) fn new(inner: Arc<dyn Store>, concurrent: usize) -> Arc<Self> {
        Arc::new(Self {
            inner,
            concurrent,
            gate: Mutex::default(),
            passes: Semaphore::new(0),
            looking: Semaphore::new(0),
        })
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits wait at the gate until [`GatedStore::release`].
    pub(crate) fn hold(&self) {
        self.gate().held = true;
    }

    /// Lets all go that wait, and all that come.
    pub(crate) fn release(&self) {
        self.gate().held = false;
        self.passes.add_permits(10_000);
    }

    /// What happens to the next commits, one each.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.gate().faults.extend(faults);
    }

    /// Every call fails so, until told otherwise.
    pub(crate) fn away(&self, kind: Option<StoreErrorKind>) {
        self.gate().away = kind;
    }

    /// Batches with more observations than this are contended.
    pub(crate) fn contended_above(&self, size: usize) {
        self.gate().contended_above = Some(size);
    }

    /// How often a user was looked for.
    pub(crate) fn looks(&self) -> usize {
        self.gate().looks
    }

    /// How often deletions were looked for.
    pub(crate) fn feed_looks(&self) -> usize {
        self.gate().feed_looks
    }

    /// Somebody deletes a row by hand.
    pub(crate) fn lose_row(&self, id: &str) {
        self.gate().missing.insert(super::user(id));
    }

    /// Looks for users are answered late from now on, or no longer.
    pub(crate) fn hold_looks(&self, held: bool) {
        self.gate().looks_held = held;
        if !held {
            self.looking.add_permits(10_000);
        }
    }

    /// The numbers of the feed begin anew.
    pub(crate) fn restart_feed(&self, epoch: &str) {
        self.gate().epoch = Some(epoch.to_owned());
    }

    /// The feed cannot be read, while everything else goes on.
    pub(crate) fn feed_away(&self, away: bool) {
        self.gate().feed_away = away;
    }

    /// Rows with this user name are refused from now on.
    pub(crate) fn refuse(&self, username: &str) {
        self.gate().refused.insert(username.to_owned());
    }

    /// This user's row cannot be deleted from now on.
    pub(crate) fn refuse_deletion(&self, id: &str) {
        self.gate().refused.insert(format!("delete {id}"));
    }

    /// The database does not end in time with the deletion of this user's row from now on.
    pub(crate) fn time_out_deletion(&self, id: &str) {
        self.gate().refused.insert(format!("time out {id}"));
    }

    /// Refuses nothing any more.
    pub(crate) fn refuse_nothing(&self) {
        self.gate().refused.clear();
    }

    /// How many observations each commit had, in the order in which they began.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.gate().commits.iter().map(Vec::len).collect()
    }

    /// Commits begun so far.
    pub(crate) fn begun(&self) -> usize {
        self.gate().commits.len()
    }

    /// Whether a user was ever in two transactions at once.
    pub(crate) fn overlapped(&self) -> bool {
        self.gate().overlapped
    }

    /// Whether the database refuses an observation, once it is the one to be written.
    pub(crate) fn refuses(&self, observation: &Observation) -> bool {
        let label = match observation.row.as_deref() {
            Some(row) => match row.get(2) {
                Some(Value::Text(username)) => username.clone(),
                _ => String::new(),
            },
            None => format!("delete {}", observation.user),
        };
        self.gate().refused.contains(&label)
    }

    /// As a database judges: by the row that would be written, not by those folded away.
    async fn has_refused_row(&self, batch: &[Observation]) -> Result<bool, StoreError> {
        let users: HashSet<&UserId> = batch.iter().map(|observation| &observation.user).collect();
        for user in users {
            let mut standing = self.inner.entry(user).await?.map(|entry| entry.standing);
            let mut written = None;
            for observation in batch.iter().filter(|observation| observation.user == *user) {
                let decision = decide(standing, &observation.claim);
                standing = decision.standing;
                if decision.verdict == Verdict::Stands {
                    written = Some(observation);
                }
            }
            if written.is_some_and(|observation| self.refuses(observation)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn pass(
        &self,
        batch: &[Observation],
        notes: &Notes,
        moves: bool,
    ) -> Result<Vec<Applied>, StoreError> {
        let fail = |kind: StoreErrorKind| Err(StoreError::new(kind, "testing", ""));
        let held = self.gate().held;
        if held {
            self.passes.acquire().await.expect("never closed").forget();
        }
        // A commit takes its time, so that others come in between.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let (fault, contended) = {
            let mut gate = self.gate();
            if let Some(kind) = gate.away.clone() {
                return fail(kind);
            }
            let contended = gate.contended_above.is_some_and(|size| batch.len() > size);
            (gate.faults.pop_front().unwrap_or(Fault::None), contended)
        };
        match fault {
            Fault::Before(kind) => return fail(kind),
            Fault::Panic => panic!("the driver panics, as the test asked"),
            _ if contended => return fail(StoreErrorKind::Contended),
            _ => {}
        }
        if self.has_refused_row(batch).await? {
            return fail(StoreErrorKind::Rejected { constraint: Some("users_by_username".to_owned()) });
        }
        let applied = if moves {
            self.inner.commit_moving(batch).await?
        } else {
            self.inner.commit_noting(batch, notes).await?
        };
        for (observation, applied) in batch.iter().zip(&applied) {
            let restored = observation.claim.restores && applied.verdict != Verdict::Stale;
            if restored || applied.verdict == Verdict::Stands {
                self.gate().missing.remove(&observation.user);
            }
        }
        match fault {
            Fault::After(kind) => fail(kind),
            _ => Ok(applied),
        }
    }

    async fn begin(
        &self,
        batch: &[Observation],
        notes: &Notes,
        moves: bool,
    ) -> Result<Vec<Applied>, StoreError> {
        let users: HashSet<UserId> = batch.iter().map(|observation| observation.user.clone()).collect();
        {
            let mut gate = self.gate();
            gate.commits.push(batch.to_vec());
            gate.overlapped |= !gate.running.is_disjoint(&users);
            gate.running.extend(users.iter().cloned());
        }
        let _running = Running { store: self, users };
        self.pass(batch, notes, moves).await
    }

    fn reachable(&self) -> Result<&Arc<dyn Store>, StoreError> {
        match self.gate().away.clone() {
            Some(kind) => Err(StoreError::new(kind, "testing", "")),
            None => Ok(&self.inner),
        }
    }
}

#[async_trait]
impl Store for GatedStore {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn mapping(&self) -> &Arc<Mapping> {
        self.inner.mapping()
    }

    fn concurrent_commits(&self) -> usize {
        self.concurrent
    }

    async fn commit_noting(&self, batch: &[Observation], notes: &Notes) -> Result<Vec<Applied>, StoreError> {
        self.begin(batch, notes, false).await
    }

    async fn presence(&self, user: &UserId) -> Result<Presence, StoreError> {
        let mut presence = self.reachable()?.presence(user).await;
        let held = {
            let mut gate = self.gate();
            gate.looks += 1;
            if let Ok(presence) = &mut presence {
                presence.row &= !gate.missing.contains(user);
            }
            gate.looks_held
        };
        // What it saw is settled; the answer is late.
        if held {
            self.looking.acquire().await.expect("never closed").forget();
        }
        presence
    }

    async fn entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError> {
        self.reachable()?.entry(user).await
    }

    async fn row(&self, user: &UserId) -> Result<Option<Row>, StoreError> {
        self.reachable()?.row(user).await
    }

    async fn rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.reachable()?.rows(after, limit).await
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError> {
        self.reachable()?.changes(after, limit).await
    }

    async fn deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError> {
        let (epoch, away) = {
            let mut gate = self.gate();
            gate.feed_looks += 1;
            (gate.epoch.clone(), gate.feed_away)
        };
        if away {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "testing", ""));
        }
        let found = self.reachable()?.deletions(after, limit).await?;
        Ok(Deletions { epoch: epoch.unwrap_or(found.epoch), ..found })
    }

    fn bell(&self) -> Option<Box<dyn Bell>> {
        self.inner.bell()
    }

    async fn bury(&self, letter: &NewDeadLetter) -> Result<i64, StoreError> {
        self.reachable()?.bury(letter).await
    }

    async fn dead_letters(&self, after: i64, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.reachable()?.dead_letters(after, limit).await
    }

    async fn dead_letter(&self, number: i64) -> Result<Option<DeadLetter>, StoreError> {
        self.reachable()?.dead_letter(number).await
    }

    async fn drop_dead_letter(&self, number: i64) -> Result<bool, StoreError> {
        self.reachable()?.drop_dead_letter(number).await
    }

    async fn binding(&self) -> Result<Option<Binding>, StoreError> {
        self.reachable()?.binding().await
    }

    async fn bind(&self, binding: &Binding) -> Result<Binding, StoreError> {
        self.reachable()?.bind(binding).await
    }

    async fn note_event(&self, now_ms: i64) -> Result<(), StoreError> {
        self.reachable()?.note_event(now_ms).await
    }

    async fn purge_tombstones(&self, as_of: i64) -> Result<u64, StoreError> {
        self.reachable()?.purge_tombstones(as_of).await
    }

    async fn summary(&self) -> Result<Summary, StoreError> {
        self.reachable()?.summary().await
    }

    async fn gauges(&self) -> Result<Gauges, StoreError> {
        self.reachable()?.gauges().await
    }

    async fn schema(&self) -> Result<SchemaState, StoreError> {
        self.reachable()?.schema().await
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.reachable()?.migrate().await
    }

    fn migration_sql(&self) -> String {
        self.inner.migration_sql()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// The users of a commit that runs, however it ends.
struct Running<'a> {
    store: &'a GatedStore,
    users: HashSet<UserId>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut gate = self.store.gate();
        for user in &self.users {
            gate.running.remove(user);
        }
    }
}
