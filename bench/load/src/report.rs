//! What is said at the end.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::drive::Outcome;
use crate::latency::Latency;
use crate::options::SendOptions;
use crate::proc::Usage;
use crate::requests::Requests;
use crate::verify::Verified;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    connections: u16,
    body_bytes: usize,
    warmup: usize,
    sent: usize,
    accepted: usize,
    elapsed_s: f64,
    events_per_s: f64,
    latency: Latency,
    statuses: BTreeMap<u16, usize>,
    /// Answers that are not 2xx, and requests without an answer, warm-up included.
    refused: usize,
    errors: BTreeMap<String, usize>,
    usage: Usage,
    verified: Option<Verified>,
    /// All events were sent before --seconds were over.
    ran_out: bool,
}

impl Report {
    pub(crate) fn new(
        options: &SendOptions,
        requests: &Requests,
        warmup: &Outcome,
        run: &Outcome,
        usage: Usage,
        verified: Option<Verified>,
    ) -> Self {
        let elapsed_s = run.elapsed.as_secs_f64();
        let mut errors = run.errors.clone();
        for (error, count) in &warmup.errors {
            *errors.entry(error.clone()).or_default() += count;
        }
        Self {
            connections: options.connections,
            body_bytes: requests.body_bytes,
            warmup: warmup.sent,
            sent: run.sent,
            accepted: run.accepted.len(),
            elapsed_s,
            events_per_s: if elapsed_s > 0.0 { run.accepted.len() as f64 / elapsed_s } else { 0.0 },
            latency: Latency::of(run.micros.clone()),
            statuses: run.statuses.clone(),
            refused: warmup.sent - warmup.accepted.len() + run.sent - run.accepted.len(),
            errors,
            usage,
            verified,
            ran_out: options.seconds.is_some_and(|seconds| elapsed_s < f64::from(seconds)),
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.refused == 0 && self.errors.is_empty() && self.verified.as_ref().is_none_or(Verified::is_clean)
    }

    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        let Latency { p50_ms, p90_ms, p99_ms, max_ms, .. } = self.latency;
        println!(
            "{:.0} events/s: {} in {:.2} s over {} connections",
            self.events_per_s, self.accepted, self.elapsed_s, self.connections
        );
        println!("latency ms: p50 {p50_ms:.2}, p90 {p90_ms:.2}, p99 {p99_ms:.2}, max {max_ms:.2}");
        println!(
            "answers: {:?}; refused or missing: {} (of {} and {} warm-up)",
            self.statuses, self.refused, self.sent, self.warmup
        );
        self.errors.iter().for_each(|(error, count)| println!("{count} times: {error}"));
        println!("{:?}", self.usage);
        if let Some(verified) = &self.verified {
            println!("{verified:?}");
        }
        println!("{}", if self.is_clean() { "clean" } else { "NOT CLEAN" });
        Ok(())
    }
}
