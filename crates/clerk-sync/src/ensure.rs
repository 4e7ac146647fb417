//! No signed-in request without its row: flows A, C and D, as far as they know no HTTP.
//!
//! [`EnsureUsers::is_known`] answers nearly every request from memory. Where it cannot, [`EnsureUsers::ensure`] looks into
//! the database, and only if the row is missing there asks Clerk. [`EnsureUsers::visit`] is for a person who comes from
//! sign-up, or returns: it reads from Clerk unless the row was written a moment ago.
//!
//! What is remembered is only ever "the row is there". A deletion is forgotten at once in the process that commits it,
//! and by all others as soon as they hear of it from the feed, which they look at twice a second.

mod cold;
mod flights;
mod follower;
mod known;
mod layer;
mod provisional;
mod recent;

pub use layer::{EnsureUserLayer, EnsureUserService};

use crate::{
    engine::{Engine, Observer},
    metrics::{EnsureCounters, Metrics},
    observation::Observation,
    rule::{State, Verdict},
    store::{Applied, Store},
    user_id::UserId,
};
use clerk_auth::clock::Clock;
use flights::{Flights, Purpose};
use known::Known;
use recent::Recent;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Without a look at the feed for longer than this nobody is known.
const FRESH: Duration = Duration::from_secs(5);
/// A row that was written so lately needs no read.
const JUST_WRITTEN: Duration = Duration::from_secs(5);
/// For so long Clerk's "no such user" is not asked for again.
const DENIED: Duration = Duration::from_millis(1_500);
/// Of either kind of note.
const MOST_NOTES: usize = 20_000;

/// Sizes and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnsureOptions {
    /// Users that are remembered at once; of more, those that were not asked for lately are forgotten.
    pub max_known: usize,
    /// How often the feed is looked at for deletions by other processes.
    pub poll_every: Duration,
}

impl Default for EnsureOptions {
    fn default() -> Self {
        Self { max_known: 100_000, poll_every: Duration::from_millis(500) }
    }
}

/// How it comes that a user's request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ensured {
    /// The row was seen by this process before.
    Known,
    /// The row was there.
    Found,
    /// The row was missing and is there now.
    Made,
    /// The row holds what the session's claims say, until Clerk can be asked.
    Provisional,
}

impl Ensured {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Found => "found",
            Self::Made => "made",
            Self::Provisional => "provisional",
        }
    }
}

/// Why a user's request may not pass. The texts are for anyone to see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnsureError {
    /// The user was deleted, whatever its session says. Sign it out (401). `sync --force` brings back one that was
    /// deleted by mistake.
    #[error("this user was deleted")]
    Deleted,
    /// Clerk knows no such user, which is no deletion yet: for a user of seconds it may mean nothing. Refuse (401, or 404
    /// on a page); another try in a few seconds asks again.
    #[error("Clerk knows no such user")]
    NotFound,
    /// The row is missing and Clerk, or our budget of requests, cannot say yet what belongs into it. Answer 503; the
    /// same works later.
    #[error("this user cannot be read from Clerk now")]
    ClerkAway {
        /// When to try again, if Clerk, the budget or experience says.
        retry_after: Option<Duration>,
    },
    /// The database cannot be asked or written now. Answer 503; the same works later.
    #[error("the database cannot answer now")]
    DatabaseAway,
    /// Too many users without a row, or too many changes, wait already. Answer 503; try again in a second.
    #[error("too many requests wait already")]
    Overloaded,
    /// Clerk has the user and its row can never be written: the database refuses it, or a column cannot hold its value.
    /// Answer 409; an operator acts (the log says why).
    #[error("this user's row cannot be written")]
    Conflict,
    /// The engine is shutting down. Answer 503; another process has the answer.
    #[error("shutting down")]
    Closed,
}

impl EnsureError {
    /// The name in metrics, and a stable code for answers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::NotFound => "not_found",
            Self::ClerkAway { .. } => "clerk_away",
            Self::DatabaseAway => "database_away",
            Self::Overloaded => "overloaded",
            Self::Conflict => "conflict",
            Self::Closed => "closed",
        }
    }

    /// Whether the same may work later without anyone's help.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Deleted | Self::NotFound | Self::Conflict)
    }
}

/// See the module. Cheap to clone; clones share their memory.
#[derive(Debug, Clone)]
pub struct EnsureUsers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    counters: EnsureCounters,
    known: Known,
    /// Rows that this process wrote.
    commits: Recent<()>,
    /// What Clerk denied, or the database refused for good.
    denials: Recent<EnsureError>,
    flights: Arc<Flights>,
    /// When the feed was last looked at to its end, by the monotonic clock: ms, and 1 more. 0: never yet.
    looked: AtomicU64,
    /// Tells the tasks, by being dropped, that nobody asks any more.
    alive: watch::Sender<()>,
}

impl EnsureUsers {
    /// Begins to follow the feed, on the current tokio runtime. It ends with the last clone, or with the engine.
    pub fn start(engine: &Engine, options: EnsureOptions) -> Self {
        let (store, clock) = (Arc::clone(engine.store()), Arc::clone(engine.clock()));
        let inner = Arc::new(Inner {
            engine: engine.clone(),
            metrics: Arc::clone(engine.metrics()),
            counters: engine.metrics().ensure_counters(),
            known: Known::new(options.max_known),
            commits: Recent::new(JUST_WRITTEN, MOST_NOTES),
            denials: Recent::new(DENIED, MOST_NOTES),
            flights: Arc::default(),
            looked: AtomicU64::new(0),
            alive: watch::Sender::new(()),
            store,
            clock,
        });
        let observer: Arc<dyn Observer> = Arc::clone(&inner) as Arc<dyn Observer>;
        engine.observe(Arc::downgrade(&observer));
        let wake = Arc::new(Notify::new());
        let end = follower::End { alive: inner.alive.subscribe(), draining: engine.draining() };
        if let Some(bell) = inner.store.bell() {
            tokio::spawn(follower::listen(bell, Arc::clone(&inner.clock), Arc::clone(&wake), end.clone()));
        }
        let (weak, clock) = (Arc::downgrade(&inner), Arc::clone(&inner.clock));
        tokio::spawn(follower::run(weak, clock, wake, options.poll_every, end));
        Self { inner }
    }

    /// Whether the user's row was seen by this process and not deleted since, as far as the feed told within the last
    /// five seconds. Takes no lock and does no I/O. False means only that [`EnsureUsers::ensure`] must look.
    pub fn is_known(&self, user: &str) -> bool {
        let known = self.inner.is_fresh() && self.inner.known.contains(user);
        if known {
            self.inner.counters.known.inc();
        }
        known
    }

    /// Makes sure that the user's row is there (flow D). `claims`: those of its verified session, from which a
    /// provisional row may be made while Clerk is away. `patience`: how long a person may be kept waiting; a read
    /// from Clerk that takes longer goes on, and the next call joins it.
    ///
    /// # Errors
    /// See [`EnsureError`].
    pub async fn ensure(
        &self,
        user: &UserId,
        claims: Option<&serde_json::Map<String, serde_json::Value>>,
        patience: Duration,
    ) -> Result<Ensured, EnsureError> {
        if self.is_known(user.as_str()) {
            return Ok(Ensured::Known);
        }
        let cold = self.inner.cold(user, Purpose::Ensure, patience).await;
        let outcome = match (&cold.outcome, claims) {
            (Err(EnsureError::ClerkAway { .. }), Some(claims)) => {
                let stood_in = self.inner.stand_in(user, claims, cold.phase, patience).await;
                stood_in.unwrap_or(cold.outcome)
            }
            _ => cold.outcome,
        };
        self.inner.metrics.ensure("ensure", outcome_name(&outcome));
        outcome
    }

    /// Makes sure that the user's row is there and as Clerk says now (flows A and C). A row that this process wrote
    /// within the last five seconds needs no read. `patience`: as for [`EnsureUsers::ensure`].
    ///
    /// # Errors
    /// See [`EnsureError`].
    pub async fn visit(&self, user: &UserId, patience: Duration) -> Result<Ensured, EnsureError> {
        let inner = &self.inner;
        let outcome = if inner.commits.get(user, inner.clock.monotonic()).is_some() {
            Ok(Ensured::Found)
        } else {
            inner.cold(user, Purpose::Visit, patience).await.outcome
        };
        inner.metrics.ensure("visit", outcome_name(&outcome));
        outcome
    }

    /// Looks the user up again at its next request. For hosts that change rows or the ledger by other means.
    pub fn forget(&self, user: &UserId) {
        self.inner.forget(user);
    }

    /// How long ago the feed was last looked at to its end; `None` if it never was.
    pub fn feed_age(&self) -> Option<Duration> {
        self.inner.feed_age()
    }
}

fn outcome_name(outcome: &Result<Ensured, EnsureError>) -> &'static str {
    match outcome {
        Ok(ensured) => ensured.name(),
        Err(error) => error.code(),
    }
}

impl Inner {
    fn feed_age(&self) -> Option<Duration> {
        let looked = self.looked.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.clock.monotonic().saturating_sub(Duration::from_millis(looked)))
    }

    fn is_fresh(&self) -> bool {
        self.feed_age().is_some_and(|age| age <= FRESH)
    }

    /// The feed was looked at to its end, as it was at `began` or later.
    fn looked(&self, began: Duration) {
        let ms = u64::try_from(began.as_millis()).unwrap_or(u64::MAX - 1);
        self.looked.store(ms.saturating_add(1), Ordering::Release);
        self.metrics.feed_looked_at(self.clock.now_ms() / 1_000, self.known.len());
    }

    fn forget(&self, user: &UserId) {
        self.known.remove(user.as_str());
        self.commits.remove(user);
        self.denials.remove(user);
    }

    fn forget_everyone(&self) {
        self.known.clear();
        self.commits.clear();
        self.denials.clear();
    }
}

impl Observer for Inner {
    fn committed(&self, observation: &Observation, applied: &Applied) {
        let user = &observation.user;
        match applied.standing.map(|standing| standing.state) {
            Some(State::Gone) => self.forget(user),
            Some(State::Present) => {
                self.denials.remove(user);
                if applied.verdict == Verdict::Stands {
                    self.commits.note(user, self.clock.monotonic(), ());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
