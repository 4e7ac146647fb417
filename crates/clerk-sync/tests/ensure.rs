//! Two processes over one real database: what one deletes the other refuses.
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

#[path = "databases/mod.rs"]
mod databases;

use clerk_auth::clock::{Clock, SystemClock};
use clerk_sync::{
    clerk::{
        Budget, ClerkApi, ClerkError, ClerkErrorKind, Instance, Permit, Reads, UserAnswer, UsersAnswer,
        UsersQuery,
    },
    database_url::DatabaseUrl,
    engine::{DoorOptions, Engine},
    ensure::{EnsureError, EnsureOptions, EnsureUsers, Ensured},
    metrics::Metrics,
    observation::{Flow, Observation},
    store::{
        self,
        conformance::{self, Fixture},
    },
    user_id::UserId,
};
use databases::Database;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(3);

/// Knows everyone, and counts who asks.
#[derive(Debug, Default)]
struct Clerk {
    calls: AtomicUsize,
}

#[async_trait::async_trait]
impl ClerkApi for Clerk {
    async fn user(&self, _permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let json = format!(r#"{{"id":"{user}","created_at":1,"updated_at":5,"username":"ada"}}"#);
        Ok(UserAnswer { user: Some(json.into()), date_ms: Some(9_000) })
    }

    async fn users(&self, _permit: Permit, _query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
    }

    async fn count(&self, _permit: Permit) -> Result<i64, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
    }

    async fn instance(&self, _permit: Permit) -> Result<Instance, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
    }
}

/// One of several processes on a database.
struct Replica {
    engine: Engine,
    users: EnsureUsers,
    clerk: Arc<Clerk>,
    clock: Arc<SystemClock>,
}

impl Replica {
    async fn on(database: &Database) -> Self {
        let url = DatabaseUrl::parse(&database.url).expect("a URL");
        let store = store::open(&url, conformance::mapping()).await.expect("a store");
        let (clerk, clock) = (Arc::new(Clerk::default()), Arc::new(SystemClock::new()));
        let shared = || Arc::clone(&clock) as Arc<dyn Clock>;
        let budget = Arc::new(Budget::new(1_000, shared()));
        let reads = Reads::new(Arc::clone(&clerk) as Arc<dyn ClerkApi>, budget);
        let engine =
            Engine::start(store, reads, shared(), Arc::new(Metrics::default()), DoorOptions::default());
        let users = EnsureUsers::start(&engine, EnsureOptions::default());
        let replica = Self { engine, users, clerk, clock };
        replica
            .within(Duration::from_secs(5), "the feed is followed", |r| r.users.feed_age().is_some())
            .await;
        replica
    }

    /// Waits at most so long until something is so.
    async fn within(&self, most: Duration, what: &str, is_so: impl Fn(&Self) -> bool) {
        let give_up = self.clock.monotonic() + most;
        while !is_so(self) {
            assert!(self.clock.monotonic() < give_up, "not within {most:?}: {what}");
            self.clock.sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ensure(&self, id: &str) -> Result<Ensured, EnsureError> {
        self.users.ensure(&user(id), None, PATIENCE).await
    }

    async fn delete(&self, id: &str) {
        let gone = Observation::gone(user(id), self.engine.mapping(), 10_000, Flow::Webhook);
        self.engine.apply(gone).await.expect("written");
    }
}

fn user(id: &str) -> UserId {
    UserId::try_new(id).expect("an id")
}

const SECOND: Duration = Duration::from_secs(1);

async fn deletions_cross_processes(database: &Database) {
    let (one, other) = (Replica::on(database).await, Replica::on(database).await);
    assert_eq!(one.ensure("user_1").await, Ok(Ensured::Made));
    assert_eq!(other.ensure("user_1").await, Ok(Ensured::Found));
    assert_eq!((one.clerk.calls.load(Ordering::SeqCst), other.clerk.calls.load(Ordering::SeqCst)), (1, 0));
    assert!(one.users.is_known("user_1") && other.users.is_known("user_1"));
    one.delete("user_1").await;
    assert!(!one.users.is_known("user_1"), "at once where it was committed");
    other.within(SECOND, "the deletion is heard", |r| !r.users.is_known("user_1")).await;
    assert_eq!(other.ensure("user_1").await, Err(EnsureError::Deleted));
    assert_eq!(other.clerk.calls.load(Ordering::SeqCst), 0);

    // Rows that somebody deletes by hand, which the ledger does not know.
    assert_eq!(one.ensure("user_2").await, Ok(Ensured::Made));
    database.run_sql("delete from users where clerk_id = 'user_2'").await;
    one.users.forget(&user("user_2"));
    assert_eq!(one.ensure("user_2").await, Ok(Ensured::Made), "written again though nothing is new");
    assert!(database.store().row(&user("user_2")).await.expect("readable").is_some());

    // A restored backup.
    assert_eq!(other.ensure("user_2").await, Ok(Ensured::Found));
    database.run_sql("update clerk_sync_meta set epoch = 'restored' where id = 1").await;
    other.within(SECOND, "the epoch is noticed", |r| !r.users.is_known("user_2")).await;
    assert_eq!(other.ensure("user_2").await, Ok(Ensured::Found));
    assert!(other.users.is_known("user_2"));
}

/// Many ask two processes for one new user: each asks Clerk once at most, and there is one row and one change.
async fn a_rush_makes_one_row(database: &Database) {
    let (one, other) = (Replica::on(database).await, Replica::on(database).await);
    let asked = (0..40).map(|i| if i % 2 == 0 { one.ensure("user_1") } else { other.ensure("user_1") });
    for outcome in futures_util::future::join_all(asked).await {
        assert!(matches!(outcome, Ok(Ensured::Made | Ensured::Found)), "{outcome:?}");
    }
    for replica in [&one, &other] {
        assert!(replica.clerk.calls.load(Ordering::SeqCst) <= 1);
    }
    assert_eq!(database.store().changes(0, 10).await.expect("readable").entries.len(), 1);
}

macro_rules! on_every_database {
    ($($database:ident),*) => {
        $(mod $database {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn deletions_cross_processes() {
                super::deletions_cross_processes(&super::databases::$database().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_rush_makes_one_row() {
                super::a_rush_makes_one_row(&super::databases::$database().await).await;
            }
        })*
    };
}

on_every_database!(postgres, mysql, sqlite);

/// Sooner than the next look would come. Mirrors in other schemas of the server ring as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_rings_for_deletions() {
    let database = databases::postgres().await;
    let one = Replica::on(&database).await;
    let url = DatabaseUrl::parse(&database.url).expect("a URL");
    let store = store::open(&url, conformance::mapping()).await.expect("a store");
    let mut bell = store.bell().expect("PostgreSQL has one");
    bell.rung().await.expect("connected");
    one.ensure("user_1").await.expect("made");
    let clock = SystemClock::new();
    one.delete("user_1").await;
    tokio::select! {
        rung = bell.rung() => rung.expect("rung"),
        () = clock.sleep(Duration::from_secs(2)) => panic!("it did not ring"),
    }
}
