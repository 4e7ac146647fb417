//! A model Clerk, an engine, and what happens between them.

use super::{
    Step, Trouble,
    model::{Model, id, user_id},
};
use crate::{
    clerk::{Budget, ClerkApi, Reads},
    engine::{
        DoorOptions, Engine, Receipt,
        testing::{Fault, GatedStore, INSTANCE, NOON, mapping, quiet, user, username},
    },
    metrics::Metrics,
    rule::Change,
    store::{Store, StoreErrorKind, memory::MemoryStore},
};
use clerk_auth::clock::{Clock, ManualClock};
use proptest::{prelude::*, test_runner::TestCaseError};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// Longer than the longest pause of anything in the engine.
const LONG: Duration = Duration::from_secs(63);

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    clock: Arc<ManualClock>,
    model: Arc<Model>,
    store: Arc<GatedStore>,
    engine: Engine,
    events: Vec<Event>,
    running: JoinSet<()>,
}

#[derive(Debug, Clone)]
struct Event {
    message_id: String,
    body: Arc<[u8]>,
    accepted: Arc<AtomicBool>,
    buried: Arc<AtomicBool>,
}

impl World {
    pub(super) fn in_memory() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOON));
        Self::on(Arc::new(MemoryStore::new(mapping(), clock)))
    }

    /// One whose Clerk and whose table take each name only once.
    pub(super) fn with_unique_names() -> Self {
        let memory = MemoryStore::new(mapping(), Arc::new(ManualClock::at(NOON)));
        assert!(memory.require_unique("username"));
        Self::on(Arc::new(memory)).named_uniquely()
    }

    pub(super) fn named_uniquely(self) -> Self {
        self.model.make_names_unique();
        self
    }

    pub(super) fn on(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let model = Arc::new(Model::new(Arc::clone(&clock)));
        let store = GatedStore::new(store, 2);
        let shared = || Arc::clone(&clock) as Arc<dyn Clock>;
        let budget = Arc::new(Budget::new(1_000_000, shared()));
        let reads = Reads::new(Arc::clone(&model) as Arc<dyn ClerkApi>, budget);
        let gated = Arc::clone(&store) as Arc<dyn Store>;
        let engine =
            Engine::start(gated, reads, shared(), Arc::new(Metrics::default()), DoorOptions::default());
        engine.bound_to(INSTANCE.to_owned());
        Self { clock, model, store, engine, events: Vec::new(), running: JoinSet::new() }
    }

    pub(super) async fn take(&mut self, step: Step) {
        match step {
            Step::Change(change) => {
                if let Some(body) = self.model.change(&change) {
                    self.events.push(Event {
                        message_id: format!("msg_{}", self.events.len()),
                        body: body.into(),
                        accepted: Arc::default(),
                        buried: Arc::default(),
                    });
                }
            }
            Step::Deliver(index) if !self.events.is_empty() => {
                let (engine, event) = (self.engine.clone(), index.get(&self.events).clone());
                self.running.spawn(async move {
                    deliver(&engine, &event).await;
                });
            }
            Step::DeliverAndHangUp(index) if !self.events.is_empty() => {
                let (engine, event) = (self.engine.clone(), index.get(&self.events).clone());
                let sender = tokio::spawn(async move {
                    deliver(&engine, &event).await;
                });
                tokio::task::yield_now().await;
                sender.abort();
            }
            Step::Sync(number) if self.model.users().contains_key(&id(number)) => {
                let engine = self.engine.clone();
                self.running.spawn(async move {
                    // It may fail, as any read here may; nobody relies on it.
                    let _ = engine.sync(&user_id(number), false, LONG).await;
                });
            }
            Step::Deliver(_) | Step::DeliverAndHangUp(_) | Step::Sync(_) => {}
            Step::CommitFails(trouble) => self.store.next([match trouble {
                Trouble::Before => Fault::Before(StoreErrorKind::Unavailable),
                Trouble::Contended => Fault::Before(StoreErrorKind::Contended),
                Trouble::After => Fault::After(StoreErrorKind::Unavailable),
            }]),
            Step::ReadFails => self.model.fail_next_read(),
            Step::Pause => quiet().await,
            Step::Wait(seconds) => {
                self.clock.advance(Duration::from_secs(seconds.into()));
                quiet().await;
            }
        }
    }

    /// Delivers what was not accepted yet, again and again, until it is.
    pub(super) async fn deliver_the_rest(&mut self, order: u32) -> Result<(), TestCaseError> {
        while let Some(delivery) = self.running.join_next().await {
            delivery.expect("no panic");
        }
        let mut left: Vec<_> = self.events.iter().enumerate().collect();
        // 0, to which a failure shrinks, is the order in which they were sent.
        left.sort_by_key(|(position, _)| order.wrapping_mul(*position as u32 + 1) % 1_009);
        for (_, event) in left {
            for attempt in 0.. {
                if event.accepted.load(Ordering::SeqCst) {
                    break;
                }
                prop_assert!(attempt < 200, "{} is never accepted", event.message_id);
                if let Receipt::TryLater { after } = deliver(&self.engine, event).await {
                    self.clock.advance(after);
                }
            }
            prop_assert!(!event.buried.load(Ordering::SeqCst), "{} was buried", event.message_id);
        }
        Ok(())
    }

    /// Lets time pass until nothing waits to be read again.
    pub(super) async fn settle(&self) -> Result<(), TestCaseError> {
        let settling = &self.engine.parts.settling;
        for _ in 0..500 {
            quiet().await;
            while settling.is_reading() {
                tokio::task::yield_now().await;
            }
            if settling.is_idle() {
                return Ok(());
            }
            self.clock.advance(LONG);
        }
        Err(TestCaseError::fail("users wait to be read again for ever"))
    }

    /// Compares the table with the model, and the feed with both.
    pub(super) async fn check(&self) -> Result<(), TestCaseError> {
        self.engine.drain().await;
        let feed = self.store.changes(0, 10_000).await.expect("readable").entries;
        let mut told = BTreeMap::new();
        for (position, entry) in feed.iter().enumerate() {
            prop_assert_eq!(entry.number, position as i64 + 1, "a gap in the feed");
            let before = told.insert(entry.user.as_str(), entry.change);
            let follows = match entry.change {
                Change::Created => matches!(before, None | Some(Change::Deleted)),
                Change::Updated | Change::Deleted => {
                    matches!(before, Some(Change::Created | Change::Updated))
                }
            };
            prop_assert!(follows, "{:?} after {before:?}", entry.change);
        }
        for (id, look) in self.model.users() {
            let row = self.store.row(&user(&id)).await.expect("readable");
            prop_assert_eq!(row.as_ref().map(username), look.map(|look| look.username), "{}", &id);
            let last = told.get(id.as_str());
            prop_assert_eq!(
                row.is_some(),
                matches!(last, Some(Change::Created | Change::Updated)),
                "{:?}",
                last
            );
        }
        let rows = self.store.rows(None, 100).await.expect("readable").len();
        prop_assert_eq!(rows, self.model.users().values().flatten().count());
        let letters = self.store.dead_letters(0, 10).await.expect("readable");
        prop_assert!(letters.is_empty(), "{letters:?}");
        prop_assert!(!self.store.overlapped(), "a user was in two transactions at once");
        Ok(())
    }
}

async fn deliver(engine: &Engine, event: &Event) -> Receipt {
    let receipt = engine.receive(&event.message_id, &event.body).await;
    match receipt {
        Receipt::Accepted | Receipt::Ignored => event.accepted.store(true, Ordering::SeqCst),
        Receipt::Buried => event.buried.store(true, Ordering::SeqCst),
        Receipt::NotAnEvent | Receipt::TryLater { .. } => {}
    }
    receipt
}
