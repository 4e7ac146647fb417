//! Messages that wait: for their moment, for others to be reordered with, or for a free place.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use super::message::Message;

/// Messages that may wait; more are dropped, as no test or developer means to have them.
const MAX_WAITING: usize = 200_000;

#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// Tells the dispatcher that there is something new.
    pub(crate) arrived: Notify,
    backlog: watch::Sender<Backlog>,
}

/// How much is not delivered yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Waiting for their moment or on their way.
    pub(crate) moving: usize,
    /// Held back until there are more to be reordered with.
    pub(crate) held: usize,
}

#[derive(Debug, Default)]
struct Inner {
    /// By due time, then arrival. A batch is delivered one after another.
    waiting: BTreeMap<(i64, u64), Vec<Message>>,
    waiting_messages: usize,
    held: Vec<Message>,
    in_flight: usize,
    arrivals: u64,
    /// Counts how often the queue was emptied, so that what was on its way then does not come back.
    generation: u64,
}

/// Messages to be delivered one after another.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    pub(crate) generation: u64,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::default(),
            arrived: Notify::new(),
            backlog: watch::Sender::new(Backlog::default()),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut inner);
        let backlog = Backlog { moving: inner.waiting_messages + inner.in_flight, held: inner.held.len() };
        self.backlog.send_replace(backlog);
        result
    }

    /// Puts messages to be delivered one after another from `due_ms` on; false if there is no room.
    pub(crate) fn push(&self, batch: Vec<Message>, due_ms: i64) -> bool {
        let accepted = self.with(|inner| inner.push(batch, due_ms));
        self.arrived.notify_one();
        accepted
    }

    /// Holds a message back; once `group` are held, all go out with the newest first.
    pub(crate) fn hold(&self, message: Message, group: usize, now_ms: i64) {
        self.with(|inner| {
            inner.held.push(message);
            if inner.held.len() >= group {
                inner.release(now_ms);
            }
        });
        self.arrived.notify_one();
    }

    /// Sends what is held back, the newest first.
    pub(crate) fn release_held(&self, now_ms: i64) {
        self.with(|inner| inner.release(now_ms));
        self.arrived.notify_one();
    }

    /// The next batch that is due, counted as on its way.
    pub(crate) fn take_due(&self, now_ms: i64) -> Option<Batch> {
        self.with(|inner| {
            let first = inner.waiting.first_entry()?;
            if first.key().0 > now_ms {
                return None;
            }
            let messages = first.remove();
            inner.waiting_messages -= messages.len();
            inner.in_flight += messages.len();
            Some(Batch { messages, generation: inner.generation })
        })
    }

    pub(crate) fn next_due(&self) -> Option<i64> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waiting.first_key_value().map(|((due_ms, _), _)| *due_ms)
    }

    /// A message on its way has arrived, or has to be sent again; false if it was given up meanwhile.
    pub(crate) fn landed(&self, again: Option<(Message, i64)>, generation: u64) -> bool {
        let kept = self.with(|inner| {
            inner.in_flight -= 1;
            match again {
                Some((message, due_ms)) => {
                    generation == inner.generation && inner.push(vec![message], due_ms)
                }
                None => true,
            }
        });
        self.arrived.notify_one();
        kept
    }

    /// Everything that waits or is held back, taken out.
    pub(crate) fn drain(&self) -> Vec<Message> {
        self.with(|inner| {
            inner.waiting_messages = 0;
            inner.generation += 1;
            let waiting = std::mem::take(&mut inner.waiting).into_values().flatten();
            waiting.chain(std::mem::take(&mut inner.held)).collect()
        })
    }

    pub(crate) fn backlog(&self) -> watch::Receiver<Backlog> {
        self.backlog.subscribe()
    }
}

impl Inner {
    fn push(&mut self, batch: Vec<Message>, due_ms: i64) -> bool {
        if self.waiting_messages + batch.len() > MAX_WAITING {
            return false;
        }
        self.arrivals += 1;
        self.waiting_messages += batch.len();
        self.waiting.insert((due_ms, self.arrivals), batch);
        true
    }

    fn release(&mut self, now_ms: i64) {
        let mut batch = std::mem::take(&mut self.held);
        batch.reverse();
        if !batch.is_empty() {
            self.push(batch, now_ms);
        }
    }
}
