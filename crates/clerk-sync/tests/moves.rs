//! Unique user names that move between eight users, on real databases: whatever is delivered in whatever order, the table
//! ends equal to Clerk.
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

#[path = "databases/mod.rs"]
mod databases;

use clerk_auth::clock::{Clock, ManualClock, SystemClock};
use clerk_sync::{
    clerk::{
        Budget, ClerkApi, ClerkError, ClerkErrorKind, Instance, Permit, Reads, UserAnswer, UsersAnswer,
        UsersQuery,
    },
    engine::{DoorOptions, Engine, Receipt},
    mapping::Value,
    metrics::Metrics,
    store::conformance::Fixture as _,
    user_id::UserId,
};
use databases::Database;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

const NOON: i64 = 1_767_268_800_000;
const USERS: u8 = 8;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A user takes a name, if it is free.
    Rename(u8, u8),
    /// Two users swap their names.
    Swap(u8, u8),
    /// A user is deleted.
    Delete(u8),
    /// One of the events so far arrives.
    Deliver(Index),
    /// Several of them arrive at once.
    DeliverTogether(Vec<Index>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..USERS, 0..=USERS).prop_map(|(user, name)| Step::Rename(user, name)),
        4 => (0..USERS, 0..USERS).prop_map(|(one, other)| Step::Swap(one, other)),
        1 => (0..USERS).prop_map(Step::Delete),
        3 => any::<Index>().prop_map(Step::Deliver),
        2 => prop::collection::vec(any::<Index>(), 2..5).prop_map(Step::DeliverTogether),
    ]
}

/// A Clerk with unique names. The clock moves with each change.
#[derive(Debug)]
struct Model {
    clock: Arc<ManualClock>,
    /// Name and `updated_at`; `None`: deleted.
    users: Mutex<BTreeMap<String, Option<(String, i64)>>>,
}

fn id(user: u8) -> String {
    format!("user_{user}")
}

fn look(id: &str, name: &str, updated_at: i64) -> Json {
    json!({"id": id, "object": "user", "username": name, "created_at": NOON - 86_400_000, "updated_at": updated_at})
}

fn event(event_type: &str, at: i64, data: &Json) -> Vec<u8> {
    let event =
        json!({"object": "event", "type": event_type, "instance_id": "ins_1", "timestamp": at, "data": data});
    event.to_string().into_bytes()
}

impl Model {
    fn users(&self) -> MutexGuard<'_, BTreeMap<String, Option<(String, i64)>>> {
        self.users.lock().expect("no test panics inside")
    }

    fn name_of(&self, user: u8) -> Option<String> {
        self.users().get(&id(user))?.clone().map(|(name, _)| name)
    }

    /// The event of it; `None` where Clerk says no.
    fn rename(&self, user: u8, name: &str) -> Option<Vec<u8>> {
        self.clock.advance(Duration::from_secs(2));
        let now = self.clock.now_ms();
        let mut users = self.users();
        let taken = users.values().flatten().any(|(known, _)| known == name);
        let known = users.get(&id(user)).cloned();
        if taken || known == Some(None) {
            return None;
        }
        users.insert(id(user), Some((name.to_owned(), now)));
        let kind = if known.is_some() { "user.updated" } else { "user.created" };
        Some(event(kind, now, &look(&id(user), name, now)))
    }

    fn swap(&self, one: u8, other: u8) -> Vec<Vec<u8>> {
        let (Some(first), Some(second)) = (self.name_of(one), self.name_of(other)) else { return Vec::new() };
        if one == other {
            return Vec::new();
        }
        let steps = [self.rename(one, "between"), self.rename(other, &first), self.rename(one, &second)];
        steps.into_iter().flatten().collect()
    }

    fn delete(&self, user: u8) -> Option<Vec<u8>> {
        self.clock.advance(Duration::from_secs(2));
        self.users().get_mut(&id(user))?.take()?;
        let data = json!({"id": id(user), "object": "user", "deleted": true});
        Some(event("user.deleted", self.clock.now_ms(), &data))
    }
}

#[async_trait::async_trait]
impl ClerkApi for Model {
    async fn user(&self, _permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError> {
        let found = self.users().get(user.as_str()).cloned().flatten();
        let json = found.map(|(name, updated_at)| look(user.as_str(), &name, updated_at).to_string().into());
        let now = self.clock.now_ms();
        Ok(UserAnswer { user: json, date_ms: Some(now - now % 1_000) })
    }

    async fn users(&self, _permit: Permit, _query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
    }

    async fn count(&self, _permit: Permit) -> Result<i64, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
    }

    async fn instance(&self, _permit: Permit) -> Result<Instance, ClerkError> {
        Ok(Instance { id: "ins_1".to_owned() })
    }
}

struct World {
    database: Database,
    clock: Arc<ManualClock>,
    model: Arc<Model>,
    engine: Engine,
}

impl World {
    async fn on(database: Database) -> Self {
        assert!(database.require_unique("username").await);
        let clock = Arc::new(ManualClock::at(NOON));
        let model = Arc::new(Model { clock: Arc::clone(&clock), users: Mutex::default() });
        let shared = || Arc::clone(&clock) as Arc<dyn Clock>;
        let reads =
            Reads::new(Arc::clone(&model) as Arc<dyn ClerkApi>, Arc::new(Budget::new(1_000_000, shared())));
        let store = Arc::clone(&database.store);
        let metrics = Arc::new(Metrics::default());
        let engine = Engine::start(store, reads, shared(), metrics, DoorOptions::default());
        engine.bound_to("ins_1".to_owned());
        Self { database, clock, model, engine }
    }

    async fn deliver(&self, event: &(usize, Vec<u8>)) -> Receipt {
        self.engine.receive(&format!("msg_{}", event.0), &event.1).await
    }

    /// As its sender does, who comes again when told so. A kept letter must heal.
    async fn deliver_until_taken(&self, event: &(usize, Vec<u8>)) -> bool {
        for _ in 0..20 {
            match self.deliver(event).await {
                Receipt::TryLater { after } => self.clock.advance(after),
                receipt => return matches!(receipt, Receipt::Accepted | Receipt::Buried),
            }
            SystemClock::new().sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Names by user; `None` without a row.
    async fn names(&self) -> BTreeMap<String, Option<String>> {
        let mut names: BTreeMap<String, Option<String>> =
            self.model.users().keys().map(|id| (id.clone(), None)).collect();
        for row in self.database.store.rows(None, 100).await.expect("readable") {
            if let (Value::Text(id), Value::Text(name)) = (&row[0], &row[1]) {
                names.insert(id.clone(), Some(name.clone()));
            }
        }
        names
    }

    fn truth(&self) -> BTreeMap<String, Option<String>> {
        let users = self.model.users();
        users.iter().map(|(id, look)| (id.clone(), look.clone().map(|(name, _)| name))).collect()
    }

    /// Waits until the table is as Clerk has it and no letter is left.
    async fn ends_well(&self) -> Result<(), TestCaseError> {
        for _ in 0..400 {
            let letters = self.database.store.dead_letters(0, 10).await.expect("readable");
            if letters.is_empty() && self.names().await == self.truth() {
                return Ok(());
            }
            self.clock.advance(Duration::from_secs(2));
            SystemClock::new().sleep(Duration::from_millis(5)).await;
        }
        let letters = self.database.store.dead_letters(0, 10).await.expect("readable");
        prop_assert_eq!(self.names().await, self.truth());
        prop_assert!(letters.is_empty(), "{letters:?}");
        Ok(())
    }
}

async fn run(world: &World, steps: Vec<Step>, order: u32) -> Result<(), TestCaseError> {
    let mut events: Vec<(usize, Vec<u8>)> = Vec::new();
    for step in steps {
        let new: Vec<Vec<u8>> = match step {
            Step::Rename(user, name) => {
                world.model.rename(user, &format!("name {name}")).into_iter().collect()
            }
            Step::Swap(one, other) => world.model.swap(one, other),
            Step::Delete(user) => world.model.delete(user).into_iter().collect(),
            Step::Deliver(index) if !events.is_empty() => {
                world.deliver(index.get(&events)).await;
                Vec::new()
            }
            Step::DeliverTogether(indexes) if !events.is_empty() => {
                let all = indexes.iter().map(|index| world.deliver(index.get(&events)));
                futures_util::future::join_all(all).await;
                Vec::new()
            }
            Step::Deliver(_) | Step::DeliverTogether(_) => Vec::new(),
        };
        for body in new {
            events.push((events.len(), body));
        }
    }
    // Each of them once more, in any order, two at a time.
    events.sort_by_key(|(number, _)| order.wrapping_mul(*number as u32 + 1) % 1_009);
    for pair in events.chunks(2) {
        let all = pair.iter().map(|event| world.deliver_until_taken(event));
        for taken in futures_util::future::join_all(all).await {
            prop_assert!(taken, "an event is never taken");
        }
    }
    world.ends_well().await?;
    let feed = world.database.store.changes(0, 100_000).await.expect("readable");
    let numbers: Vec<i64> = feed.entries.iter().map(|entry| entry.number).collect();
    prop_assert_eq!(numbers, (1..=feed.last_number).collect::<Vec<_>>());
    world.engine.drain().await;
    world.database.store.close().await;
    Ok(())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = (12 * default.cases).div_ceil(256);
    ProptestConfig { cases, max_shrink_iters: 100, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn names_end_where_clerk_has_them_on_sqlite(steps in prop::collection::vec(step(), 1..40), order: u32) {
        block_on(async { run(&World::on(databases::sqlite().await).await, steps, order).await })?;
    }

    #[test]
    fn names_end_where_clerk_has_them_on_postgres(steps in prop::collection::vec(step(), 1..40), order: u32) {
        block_on(async { run(&World::on(databases::postgres().await).await, steps, order).await })?;
    }

    #[test]
    fn names_end_where_clerk_has_them_on_mysql(steps in prop::collection::vec(step(), 1..40), order: u32) {
        block_on(async { run(&World::on(databases::mysql().await).await, steps, order).await })?;
    }
}

/// A column that may not be null: what was freed is taken in turn, and only a swap is too much.
#[tokio::test]
async fn not_null_allows_chains_and_refuses_swaps() {
    let database = databases::postgres().await;
    database.run_sql("alter table users alter column username set not null").await;
    let world = World::on(database).await;
    let mut old = Vec::new();
    for user in 0..3 {
        old.extend(world.model.rename(user, &format!("name {user}")));
    }
    for (number, body) in old.into_iter().enumerate() {
        assert_eq!(world.deliver(&(number, body)).await, Receipt::Accepted);
    }
    // Only the last of a chain is told of.
    world.model.rename(2, "free");
    world.model.rename(1, "name 2");
    let last = world.model.rename(0, "name 1").expect("free in Clerk");
    assert_eq!(world.deliver(&(10, last)).await, Receipt::Accepted);
    assert_eq!(world.names().await, world.truth());

    let swap = world.model.swap(0, 1);
    assert_eq!(world.deliver(&(20, swap[1].clone())).await, Receipt::Buried);
    let letters = world.database.store.dead_letters(0, 10).await.expect("readable");
    let reason = &letters[0].letter.reason;
    assert!(reason.contains("username") && reason.contains("NOT NULL"), "{reason}");
    // One of them moves out of the way.
    let away = world.model.rename(0, "elsewhere").expect("free in Clerk");
    assert_eq!(world.deliver(&(30, away)).await, Receipt::Accepted);
    world.ends_well().await.expect("healed");
}
