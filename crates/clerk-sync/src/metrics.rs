//! What is measured, by name. Label values come from fixed sets only: never an id.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    r#type: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    change: &'static str,
    flow: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EnsureLabels {
    flow: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    run: &'static str,
    outcome: &'static str,
}

/// Counters that are too hot to be looked up by their labels.
#[derive(Debug)]
pub(crate) struct EnsureCounters {
    /// Requests of known users.
    pub(crate) known: Counter,
}

/// All metrics of the library. Cheap to update; registered once by the host.
#[derive(Debug)]
pub struct Metrics {
    events: Family<EventLabels, Counter>,
    refusals: Family<ReasonLabels, Counter>,
    changes: Family<ChangeLabels, Counter>,
    clerk_calls: Family<CallLabels, Counter>,
    batch_size: Histogram,
    commit_seconds: Histogram,
    lag_seconds: Histogram,
    rejected: Counter,
    rereads_waiting: Gauge,
    rereads_given_up: Counter,
    queue_length: Gauge,
    ensures: Family<EnsureLabels, Counter>,
    known_users: Gauge,
    feed_looked_at: Gauge,
    passes: Family<PassLabels, Counter>,
    leading: Gauge,
    links: Family<LinkLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            events: Family::default(),
            refusals: Family::default(),
            changes: Family::default(),
            clerk_calls: Family::default(),
            batch_size: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]),
            commit_seconds: Histogram::new([
                0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
            ]),
            lag_seconds: Histogram::new([
                0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0,
            ]),
            rejected: Counter::default(),
            rereads_waiting: Gauge::default(),
            rereads_given_up: Counter::default(),
            queue_length: Gauge::default(),
            ensures: Family::default(),
            known_users: Gauge::default(),
            feed_looked_at: Gauge::default(),
            passes: Family::default(),
            leading: Gauge::default(),
            links: Family::default(),
        }
    }
}

impl Metrics {
    /// Adds them to a registry whose prefix is `clerk_sync`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("events", "Webhook events by type and outcome", self.events.clone());
        registry.register(
            "webhook_refusals",
            "Deliveries refused before they were read, by reason",
            self.refusals.clone(),
        );
        registry.register("changes", "Changes of rows by kind and flow", self.changes.clone());
        registry.register(
            "links",
            "Searches for rows of before, for users without a row, by outcome",
            self.links.clone(),
        );
        registry.register("clerk_calls", "Calls to Clerk's API by kind and status", self.clerk_calls.clone());
        registry.register("batch_size", "Observations in one commit", self.batch_size.clone());
        registry.register("commit_seconds", "Time of one commit", self.commit_seconds.clone());
        registry.register(
            "lag_seconds",
            "From Clerk's updated_at to our commit, by our clock",
            self.lag_seconds.clone(),
        );
        registry.register(
            "rejected_rows",
            "Rows that the database refused for what they hold",
            self.rejected.clone(),
        );
        registry.register("rereads_waiting", "Users to be read again", self.rereads_waiting.clone());
        registry.register(
            "rereads_given_up",
            "Users that could not be read again in time",
            self.rereads_given_up.clone(),
        );
        registry.register("queue_length", "Observations that wait for a commit", self.queue_length.clone());
        registry.register(
            "ensures",
            "Requests and visits of signed-in users by what became of their row",
            self.ensures.clone(),
        );
        registry.register(
            "known_users",
            "Users whose row is remembered to be there",
            self.known_users.clone(),
        );
        registry.register(
            "feed_looked_at_timestamp_seconds",
            "When the feed was last looked at for deletions, Unix time by our clock",
            self.feed_looked_at.clone(),
        );
        registry.register("passes", "Imports, catch-ups and scrubs by outcome", self.passes.clone());
        registry.register("leading", "Whether this process is the one that reconciles", self.leading.clone());
    }

    /// A delivery whose signature was in order. `event_type` is reduced to a fixed set.
    pub(crate) fn event(&self, event_type: &str, outcome: &'static str) {
        let r#type = match event_type {
            "user.created" => "user.created",
            "user.updated" => "user.updated",
            "user.deleted" => "user.deleted",
            _ => "other",
        };
        self.events.get_or_create(&EventLabels { r#type, outcome }).inc();
    }

    /// A delivery that was refused unread.
    pub fn refusal(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn change(&self, change: &'static str, flow: &'static str) {
        self.changes.get_or_create(&ChangeLabels { change, flow }).inc();
    }

    pub(crate) fn link(&self, outcome: &'static str) {
        self.links.get_or_create(&LinkLabels { outcome }).inc();
    }

    /// Counts a call to Clerk's API by its kind and the status of the answer (`none`: there was none).
    pub fn clerk_call(&self, call: &'static str, status: &'static str) {
        self.clerk_calls.get_or_create(&CallLabels { call, status }).inc();
    }

    pub(crate) fn commit(&self, observations: usize, took: Duration) {
        self.batch_size.observe(observations as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn lag(&self, lag_ms: i64) {
        self.lag_seconds.observe(lag_ms as f64 / 1000.0);
    }

    pub(crate) fn rejected(&self) {
        self.rejected.inc();
    }

    pub(crate) fn rereads(&self, waiting: usize) {
        self.rereads_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(crate) fn reread_given_up(&self) {
        self.rereads_given_up.inc();
    }

    pub(crate) fn ensure_counters(&self) -> EnsureCounters {
        let labels = EnsureLabels { flow: "ensure", outcome: "known" };
        EnsureCounters { known: self.ensures.get_or_create(&labels).clone() }
    }

    pub(crate) fn ensure(&self, flow: &'static str, outcome: &'static str) {
        self.ensures.get_or_create(&EnsureLabels { flow, outcome }).inc();
    }

    #[cfg(test)]
    pub(crate) fn ensured(&self, flow: &'static str, outcome: &'static str) -> u64 {
        self.ensures.get_or_create(&EnsureLabels { flow, outcome }).get()
    }

    pub(crate) fn feed_looked_at(&self, now_s: i64, known_users: usize) {
        self.feed_looked_at.set(now_s);
        self.known_users.set(i64::try_from(known_users).unwrap_or(i64::MAX));
    }

    pub(crate) fn pass(&self, run: &'static str, outcome: &'static str) {
        self.passes.get_or_create(&PassLabels { run, outcome }).inc();
    }

    pub(crate) fn leads(&self, leads: bool) {
        self.leading.set(i64::from(leads));
    }

    pub(crate) fn queue(&self, length: usize) {
        self.queue_length.set(i64::try_from(length).unwrap_or(i64::MAX));
    }
}
