//! The timers of `serve`: whoever holds the lease reconciles, and the others wait for it.

use super::{
    CaughtUp, Pass, PassError, Reconciler, Scrubbed, Tally,
    keeper::Keeping,
    record::Overview,
    schedule::{self, Task, View},
    scrub::Scrub,
};
use crate::{
    clerk::Lane,
    store::{Linking, Run},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long the lease lasts without being renewed: a killed leader is replaced within it.
pub const LEASE: Duration = Duration::from_secs(15);
/// How often it is renewed, and how often the others look whether it is free.
const RENEW_EVERY: Duration = Duration::from_secs(3);
const KEEPING: Keeping = Keeping { lease: LEASE, every: RENEW_EVERY, yields: true };
/// How long the end of a step is waited for when the lease is to be given away.
const LET_GO: Duration = Duration::from_secs(10);
/// No timer waits longer than this before it looks at the database again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// Calls of a pass that fail are repeated so often before the pass is cut short.
const ATTEMPTS: u32 = 4;

/// What runs by itself, and how often.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Names this process among those on the same database.
    pub holder: String,
    /// Whether to import while no import has completed.
    pub import: bool,
    /// How long between two catch-ups; `None` for never.
    pub catch_up_every: Option<Duration>,
    /// How long between two scrubs; `None` for never.
    pub scrub_every: Option<Duration>,
    /// Spreads the timers of several processes and deployments.
    pub seed: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Timers {
    reconciler: Reconciler,
    schedule: Schedule,
    jitter: u64,
    failures: u32,
    /// What failed last, until something else had its turn.
    failed: Option<Task>,
    told_idle: bool,
}

impl Timers {
    /// Timers that use `reconciler`.
    pub fn new(reconciler: Reconciler, schedule: Schedule) -> Self {
        let jitter = schedule.seed | 1;
        Self { reconciler, schedule, jitter, failures: 0, failed: None, told_idle: false }
    }

    /// Works until `stop`, then lets the lease go.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let store = Arc::clone(self.reconciler.store());
            match store.take_lease(&self.schedule.holder, LEASE, false).await {
                Ok(lease) if lease.holder == self.schedule.holder => {
                    tracing::debug!(token = lease.token, "this process reconciles");
                    self.reconciler.engine.metrics().leads(true);
                    self.lead(lease.token, &stop).await;
                    self.reconciler.engine.metrics().leads(false);
                    self.reconciler.release_lease(&self.schedule.holder).await;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the lease could not be asked for"),
            }
            let pause = self.jittered(RENEW_EVERY);
            self.wait(pause, &stop).await;
        }
    }

    /// Reconciles until the lease is lost, another process asks for it, or `stop`.
    async fn lead(&mut self, token: i64, stop: &CancellationToken) {
        let ended = stop.child_token();
        let keeping = {
            let (reconciler, holder, ended) =
                (self.reconciler.clone(), self.schedule.holder.clone(), ended.clone());
            tokio::spawn(async move { reconciler.keep_lease(&holder, token, KEEPING, &ended).await })
        };
        let clock = Arc::clone(self.reconciler.clock());
        tokio::select! {
            biased;
            () = self.work(token, &ended) => {}
            // A step that hangs must not keep the lease from whoever waits for it; fencing keeps it from writing.
            () = async { ended.cancelled().await; clock.sleep(LET_GO).await } => {}
        }
        ended.cancel();
        let _ = keeping.await;
    }

    async fn work(&mut self, token: i64, ended: &CancellationToken) {
        let mut scrub = None;
        while !ended.is_cancelled() {
            let pass =
                Pass { lane: Lane::Background, token: Some(token), stop: ended.clone(), attempts: ATTEMPTS };
            let wait = match self.step(&pass, &mut scrub).await {
                Ok(wait) => {
                    self.failures = 0;
                    wait
                }
                Err(error) if error.is_handover() => {
                    ended.cancel();
                    return;
                }
                Err(error) => {
                    // What it holds in memory may be half of a step.
                    scrub = None;
                    self.back_off(&error)
                }
            };
            self.wait(wait, ended).await;
        }
    }

    fn back_off(&mut self, error: &PassError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let pause = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(8)).min(LONGEST_BACKOFF);
        let pause = self.jittered(pause);
        tracing::warn!(%error, again_in_s = pause.as_secs(), "reconciling was cut short; it goes on from where it was");
        pause
    }

    /// Does what is due, and tells how long to wait for the next thing.
    async fn step(&mut self, pass: &Pass, scrub: &mut Option<Running>) -> Result<Duration, PassError> {
        let overview = self.reconciler.overview().await?;
        let now_ms = self.reconciler.clock().now_ms();
        let catch_up_every = self.schedule.catch_up_every.map(|every| self.jittered(every));
        let view = View {
            now_ms,
            overview: &overview,
            imports: self.schedule.import,
            catch_up_every,
            scrub_every: self.schedule.scrub_every,
            count_in: Duration::from_millis(self.reconciler.counter.due_in(now_ms).unsigned_abs()),
            disagrees: self
                .reconciler
                .counter
                .disagrees(overview.scrub.completed_at, overview.scrub.distance),
            fingerprint: self.reconciler.engine.mapping().fingerprint().0,
            stepped_at: scrub.as_ref().map(|running| running.stepped_at),
            hurried: scrub.as_ref().is_some_and(|running| running.hurried),
            skips: self.failed.take(),
        };
        let Some((task, wait)) = schedule::next(&view) else {
            if view.skips.is_some() {
                return Ok(Duration::ZERO);
            }
            self.tell_idle();
            return Ok(LOOK_AGAIN);
        };
        if !wait.is_zero() {
            return Ok(if view.skips.is_some() { Duration::ZERO } else { wait.min(LOOK_AGAIN) });
        }
        // Until it is done.
        self.failed = Some(task);
        match task {
            Task::Import => self.import(pass, &overview).await?,
            Task::CatchUp => {
                self.catch_up(pass).await?;
                if self.schedule.scrub_every.is_some() && view.count_in.is_zero() {
                    self.count(pass, &overview).await?;
                }
            }
            Task::Count => self.count(pass, &overview).await?,
            Task::ScrubStep => {
                let hurry =
                    Hurry { hurried: schedule::is_hurried(&view), remapped: schedule::is_remapped(&view) };
                self.scrub_step(pass, scrub, hurry, &overview).await?;
            }
        }
        self.failed = None;
        Ok(Duration::ZERO)
    }

    fn tell_idle(&mut self) {
        if !self.told_idle {
            tracing::warn!(
                "no import has completed and CLERK_SYNC_IMPORT is off: catch-up and scrub stay idle until \
                 clerk-sync backfill has completed once"
            );
            self.told_idle = true;
        }
    }

    async fn import(&self, pass: &Pass, overview: &Overview) -> Result<(), PassError> {
        if overview.import.started_at != 0 && overview.import.completed_at.is_none() {
            tracing::info!("the import goes on where it was interrupted; webhooks are taken meanwhile");
        } else if overview.is_imported() {
            tracing::info!("more has changed than a catch-up reads: everyone is imported again");
        } else {
            tracing::info!(
                "no import has completed yet: the existing users are imported; webhooks are taken meanwhile"
            );
        }
        let tally = Arc::new(Tally::default());
        let imported = self.watched(Run::Import, self.reconciler.import(pass, 1, &tally)).await?;
        tracing::info!(
            seen = imported.seen,
            written = tally.written(),
            refused = tally.refused(),
            linked = tally.links().count(Linking::Linked),
            difference = imported.difference,
            "the import is complete"
        );
        Ok(())
    }

    async fn catch_up(&self, pass: &Pass) -> Result<(), PassError> {
        let tally = Tally::default();
        match self.watched(Run::CatchUp, self.reconciler.catch_up(pass, &tally)).await? {
            CaughtUp::Done { written: 0 } => tracing::debug!("caught up: nothing new"),
            CaughtUp::Done { written } => {
                tracing::info!(written, calls = tally.calls(), "caught up with what no webhook had told");
            }
            CaughtUp::NeedsImport | CaughtUp::NotImported => {}
        }
        Ok(())
    }

    async fn count(&self, pass: &Pass, overview: &Overview) -> Result<(), PassError> {
        let count = self.reconciler.ask_count(pass, &Tally::default()).await?;
        let distance = count - self.reconciler.store().living_count().await?;
        let now_ms = self.reconciler.clock().now_ms();
        self.reconciler.counter.note(now_ms, overview.scrub.completed_at, distance);
        Ok(())
    }

    async fn scrub_step(
        &self,
        pass: &Pass,
        scrub: &mut Option<Running>,
        hurry: Hurry,
        overview: &Overview,
    ) -> Result<(), PassError> {
        let running = match scrub {
            Some(running) => running,
            None => scrub.insert(self.begin_scrub(pass, hurry, overview).await?),
        };
        running.hurried |= hurry.hurried;
        let ended = running.scrub.step(&self.reconciler, pass).await?;
        running.stepped_at = self.reconciler.clock().now_ms();
        if let Some(scrubbed) = ended {
            *scrub = None;
            self.reconciler.engine.metrics().pass(Run::Scrub.name(), "done");
            tell_scrubbed(&scrubbed);
        }
        Ok(())
    }

    async fn begin_scrub(
        &self,
        pass: &Pass,
        Hurry { hurried, remapped }: Hurry,
        overview: &Overview,
    ) -> Result<Running, PassError> {
        let resumes = overview.scrubbing;
        let tally = Arc::new(Tally::default());
        self.reconciler.verify_instance(pass).await?;
        let scrub = Scrub::start(&self.reconciler, tally, resumes, false, None).await?;
        if !resumes {
            self.reconciler.store().commit_noting(&[], &scrub.anew(pass.token)?).await?;
        }
        if remapped {
            tracing::info!(
                "the mapping has changed since everything was compared: every row is mapped anew, within the rate limit"
            );
        } else if hurried {
            tracing::info!("Clerk's count of users and ours have drifted apart: everything is compared now");
        }
        // One that was interrupted has waited long enough.
        Ok(Running { scrub, stepped_at: self.reconciler.clock().now_ms(), hurried: hurried || resumes })
    }

    /// Counts how a pass ends.
    async fn watched<T>(
        &self,
        run: Run,
        pass: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        let result = pass.await;
        let outcome = match &result {
            Ok(_) => "done",
            Err(error) if error.is_handover() => "stopped",
            Err(_) => "failed",
        };
        self.reconciler.engine.metrics().pass(run.name(), outcome);
        result
    }

    async fn wait(&self, pause: Duration, stop: &CancellationToken) {
        if pause.is_zero() {
            return;
        }
        tokio::select! {
            biased;
            () = self.reconciler.clock().sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }

    /// A tenth more or less, so that many deployments do not ask at the same moment.
    fn jittered(&mut self, span: Duration) -> Duration {
        // xorshift64: any spread will do.
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        span.mul_f64(0.9 + 0.2 * (self.jitter % 1_024) as f64 / 1_024.0)
    }
}

/// Why a scrub does not take its time.
#[derive(Debug, Clone, Copy)]
struct Hurry {
    hurried: bool,
    /// Because the mapping has changed.
    remapped: bool,
}

/// A scrub on its way.
#[derive(Debug)]
struct Running {
    scrub: Scrub,
    stepped_at: i64,
    hurried: bool,
}

fn tell_scrubbed(scrubbed: &Scrubbed) {
    let Scrubbed { seen, repaired, deleted, held, alive, unconfirmed, refused, complete } = *scrubbed;
    if repaired + deleted + held + alive + unconfirmed + refused == 0 && complete {
        tracing::info!(seen, "everything was compared: the table equals Clerk");
    } else {
        tracing::warn!(
            seen,
            repaired,
            deleted,
            held,
            alive,
            unconfirmed,
            refused,
            complete,
            "everything was compared, and there were differences"
        );
    }
}
