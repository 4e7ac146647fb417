//! The engine: the only place where rule, store and Clerk meet, and the only way to the database.
//!
//! Every flow is another way to observe a user and ends in [`Engine::apply`].

mod conflict;
#[cfg(test)]
mod convergence;
mod door;
mod due;
mod isolate;
mod observers;
mod receive;
mod reread;
mod settle;
#[cfg(test)]
pub(crate) mod testing;

pub use door::{ApplyError, DoorOptions};
pub(crate) use observers::Observer;
pub use receive::{Receipt, Replay};
pub(crate) use reread::DOUBT_RECHECK;
pub use reread::{Reread, RereadError};

use crate::{
    clerk::Reads,
    mapping::Mapping,
    metrics::Metrics,
    observation::Observation,
    store::{Applied, Notes, Store},
    user_id::UserId,
};
use clerk_auth::clock::Clock;
use conflict::Waiting;
use door::{Door, PageOutcome};
use observers::Observers;
use reread::Doubts;
use settle::Settling;
use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// How long the end waits for rows that cannot be deleted to be dealt with.
const TELLING: Duration = Duration::from_secs(5);
/// How often a new last event is written down.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    store: Arc<dyn Store>,
    mapping: Arc<Mapping>,
    reads: Arc<Reads>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    door: Door,
    settling: Arc<Settling>,
    observers: Arc<Observers>,
    doubts: Doubts,
    waiting: Arc<Waiting>,
    instance: OnceLock<String>,
    /// Unix ms; 0 before the first.
    last_event_ms: watch::Sender<i64>,
}

impl Engine {
    /// Starts an engine on the current tokio runtime. It works until [`Engine::drain`].
    pub fn start(
        store: Arc<dyn Store>,
        reads: Arc<Reads>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        options: DoorOptions,
    ) -> Self {
        let settling = Arc::new(Settling::default());
        let observers = Arc::new(Observers::default());
        let waiting = Arc::new(Waiting::new(Arc::clone(&settling), Arc::clone(&clock)));
        let observer: Weak<dyn Observer> = Arc::<Waiting>::downgrade(&waiting);
        observers.add(observer);
        let (undeletable, refused) = mpsc::unbounded_channel();
        let parts = Arc::new(Parts {
            mapping: Arc::clone(store.mapping()),
            door: Door::open(
                Arc::clone(&store),
                Arc::clone(&clock),
                Arc::clone(&metrics),
                Arc::clone(&settling),
                Arc::clone(&observers),
                undeletable,
                options,
            ),
            store,
            reads,
            clock,
            metrics,
            settling,
            observers,
            doubts: Doubts::default(),
            waiting,
            instance: OnceLock::new(),
            last_event_ms: watch::Sender::new(0),
        });
        tokio::spawn(settle::run(Arc::downgrade(&parts)));
        tokio::spawn(conflict::watch_letters(Arc::downgrade(&parts)));
        tokio::spawn(due::deal_with_undeletable(Arc::downgrade(&parts), refused));
        tokio::spawn(note_events(Arc::downgrade(&parts), parts.last_event_ms.subscribe()));
        Self { parts }
    }

    /// Tells the engine which instance this database mirrors. Until then no webhook is accepted. A second call
    /// changes nothing.
    pub fn bound_to(&self, instance_id: String) {
        // An engine is bound once for its life: another instance is another database.
        let _ = self.parts.instance.set(instance_id);
    }

    /// The instance that this database mirrors, once that is known.
    pub fn instance(&self) -> Option<&str> {
        self.parts.instance.get().map(String::as_str)
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// The mapping.
    pub fn mapping(&self) -> &Mapping {
        &self.parts.mapping
    }

    /// When an event was last accepted by this process, Unix ms; `None` if none has been.
    pub fn last_event_ms(&self) -> Option<i64> {
        Some(*self.parts.last_event_ms.borrow()).filter(|ms| *ms > 0)
    }

    /// Writes an observation, together with others that come at the same time, and answers after the commit.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub async fn apply(&self, observation: Observation) -> Result<Applied, ApplyError> {
        self.parts.apply(observation).await
    }

    /// Writes a page of a walk in a transaction of its own, and the walk's progress in the same one, unless rows of it are
    /// refused: then the progress waits for what becomes of these.
    ///
    /// # Errors
    /// [`ApplyError::Closed`] where the engine ends.
    pub(crate) async fn apply_page(
        &self,
        page: Vec<Observation>,
        notes: Notes,
    ) -> Result<PageOutcome, ApplyError> {
        self.parts.door.apply_page(page, notes).await
    }

    /// The clock that everything here goes by.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The metrics that the engine counts in.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.parts.metrics
    }

    /// Tells `observer` of every commit from now on, for as long as it lives.
    pub(crate) fn observe(&self, observer: Weak<dyn Observer>) {
        self.parts.observers.add(observer);
    }

    /// Becomes true when the engine ends.
    pub(crate) fn draining(&self) -> watch::Receiver<bool> {
        self.parts.observers.draining()
    }

    /// Reads `user` again soon, in the background, until Clerk has answered.
    pub(crate) fn read_soon(&self, user: &UserId) {
        self.parts.settling.recheck(user.clone(), self.parts.clock.monotonic());
    }

    /// Accepts no more, writes what is waiting, and ends the background work. Why rows cannot be deleted is told first, if
    /// that takes no longer than 5 s; otherwise by whoever carries out next.
    pub async fn drain(&self) {
        self.parts.settling.close();
        self.parts.observers.close();
        self.parts.door.drain().await;
        self.parts.note_event().await;
        if tokio::time::timeout(TELLING, self.parts.door.undeletable_dealt_with()).await.is_err() {
            tracing::warn!("rows that cannot be deleted were not all dealt with; they stay due");
        }
    }
}

impl Parts {
    async fn apply(&self, observation: Observation) -> Result<Applied, ApplyError> {
        self.door.apply(observation).await
    }

    fn accepted_event(&self) {
        self.last_event_ms.send_replace(self.clock.now_ms());
    }

    /// Writes down the last event, if there was one. Only a note for people: a failure costs nothing.
    async fn note_event(&self) {
        let now_ms = *self.last_event_ms.borrow();
        if now_ms > 0
            && let Err(error) = self.store.note_event(now_ms).await
        {
            tracing::debug!(%error, "the time of the last event was not noted");
        }
    }
}

async fn note_events(parts: Weak<Parts>, mut last: watch::Receiver<i64>) {
    // Ends with the engine, and wakes for nothing else than events.
    while last.changed().await.is_ok() {
        let Some(strong) = parts.upgrade() else { return };
        last.mark_unchanged();
        strong.note_event().await;
        let clock = Arc::clone(&strong.clock);
        drop(strong);
        clock.sleep(NOTE_EVERY).await;
    }
}
