//! Sends a range of the requests over many connections, each with one request under way, and keeps every outcome.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures_util::future::join_all;

use crate::clock;
use crate::http::{Connection, Target};
use crate::requests::Requests;

/// Answers that are still missing this long after the last request may leave count as missing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Signatures are refused after 300 s.
const LONGEST: Duration = Duration::from_secs(240);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Done,
    Seconds(u16),
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    /// Requests that left (the first so many of the range).
    pub(crate) sent: usize,
    pub(crate) answered: usize,
    /// Events answered 2xx, in no order.
    pub(crate) accepted: Vec<u32>,
    pub(crate) micros: Vec<u32>,
    pub(crate) statuses: BTreeMap<u16, usize>,
    pub(crate) errors: BTreeMap<String, usize>,
}

impl Outcome {
    fn absorb(&mut self, other: Self) {
        self.answered += other.answered;
        self.accepted.extend(other.accepted);
        self.micros.extend(other.micros);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
    }

    fn fail(&mut self, error: &anyhow::Error) {
        *self.errors.entry(format!("{error:#}")).or_default() += 1;
    }
}

/// The requests that are left.
struct Queue {
    requests: Arc<Requests>,
    next: AtomicUsize,
    end: usize,
    deadline: Instant,
}

impl Queue {
    fn take(&self, now: Instant) -> Option<usize> {
        if now >= self.deadline {
            return None;
        }
        let number = self.next.load(Relaxed);
        (number < self.end).then(|| {
            self.next.store(number + 1, Relaxed);
            number
        })
    }
}

pub(crate) async fn drive(
    target: &Target,
    requests: &Arc<Requests>,
    range: Range<usize>,
    connections: u16,
    until: Until,
) -> Outcome {
    let mut total = Outcome::default();
    if range.is_empty() {
        return total;
    }
    let opened = join_all((0..connections).map(|_| Connection::open(target))).await;
    let time = match until {
        Until::Done => LONGEST,
        Until::Seconds(seconds) => Duration::from_secs(seconds.into()),
    };
    let start = clock::now();
    let queue = Arc::new(Queue {
        requests: Arc::clone(requests),
        next: AtomicUsize::new(range.start),
        end: range.end,
        deadline: start + time,
    });
    // A task each: the runtime then serves the connections in turn.
    let senders = opened.into_iter().map(|connection| {
        let (target, queue) = (target.clone(), Arc::clone(&queue));
        tokio::spawn(async move {
            let mut outcome = Outcome::default();
            match connection {
                Ok(connection) => {
                    let work = send(&target, connection, &queue, &mut outcome);
                    if tokio::time::timeout(time + PATIENCE, work).await.is_err() {
                        outcome.fail(&anyhow!("no answer"));
                    }
                }
                Err(error) => outcome.fail(&error),
            }
            outcome
        })
    });
    for outcome in join_all(senders).await {
        match outcome {
            Ok(outcome) => total.absorb(outcome),
            Err(error) => total.fail(&error.into()),
        }
    }
    total.elapsed = clock::now().duration_since(start);
    total.sent = queue.next.load(Relaxed) - range.start;
    total
}

/// One connection's work: request after request until none is left; a connection that breaks is opened again.
async fn send(target: &Target, mut connection: Connection, queue: &Queue, outcome: &mut Outcome) {
    let mut now = clock::now();
    while let Some(number) = queue.take(now) {
        let keep = match connection.exchange(queue.requests.get(number)).await {
            Ok(answer) => {
                let answered = clock::now();
                let micros = answered.duration_since(now).as_micros();
                now = answered;
                outcome.answered += 1;
                outcome.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
                *outcome.statuses.entry(answer.status).or_default() += 1;
                if (200..300).contains(&answer.status) {
                    outcome.accepted.push(u32::try_from(number).unwrap_or(u32::MAX));
                }
                answer.keep
            }
            Err(error) => {
                outcome.fail(&error);
                false
            }
        };
        if !keep {
            connection = match Connection::open(target).await {
                Ok(connection) => connection,
                Err(error) => return outcome.fail(&error),
            };
            now = clock::now();
        }
    }
}
