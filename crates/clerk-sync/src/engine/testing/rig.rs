//! An engine between a scripted Clerk and a gated store, at noon.

use super::{FakeClerk, GatedStore, INSTANCE, NOON, mapping, quiet, user, username};
use crate::{
    clerk::{Budget, ClerkApi, Reads},
    engine::{DoorOptions, Engine, Receipt, Reread, RereadError},
    mapping::Mapping,
    metrics::Metrics,
    store::{DeadLetter, Entry, Store, memory::MemoryStore},
};
use clerk_auth::clock::{Clock, ManualClock};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Longer than any budget of these tests makes anyone wait.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// See the module.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) clerk: Arc<FakeClerk>,
    pub(crate) store: Arc<GatedStore>,
    /// The store inside.
    pub(crate) memory: Arc<MemoryStore>,
    messages: AtomicUsize,
}

impl Rig {
    /// One that is bound to [`INSTANCE`].
    pub(crate) fn new() -> Self {
        Self::mirroring(mapping())
    }

    /// One that is bound and has this mapping.
    pub(crate) fn mirroring(mapping: Arc<Mapping>) -> Self {
        let rig = Self::build(DoorOptions::default(), mapping);
        rig.engine.bound_to(INSTANCE.to_owned());
        rig
    }

    /// One that is bound, whose table takes each user name only once.
    pub(crate) fn unique() -> Self {
        let rig = Self::new();
        assert!(rig.memory.require_unique("username"));
        rig
    }

    /// One that does not know its instance yet.
    pub(crate) fn unbound(options: DoorOptions) -> Self {
        Self::build(options, mapping())
    }

    fn build(options: DoorOptions, mapping: Arc<Mapping>) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let clerk = FakeClerk::new(Arc::clone(&clock));
        let memory = Arc::new(MemoryStore::new(mapping, Arc::clone(&clock) as Arc<dyn Clock>));
        let store = GatedStore::new(Arc::clone(&memory) as Arc<dyn Store>, 1);
        let shared = || Arc::clone(&clock) as Arc<dyn Clock>;
        let budget = Arc::new(Budget::new(100_000, shared()));
        let reads = Reads::new(Arc::clone(&clerk) as Arc<dyn ClerkApi>, budget);
        let metrics = Arc::new(Metrics::default());
        let engine = Engine::start(Arc::clone(&store) as Arc<dyn Store>, reads, shared(), metrics, options);
        Self { engine, clock, clerk, store, memory, messages: AtomicUsize::new(0) }
    }

    /// Delivers a body under a message id of its own.
    pub(crate) async fn receive(&self, body: &[u8]) -> Receipt {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        self.engine.receive(&format!("msg_{number}"), body).await
    }

    /// `sync <id>`.
    pub(crate) async fn sync(&self, id: &str) -> Result<Reread, RereadError> {
        self.engine.sync(&user(id), false, PATIENCE).await
    }

    /// `sync <id> --force`.
    pub(crate) async fn force(&self, id: &str) -> Result<Reread, RereadError> {
        self.engine.sync(&user(id), true, PATIENCE).await
    }

    /// The user name in the table; `None` without a row.
    pub(crate) async fn username(&self, id: &str) -> Option<String> {
        self.store.row(&user(id)).await.expect("readable").as_ref().map(username)
    }

    pub(crate) async fn entry(&self, id: &str) -> Option<Entry> {
        self.store.entry(&user(id)).await.expect("readable")
    }

    pub(crate) async fn letters(&self) -> Vec<DeadLetter> {
        self.store.dead_letters(0, 100).await.expect("readable")
    }

    pub(crate) async fn change_count(&self) -> i64 {
        self.store.changes(0, 1).await.expect("readable").last_number
    }

    /// Lets time pass in small steps, so that whoever sleeps wakes in the order of their moments.
    pub(crate) async fn pass(&self, seconds: u64) {
        quiet().await;
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            quiet().await;
        }
    }
}
