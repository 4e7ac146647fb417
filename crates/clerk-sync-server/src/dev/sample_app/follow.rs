//! What happened since the last look, in Clerk and in the table.
//!
//! Nothing runs while nobody looks: the local Clerk keeps its last changes, the feed all of them.

use std::collections::{HashMap, HashSet, VecDeque};

use clerk_emulator::{Change, Delivery, DeliveryState, Fault, FaultKind, Handle};
use clerk_sync::store::{FeedEntry, StoreError};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use super::SampleApp;
use super::feed::{Feed, Write};
use super::log::{Line, Log, Tone};
use super::people::People;
use super::words;

/// Messages remembered by id, so that a row is told which event it came from.
const MESSAGES: usize = 1_000;

#[derive(Debug)]
pub(super) struct Follow {
    changes: Receiver<Change>,
    /// When this began, Unix ms; what was written before is no news.
    pub(super) started_ms: i64,
    pub(super) feed: Feed,
    pub(super) people: People,
    pub(super) log: Log,
    pub(super) armed: Option<Armed>,
    /// Users made without a name so far.
    pub(super) made_up: usize,
    /// Grows with everything new.
    pub(super) version: u64,
    messages: VecDeque<(String, String)>,
    /// Messages that were accepted, until it is known whether they changed anything.
    delivered: Vec<Delivery>,
    /// Messages that brought a row.
    written: VecDeque<String>,
    /// Messages that were dropped or given up, until they are sent again.
    lost: HashSet<String>,
    /// Messages that are sent later, and by how much in milliseconds.
    delayed: HashMap<String, u64>,
}

/// What shall happen to the next webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Armed {
    pub(super) trouble: Trouble,
    fault: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trouble {
    Drop,
    Delay { ms: u64 },
}

impl Follow {
    pub(super) fn new(changes: Receiver<Change>, started_ms: i64) -> Self {
        Self {
            changes,
            started_ms,
            feed: Feed::default(),
            people: People::default(),
            log: Log::default(),
            armed: None,
            made_up: 0,
            version: 0,
            messages: VecDeque::new(),
            delivered: Vec::new(),
            written: VecDeque::new(),
            lost: HashSet::new(),
            delayed: HashMap::new(),
        }
    }

    /// Decides the fate of the next webhook; `None`: it is delivered as usual.
    pub(super) fn arm(&mut self, clerk: &Handle, trouble: Option<Trouble>) {
        if let Some(before) = self.armed.take() {
            clerk.remove_fault(before.fault);
        }
        self.armed = trouble.map(|trouble| {
            let kind = match trouble {
                Trouble::Drop => FaultKind::WebhookDrop,
                Trouble::Delay { ms } => FaultKind::WebhookDelay { ms },
            };
            Armed { trouble, fault: clerk.add_fault(Fault::new(kind).times(1)) }
        });
        self.version += 1;
    }

    /// By how much a message is sent later, if it is.
    pub(super) fn delay_of(&self, message_id: &str) -> Option<u64> {
        self.delayed.get(message_id).copied()
    }

    /// Takes in what is new. Whoever stops waiting for it loses nothing.
    ///
    /// # Errors
    /// When the feed cannot be read; what Clerk told is kept all the same.
    pub(super) async fn look(&mut self, app: &SampleApp) -> Result<(), StoreError> {
        self.follow_clerk(app);
        loop {
            let news = self.feed.next(app.store.as_ref()).await?;
            if news.is_empty() {
                break;
            }
            let lines = news.into_iter().filter_map(|(entry, write)| self.follow_entry(entry, &write));
            let lines = lines.collect();
            self.log.add(lines);
        }
        // An answer comes after the commit, so what wrote a row is in the feed by now.
        let now_ms = app.clock.now_ms();
        let delivered = std::mem::take(&mut self.delivered).into_iter();
        let idle = delivered.filter(|delivery| !self.written.contains(&delivery.id)).map(|delivery| {
            self.line(&delivery, now_ms, "webhook accepted, nothing to change".to_owned(), Tone::Quiet)
        });
        let idle = idle.collect();
        self.log.add(idle);
        Ok(())
    }

    fn follow_clerk(&mut self, app: &SampleApp) {
        let mut lines = Vec::new();
        loop {
            match self.changes.try_recv() {
                Ok(Change::Delivery(delivery)) => {
                    self.version += 1;
                    lines.extend(self.follow_delivery(app, &delivery));
                    if delivery.state == DeliveryState::Delivered && is_of_user(&delivery) {
                        self.delivered.push(delivery);
                    }
                }
                Ok(_) | Err(TryRecvError::Lagged(_)) => self.version += 1,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.log.add(lines);
    }

    fn follow_entry(&mut self, entry: FeedEntry, write: &Write) -> Option<Line> {
        self.version += 1;
        let line = (entry.written_at >= self.started_ms).then(|| Line {
            key: 0,
            at_ms: entry.written_at,
            event: entry.message_id.as_ref().and_then(|id| self.event_type(id)),
            who: self.people.name(entry.user.as_str()).to_owned(),
            outcome: words::written(entry.change, &entry.flow),
            took: Some(words::span(write.took_ms)),
            tone: Tone::Good,
        });
        if let Some(id) = entry.message_id {
            remember(&mut self.written, id);
        }
        line
    }

    fn follow_delivery(&mut self, app: &SampleApp, delivery: &Delivery) -> Option<Line> {
        let id = &delivery.id;
        let is_new = delivery.attempts == 0 && self.event_type(id).is_none();
        if is_new {
            remember(&mut self.messages, (id.clone(), delivery.event_type.clone()));
            self.learn(delivery);
        }
        let strikes = is_new && self.armed.is_some_and(|armed| has_struck(&app.clerk, armed.fault));
        let trouble = if strikes { self.armed.take() } else { None };
        if let Some(armed) = trouble {
            app.clerk.remove_fault(armed.fault);
        }
        let line = |outcome: String, tone| Some(self.line(delivery, app.clock.now_ms(), outcome, tone));
        let found = match (delivery.state, trouble.map(|armed| armed.trouble)) {
            (DeliveryState::Dropped, _) => line("webhook dropped".to_owned(), Tone::Bad),
            (DeliveryState::Pending, Some(Trouble::Delay { ms })) => {
                line(format!("webhook delayed by {}", words::delay(ms)), Tone::Waiting)
            }
            (DeliveryState::Pending, _) if self.lost.contains(id) => {
                line("webhook sent again".to_owned(), Tone::Waiting)
            }
            (DeliveryState::Pending, _) if delivery.attempts > 0 => {
                line(format!("webhook failed: {}; it is repeated", words::failure(delivery)), Tone::Bad)
            }
            (DeliveryState::Failed, _) => {
                line(format!("webhook given up: {}", words::failure(delivery)), Tone::Bad)
            }
            (DeliveryState::Aborted, _) => {
                line(format!("webhook refused: {}", words::failure(delivery)), Tone::Bad)
            }
            (DeliveryState::Cancelled, _) => line("webhook cancelled".to_owned(), Tone::Quiet),
            _ => None,
        };
        match delivery.state {
            DeliveryState::Dropped | DeliveryState::Failed => self.lost.insert(id.clone()),
            _ => self.lost.remove(id),
        };
        if let Some(Trouble::Delay { ms }) = trouble.map(|armed| armed.trouble) {
            self.delayed.insert(id.clone(), ms);
        } else if delivery.state != DeliveryState::Pending {
            self.delayed.remove(id);
        }
        found.filter(|_| is_of_user(delivery))
    }

    fn learn(&mut self, delivery: &Delivery) {
        if is_of_user(delivery)
            && let Ok(body) = serde_json::from_slice::<serde_json::Value>(&delivery.body)
        {
            self.people.learn(&body["data"]);
        }
    }

    fn line(&self, delivery: &Delivery, at_ms: i64, outcome: String, tone: Tone) -> Line {
        let who = delivery.user_id.as_deref().map(|id| self.people.name(id)).unwrap_or_default();
        let event = Some(delivery.event_type.clone());
        Line { key: 0, at_ms, event, who: who.to_owned(), outcome, took: None, tone }
    }

    fn event_type(&self, message_id: &str) -> Option<String> {
        self.messages.iter().rev().find(|(id, _)| id == message_id).map(|(_, event_type)| event_type.clone())
    }
}

fn is_of_user(delivery: &Delivery) -> bool {
    delivery.event_type.starts_with("user.")
}

fn has_struck(clerk: &Handle, fault: u64) -> bool {
    clerk.faults().iter().any(|active| active.id == fault && active.struck > 0)
}

fn remember<T>(recent: &mut VecDeque<T>, item: T) {
    if recent.len() >= MESSAGES {
        recent.pop_front();
    }
    recent.push_back(item);
}
