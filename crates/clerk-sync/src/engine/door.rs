//! The door to the database: group commit.
//!
//! While transactions run, arriving observations gather; the next transaction takes them all. Several batches may
//! be on their way at once, but no user is in two of them. Each caller is answered after its commit.

use super::{due::Undeletable, isolate, observers::Observers, settle::Settling};
use crate::{
    metrics::Metrics,
    observation::{Flow, Observation},
    rule::{State, Verdict},
    store::{Applied, Linking, Notes, Store, StoreError},
    user_id::UserId,
};
use clerk_auth::clock::Clock;
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc::UnboundedSender, oneshot},
    task::JoinSet,
};

/// Sizes of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorOptions {
    /// Observations that may wait; beyond it callers are turned away at once.
    pub max_waiting: usize,
    /// Observations in one transaction.
    pub max_batch: usize,
    /// Transactions at once; `None` leaves it to the store.
    pub concurrent_commits: Option<usize>,
}

impl Default for DoorOptions {
    fn default() -> Self {
        Self { max_waiting: 4_096, max_batch: 256, concurrent_commits: None }
    }
}

/// Why an observation was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Too many wait already. Try again in a moment.
    #[error("too many changes are waiting to be written")]
    Overloaded,
    /// The engine is shutting down.
    #[error("shutting down")]
    Closed,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a page.
#[derive(Debug)]
pub(crate) struct PageOutcome {
    /// An answer for each observation, in order.
    pub(crate) outcomes: Vec<Result<Applied, StoreError>>,
    /// Those that the database refused, by their positions.
    pub(crate) refused: Vec<(usize, Observation)>,
    /// Progress that is still to be written, once it is settled what becomes of the refused.
    pub(crate) unnoted: Option<Notes>,
}

type Answer = oneshot::Sender<Result<Applied, StoreError>>;

#[derive(Debug)]
struct Job {
    observation: Observation,
    answer: Answer,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Door {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    settling: Arc<Settling>,
    observers: Arc<Observers>,
    /// Hears of rows that could not be deleted.
    undeletable: UnboundedSender<Undeletable>,
    options: DoorOptions,
    queue: Mutex<Queue>,
    arrived: Notify,
    drained: Notify,
    /// Told when users are free again.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// Users in a transaction.
    busy: HashSet<UserId>,
    /// Observations in each transaction that runs.
    in_flight: usize,
    /// Pages and moves among those transactions.
    pages: usize,
    /// The size of batches lately, slowly forgetting: about as many arrive while one is written.
    typical_batch: usize,
    closed: bool,
}

impl Door {
    pub(super) fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        settling: Arc<Settling>,
        observers: Arc<Observers>,
        undeletable: UnboundedSender<Undeletable>,
        options: DoorOptions,
    ) -> Self {
        let shared = Arc::new(Shared {
            store,
            clock,
            metrics,
            settling,
            observers,
            undeletable,
            options,
            queue: Mutex::default(),
            arrived: Notify::new(),
            drained: Notify::new(),
            freed: Notify::new(),
        });
        tokio::spawn(dispatch(Arc::clone(&shared)));
        Self { shared }
    }

    pub(super) async fn apply(&self, observation: Observation) -> Result<Applied, ApplyError> {
        let (answer, applied) = oneshot::channel();
        {
            let mut queue = self.shared.queue();
            if queue.closed {
                return Err(ApplyError::Closed);
            }
            if queue.waiting.len() >= self.shared.options.max_waiting {
                return Err(ApplyError::Overloaded);
            }
            queue.waiting.push_back(Job { observation, answer });
        }
        self.shared.arrived.notify_one();
        // The door answers every job it took, unless its task died with the runtime.
        applied.await.map_err(|_| ApplyError::Closed)?.map_err(ApplyError::Store)
    }

    /// Writes a page of a walk, and the walk's progress with it, in a transaction of its own beside those of the
    /// queue. Without refused rows, the progress goes with them.
    pub(super) async fn apply_page(
        &self,
        page: Vec<Observation>,
        notes: Notes,
    ) -> Result<PageOutcome, ApplyError> {
        let running = self.take_users(page).await?;
        // A task of its own: a caller that goes away leaves no transaction half-way.
        let written = tokio::spawn(async move {
            let Running { shared, observations, .. } = &running;
            let started = shared.clock.monotonic();
            let (outcomes, noted) = isolate::commit_page(shared.store.as_ref(), observations, &notes).await;
            shared.committed(observations, &outcomes, started);
            let unnoted = if noted? { None } else { Some(notes) };
            let refused = observations.iter().zip(&outcomes).enumerate();
            let refused = refused
                .filter(|(_, (_, outcome))| outcome.as_ref().is_err_and(StoreError::is_rejection))
                .map(|(position, (observation, _))| (position, observation.clone()))
                .collect();
            Ok(PageOutcome { outcomes, refused, unnoted })
        });
        written.await.map_err(|_| ApplyError::Closed)?.map_err(ApplyError::Store)
    }

    /// Writes users whose unique values move among each other: all of them or none.
    pub(super) async fn apply_moving(
        &self,
        set: Vec<Observation>,
    ) -> Result<Result<Vec<Applied>, StoreError>, ApplyError> {
        let running = self.take_users(set).await?;
        let written = tokio::spawn(async move {
            let Running { shared, observations, .. } = &running;
            let started = shared.clock.monotonic();
            let applied = isolate::commit_moving(shared.store.as_ref(), observations).await?;
            let outcomes: Vec<_> = applied.iter().copied().map(Ok).collect();
            shared.committed(observations, &outcomes, started);
            Ok(applied)
        });
        written.await.map_err(|_| ApplyError::Closed)
    }

    /// Waits until none of these users is in a transaction, and keeps them for this one.
    async fn take_users(&self, observations: Vec<Observation>) -> Result<Running, ApplyError> {
        let most = self.shared.most();
        loop {
            let freed = self.shared.freed.notified();
            {
                let mut queue = self.shared.queue();
                if queue.closed {
                    return Err(ApplyError::Closed);
                }
                let free = !observations.iter().any(|observation| queue.busy.contains(&observation.user));
                if free && queue.pages < most {
                    queue.busy.extend(observations.iter().map(|observation| observation.user.clone()));
                    queue.in_flight += observations.len();
                    queue.pages += 1;
                    break;
                }
            }
            freed.await;
        }
        Ok(Running { shared: Arc::clone(&self.shared), observations, is_page: true })
    }

    /// Turns new ones away and returns when the last waiting one is answered.
    pub(super) async fn drain(&self) {
        loop {
            let drained = self.shared.drained.notified();
            {
                let mut queue = self.shared.queue();
                queue.closed = true;
                if queue.waiting.is_empty() && queue.in_flight == 0 {
                    break;
                }
            }
            drained.await;
        }
        self.shared.arrived.notify_one();
    }

    /// Returns when all rows are dealt with that could not be deleted. After [`Door::drain`].
    pub(super) async fn undeletable_dealt_with(&self) {
        let (end, dealt_with) = oneshot::channel();
        let _ = self.shared.undeletable.send(Undeletable::End(end));
        // An error where nobody deals with them any more.
        let _ = dealt_with.await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.arrived.notify_one();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes batches off the queue and commits them, a few at a time.
async fn dispatch(shared: Arc<Shared>) {
    let most = shared.most();
    let mut commits = JoinSet::new();
    loop {
        let arrived = shared.arrived.notified();
        let (batch, closed) = {
            let mut queue = shared.queue();
            let batch = if commits.len() < most {
                queue.take(commits.len(), shared.options.max_batch)
            } else {
                Vec::new()
            };
            shared.metrics.queue(queue.waiting.len());
            (batch, queue.closed && queue.waiting.is_empty())
        };
        if !batch.is_empty() {
            commits.spawn(commit(Arc::clone(&shared), batch));
            continue;
        }
        if closed && commits.is_empty() {
            shared.drained.notify_waiters();
            return;
        }
        tokio::select! {
            biased;
            () = arrived => {}
            Some(_) = commits.join_next() => {}
        }
    }
}

impl Queue {
    /// The next batch, or nothing if it is better to wait for more: a small transaction beside a running one costs
    /// the database more than it saves the few that wait.
    fn take(&mut self, running: usize, max_batch: usize) -> Vec<Job> {
        let enough = if running == 0 { 1 } else { self.typical_batch.max(8).min(max_batch) };
        if self.waiting.len() < enough {
            return Vec::new();
        }
        let mut batch: Vec<Job> = Vec::with_capacity(self.waiting.len().min(max_batch));
        if self.busy.is_empty() {
            let count = self.waiting.len().min(max_batch);
            batch.extend(self.waiting.drain(..count));
        } else {
            let mut rest = VecDeque::with_capacity(self.waiting.len());
            for job in self.waiting.drain(..) {
                let free = batch.len() < max_batch && !self.busy.contains(&job.observation.user);
                if free { batch.push(job) } else { rest.push_back(job) }
            }
            self.waiting = rest;
        }
        if !batch.is_empty() {
            self.busy.extend(batch.iter().map(|job| job.observation.user.clone()));
            self.in_flight += batch.len();
            self.typical_batch = batch.len().max(self.typical_batch - self.typical_batch / 8);
        }
        batch
    }
}

async fn commit(shared: Arc<Shared>, batch: Vec<Job>) {
    let (observations, answers): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|job| (job.observation, job.answer)).unzip();
    let running = Running { shared, observations, is_page: false };
    let Running { shared, observations, .. } = &running;
    let started = shared.clock.monotonic();
    let results = isolate::commit(shared.store.as_ref(), observations).await;
    shared.committed(observations, &results, started);
    for (result, answer) in results.into_iter().zip(answers) {
        let _ = answer.send(result);
    }
}

/// The observations of one transaction. Dropped when their callers are answered, or by a panic in the store: either
/// way their users are free again.
struct Running {
    shared: Arc<Shared>,
    observations: Vec<Observation>,
    is_page: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        for observation in &self.observations {
            queue.busy.remove(&observation.user);
        }
        queue.in_flight -= self.observations.len();
        queue.pages -= usize::from(self.is_page);
        if queue.closed {
            self.shared.drained.notify_waiters();
        }
        drop(queue);
        self.shared.freed.notify_waiters();
        if self.is_page {
            // The queue may hold what waited for these users.
            self.shared.arrived.notify_one();
        }
    }
}

impl Shared {
    /// How many transactions of one sort may run at once.
    fn most(&self) -> usize {
        self.options.concurrent_commits.unwrap_or_else(|| self.store.concurrent_commits()).max(1)
    }

    /// Tells everyone of what a transaction did. Here and not by the callers: they may have gone, and their
    /// observations are written all the same. Sent again they would be duplicates, and nobody would learn of a tie.
    fn committed(
        &self,
        observations: &[Observation],
        results: &[Result<Applied, StoreError>],
        started: Duration,
    ) {
        self.metrics.commit(observations.len(), self.clock.monotonic().saturating_sub(started));
        let now_ms = self.clock.now_ms();
        for (observation, result) in observations.iter().zip(results) {
            self.measure(observation, result, now_ms);
            if let Ok(applied) = result {
                if let Some(from) = applied.settle_from {
                    self.settling.settle(observation.user.clone(), from);
                }
                if applied.row_waits {
                    // Nobody listens where the engine ends: what is due stays due.
                    let _ = self.undeletable.send(Undeletable::Row(observation.user.clone()));
                }
                self.observers.committed(observation, applied);
            }
        }
    }

    fn measure(&self, observation: &Observation, result: &Result<Applied, StoreError>, now_ms: i64) {
        match result {
            Ok(applied) => {
                if let Some(change) = applied.change {
                    self.metrics.change(change.name(), observation.flow.name());
                }
                if let Some(linking) = applied.linking {
                    self.metrics.link(linking.name());
                    tell_link(&observation.user, linking);
                }
                let version = &observation.claim.version;
                let fresh = applied.verdict == Verdict::Stands && version.state == State::Present;
                if fresh && observation.flow == Flow::Webhook {
                    self.metrics.lag((now_ms - version.updated_at).max(0));
                }
            }
            Err(error) if error.is_rejection() => {
                self.metrics.rejected();
                if error.is_ambiguous() {
                    self.metrics.link(Linking::Ambiguous.name());
                }
            }
            Err(_) => {}
        }
    }
}

fn tell_link(user: &UserId, linking: Linking) {
    match linking {
        Linking::Linked => tracing::debug!(user.id = %user, "a row of before is this user's now"),
        Linking::Taken => tracing::warn!(
            user.id = %user,
            "the row of before that this user names belongs to another user: a new one was made"
        ),
        Linking::Unnamed | Linking::NoRow | Linking::Ambiguous => {}
    }
}

#[cfg(test)]
mod tests;
