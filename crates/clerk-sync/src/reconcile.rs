//! Flow E: the table heals by itself, with every webhook lost.
//!
//! An *import* reads every user once, a *catch-up* what changed lately, a *scrub* compares everything and finds the
//! deletions that nobody told of. All of them only observe: the rule decides, the engine's door writes. Progress is
//! written in the transaction of what it tells of, so that whoever goes on, after whatever end, goes on from there.

mod catch_up;
mod confirm;
mod counter;
mod error;
mod finding;
mod guard;
mod hold;
mod import;
mod keeper;
mod links;
mod pages;
mod record;
mod schedule;
mod scrub;
mod scrub_window;
mod sizes;
mod timers;
mod walk;
mod windows;
mod write;

pub use catch_up::CaughtUp;
pub use error::PassError;
pub use finding::{Difference, DifferenceKind};
pub use guard::MaxDeletes;
pub use hold::{Hold, HoldError};
pub use import::{Imported, MAX_PARALLEL};
pub use links::{Foreseen, Links};
pub use record::{CatchUpRecord, Floor, ImportRecord, Overview, ScrubRecord};
use scrub::Scrub;
pub use scrub::Scrubbed;
pub use timers::{LEASE, Schedule, Timers};

use crate::{
    clerk::{Budget, ClerkApi, Lane},
    engine::Engine,
    instance,
    mapping::{MappedUser, UnreadableUser},
    observation::{Flow, Observation},
    store::{NewDeadLetter, Store},
    user_id::UserId,
};
use clerk_auth::clock::Clock;
use counter::Counter;
use links::LinkTally;
use sizes::Sizes;
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// Dead letters remembered as told at most; beyond it the log repeats itself.
const MOST_TOLD: usize = 10_000;

/// What reconciles: a mirror's engine with the way to Clerk's lists. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reconciler {
    engine: Engine,
    api: Arc<dyn ClerkApi>,
    budget: Arc<Budget>,
    counter: Arc<Counter>,
    max_deletes: MaxDeletes,
    /// Whether Clerk has said that the key belongs to this database's instance.
    verified: Arc<AtomicBool>,
    /// Dead letters that the log tells of already: the same user is walked past again and again.
    told: Arc<Mutex<HashSet<i64>>>,
    sizes: Sizes,
}

impl Reconciler {
    /// Compares everything now, from the beginning. `confirmed`: so many deletions were confirmed by a person.
    ///
    /// # Errors
    /// See [`PassError`].
    pub async fn scrub(
        &self,
        pass: &Pass,
        confirmed: Option<u64>,
        tally: &Arc<Tally>,
    ) -> Result<Scrubbed, PassError> {
        self.verify_instance(pass).await?;
        let mut scrub = Scrub::start(self, Arc::clone(tally), false, false, confirmed).await?;
        scrub.stays = true;
        self.store().commit_noting(&[], &scrub.anew(pass.token)?).await?;
        loop {
            if let Some(scrubbed) = scrub.step(self, pass).await? {
                return Ok(scrubbed);
            }
        }
    }

    /// The same, but nothing is written: each difference is told to `tell`.
    ///
    /// # Errors
    /// See [`PassError`].
    pub async fn look(
        &self,
        pass: &Pass,
        tally: &Arc<Tally>,
        mut tell: impl FnMut(Difference),
    ) -> Result<Scrubbed, PassError> {
        self.verify_instance(pass).await?;
        let mut scrub = Scrub::start(self, Arc::clone(tally), false, true, None).await?;
        loop {
            let ended = scrub.step(self, pass).await?;
            scrub.found.drain(..).for_each(&mut tell);
            if let Some(scrubbed) = ended {
                return Ok(scrubbed);
            }
        }
    }
}

/// Under which conditions a pass is made.
#[derive(Debug, Clone)]
pub struct Pass {
    /// In which lane it asks Clerk: [`Lane::Background`] for timers, [`Lane::Bulk`] for a person.
    pub lane: Lane,
    /// The fencing token of the lease that it is made under; `None` for one that needs none.
    pub token: Option<i64>,
    /// Ends it between two pages.
    pub stop: CancellationToken,
    /// How often a call that fails is made before the pass ends.
    pub attempts: u32,
}

impl Pass {
    fn check(&self) -> Result<(), PassError> {
        if self.stop.is_cancelled() { Err(PassError::Stopped) } else { Ok(()) }
    }
}

/// How far a pass is, for whoever watches.
#[derive(Debug, Default)]
pub struct Tally {
    seen: AtomicI64,
    expected: AtomicI64,
    calls: AtomicU64,
    written: AtomicU64,
    refused: AtomicU64,
    links: LinkTally,
}

impl Tally {
    /// Users seen in Clerk so far.
    pub fn seen(&self) -> i64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Clerk's count of users, 0 until it is known.
    pub fn expected(&self) -> i64 {
        self.expected.load(Ordering::Relaxed)
    }

    /// Calls made to Clerk.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Rows written or deleted.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Users that could not be written; each is kept as a dead letter.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// What became of the search for rows of before.
    pub fn links(&self) -> Links {
        self.links.so_far()
    }

    fn see(&self, users: i64) {
        self.seen.fetch_add(users, Ordering::Relaxed);
    }

    fn expect(&self, users: i64) {
        self.expected.store(users, Ordering::Relaxed);
    }

    /// Whether as many users were seen as Clerk says there are.
    fn is_complete(&self) -> bool {
        self.seen() >= self.expected()
    }
}

impl Reconciler {
    /// Reads lists through `api` within `budget`, and writes through `engine`.
    pub fn new(engine: Engine, api: Arc<dyn ClerkApi>, budget: Arc<Budget>, max_deletes: MaxDeletes) -> Self {
        let (counter, verified, told) = (Arc::default(), Arc::default(), Arc::default());
        Self { engine, api, budget, counter, max_deletes, verified, told, sizes: Sizes::default() }
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.engine.store()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.engine.clock()
    }

    /// What is known of all passes.
    ///
    /// # Errors
    /// Where the database cannot say.
    pub async fn overview(&self) -> Result<Overview, PassError> {
        Overview::read(self.store().as_ref()).await
    }

    /// Asks Clerk whose key this is, once in the life of a process: a key that was seen before may be sent to another
    /// address now.
    async fn verify_instance(&self, pass: &Pass) -> Result<(), PassError> {
        if self.verified.load(Ordering::Relaxed) {
            return Ok(());
        }
        let permit = self.permit(pass).await?;
        let found = self.api.instance(permit).await.inspect_err(|error| self.heard(error))?.id;
        let bound = self.store().binding().await?.map(|binding| binding.instance_id);
        match bound {
            Some(bound) if bound != found => Err(instance::BindError::OtherInstance { bound, found }.into()),
            _ => {
                self.verified.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Obeys what Clerk says of its rate limit.
    fn heard(&self, error: &crate::clerk::ClerkError) {
        if let Some(retry_after) = error.retry_after() {
            self.budget.throttled(retry_after);
        }
    }

    /// A user of a list as an observation. Without a date the list is as of the last change that it knows of.
    fn observation(&self, mut user: MappedUser, date_ms: Option<i64>, flow: Flow) -> Observation {
        let as_of = date_ms.unwrap_or(user.updated_at);
        user.updated_at = crate::doubt::believable_updated_at(user.updated_at, as_of);
        let mut observation = Observation::present(user, self.engine.mapping(), as_of, flow);
        observation.claim.quiet = true;
        observation
    }

    /// Keeps a user that could not be read or written, so that nobody is left out in silence.
    async fn bury(&self, user: Option<UserId>, flow: Flow, reason: String) -> Result<(), PassError> {
        let number = self
            .store()
            .bury(&NewDeadLetter {
                // One letter for each user, however often it is walked past.
                message_id: user.as_ref().map(|user| format!("{flow}:{user}").chars().take(255).collect()),
                event_type: flow.name().to_owned(),
                user,
                reason: reason.clone(),
                mapped: None,
                buried_at: self.clock().now_ms(),
            })
            .await?;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && !told.insert(number) {
            return Ok(());
        }
        tracing::error!(
            dead_letter = number,
            reason,
            "a user of Clerk's list cannot be written: see clerk-sync dead-letters show {number}"
        );
        Ok(())
    }

    async fn bury_unreadable(
        &self,
        unreadable: Vec<UnreadableUser>,
        flow: Flow,
        tally: &Tally,
    ) -> Result<(), PassError> {
        for user in unreadable {
            tally.refused.fetch_add(1, Ordering::Relaxed);
            self.bury(user.id, flow, format!("Clerk's user cannot be mapped: {}", user.error)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
