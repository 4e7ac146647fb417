//! One process: an engine, a reconciler and its timers, between a Clerk and a database.

use super::{
    clerk::ModelClerk,
    life::Life,
    store::{Database, TroubledStore},
};
use crate::{
    clerk::{
        Budget, ClerkApi, ClerkError, Instance, Lane, Permit, Reads, UserAnswer, UsersAnswer, UsersQuery,
        shares,
    },
    engine::{DoorOptions, Engine, testing::INSTANCE},
    metrics::Metrics,
    reconcile::{LEASE, MaxDeletes, Pass, Reconciler, Schedule, Timers, sizes::Sizes},
    store::{Coordination, Store},
    user_id::UserId,
};
use async_trait::async_trait;
use clerk_auth::clock::Clock;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// See the module.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) life: Arc<Life>,
    pub(crate) store: Arc<TroubledStore>,
    pub(crate) engine: Engine,
    pub(crate) reconciler: Reconciler,
    stop: CancellationToken,
    timers: Option<JoinHandle<()>>,
}

/// How a process is set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Names it among the others.
    pub(crate) name: String,
    pub(crate) skew_ms: i64,
    /// Clerk's limit, calls in ten seconds.
    pub(crate) limit: u32,
    /// Whether it shares the limit with others.
    pub(crate) shares: bool,
    pub(crate) max_deletes: MaxDeletes,
    pub(crate) sizes: Sizes,
}

impl Process {
    pub(crate) fn start(
        clerk: &Arc<ModelClerk>,
        database: &Arc<Database>,
        began: Instant,
        setup: &Setup,
    ) -> Self {
        let &Setup { skew_ms, limit, shares, max_deletes, sizes, .. } = setup;
        let stop = CancellationToken::new();
        let life = Arc::new(Life::new(began, skew_ms));
        let store = TroubledStore::new(Arc::clone(database), Arc::clone(&life));
        let clock = || Arc::clone(&life) as Arc<dyn Clock>;
        let budget =
            Arc::new(if shares { Budget::shared(limit, clock()) } else { Budget::new(limit, clock()) });
        if shares {
            let (budget, stop, name) = (Arc::clone(&budget), stop.clone(), setup.name.clone());
            let desk = Arc::clone(&store) as Arc<dyn Store>;
            tokio::spawn(async move { shares::share(&budget, &desk, &name, &stop).await });
        }
        let api: Arc<dyn ClerkApi> = Arc::new(Line { clerk: Arc::clone(clerk), life: Arc::clone(&life) });
        let reads = Reads::new(Arc::clone(&api), Arc::clone(&budget));
        let engine = Engine::start(
            Arc::clone(&store) as Arc<dyn Store>,
            reads,
            clock(),
            Arc::new(Metrics::default()),
            DoorOptions::default(),
        );
        engine.bound_to(INSTANCE.to_owned());
        let mut reconciler = Reconciler::new(engine.clone(), api, budget, max_deletes);
        reconciler.sizes = sizes;
        Self { life, store, engine, reconciler, stop, timers: None }
    }

    pub(crate) fn run_timers(&mut self, schedule: Schedule) {
        let timers = Timers::new(self.reconciler.clone(), schedule);
        self.timers = Some(tokio::spawn(timers.run(self.stop.clone())));
    }

    pub(crate) fn kill(&self) {
        self.life.kill();
    }

    /// As a `SIGTERM` does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = async {
            if let Some(timers) = self.timers {
                timers.await.expect("no panic in the timers");
            }
            self.engine.drain().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(30), ended).await;
        self.life.kill();
    }

    /// A pass made by nobody's timer.
    pub(crate) fn pass(&self, token: Option<i64>) -> Pass {
        Pass { lane: Lane::Bulk, token, stop: self.stop.clone(), attempts: 4 }
    }

    /// Takes the lease as a person's command does, and keeps it while this process lives. `None` if nobody lets go.
    pub(crate) async fn insist(&self, holder: &str) -> Option<i64> {
        for _ in 0..60 {
            match self.store.take_lease(holder, LEASE, true).await {
                Ok(lease) if lease.holder == holder => {
                    let (store, life, stop) =
                        (Arc::clone(&self.store), Arc::clone(&self.life), self.stop.clone());
                    let holder = holder.to_owned();
                    tokio::spawn(async move {
                        while !stop.is_cancelled() {
                            life.sleep(Duration::from_secs(3)).await;
                            let _ = store.take_lease(&holder, LEASE, false).await;
                        }
                    });
                    return Some(lease.token);
                }
                _ => self.life.sleep(Duration::from_secs(1)).await,
            }
        }
        None
    }
}

/// The way of one process to Clerk.
#[derive(Debug)]
struct Line {
    clerk: Arc<ModelClerk>,
    life: Arc<Life>,
}

#[async_trait]
impl ClerkApi for Line {
    async fn user(&self, permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError> {
        self.life.goes_on().await;
        let answer = self.clerk.user(permit, user).await;
        self.life.goes_on().await;
        answer
    }

    async fn users(&self, permit: Permit, query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        self.life.goes_on().await;
        let answer = self.clerk.users(permit, query).await;
        self.life.goes_on().await;
        answer
    }

    async fn count(&self, permit: Permit) -> Result<i64, ClerkError> {
        self.life.goes_on().await;
        let answer = self.clerk.count(permit).await;
        self.life.goes_on().await;
        answer
    }

    async fn instance(&self, permit: Permit) -> Result<Instance, ClerkError> {
        self.life.goes_on().await;
        let answer = self.clerk.instance(permit).await;
        self.life.goes_on().await;
        answer
    }
}
