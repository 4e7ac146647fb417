//! A Clerk that says what the test tells it to.

use super::user;
use crate::{
    clerk::{ClerkApi, ClerkError, ClerkErrorKind, Instance, Permit, UserAnswer, UsersAnswer, UsersQuery},
    user_id::UserId,
};
use async_trait::async_trait;
use bytes::Bytes;
use clerk_auth::clock::{Clock, ManualClock};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::watch;

/// The `Date` of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Date {
    /// The clock's time, cut to the second as HTTP does.
    Now,
    Missing,
}

#[derive(Debug, Clone)]
enum Answer {
    Says(Option<Bytes>, Date),
    Fails(ClerkErrorKind),
}

/// Answers each user's reads in the order of its script; the last answer repeats.
#[derive(Debug)]
pub(crate) struct FakeClerk {
    clock: Arc<ManualClock>,
    script: Mutex<Script>,
    open: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Script {
    answers: HashMap<UserId, VecDeque<Answer>>,
    instance: Option<Result<String, ClerkErrorKind>>,
    calls: HashMap<UserId, usize>,
    instance_calls: usize,
    running: usize,
}

impl FakeClerk {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self { clock, script: Mutex::default(), open: watch::Sender::new(true) })
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no test panics inside")
    }

    fn add(&self, id: &str, answer: Answer) {
        self.script().answers.entry(user(id)).or_default().push_back(answer);
    }

    /// Next it shows the user so.
    pub(crate) fn shows(&self, id: &str, json: &serde_json::Value) {
        self.shows_at(id, json, Date::Now);
    }

    pub(crate) fn shows_at(&self, id: &str, json: &serde_json::Value, date: Date) {
        self.add(id, Answer::Says(Some(json.to_string().into()), date));
    }

    /// Next it says these bytes.
    pub(crate) fn says(&self, id: &str, body: &'static str) {
        self.add(id, Answer::Says(Some(Bytes::from_static(body.as_bytes())), Date::Now));
    }

    /// Next it knows no such user.
    pub(crate) fn misses(&self, id: &str) {
        self.misses_at(id, Date::Now);
    }

    pub(crate) fn misses_at(&self, id: &str, date: Date) {
        self.add(id, Answer::Says(None, date));
    }

    /// Next it fails.
    pub(crate) fn fails(&self, id: &str, kind: ClerkErrorKind) {
        self.add(id, Answer::Fails(kind));
    }

    /// What it says from now on when asked for its instance.
    pub(crate) fn is_instance(&self, answer: Result<&str, ClerkErrorKind>) {
        self.script().instance = Some(answer.map(str::to_owned));
    }

    /// Keeps every answer back until [`FakeClerk::release`]. What it says is settled when it is asked.
    pub(crate) fn hold(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn release(&self) {
        self.open.send_replace(true);
    }

    /// How often this user was asked for.
    pub(crate) fn calls(&self, id: &str) -> usize {
        self.script().calls.get(id).copied().unwrap_or_default()
    }

    /// How often any user was.
    pub(crate) fn all_calls(&self) -> usize {
        self.script().calls.values().sum()
    }

    pub(crate) fn instance_calls(&self) -> usize {
        self.script().instance_calls
    }

    /// Reads on their way now.
    pub(crate) fn running(&self) -> usize {
        self.script().running
    }

    async fn opened(&self) {
        self.open.subscribe().wait_for(|open| *open).await.expect("the sender is ours");
    }
}

#[async_trait]
impl ClerkApi for FakeClerk {
    async fn user(&self, _permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError> {
        let answer = {
            let mut script = self.script();
            *script.calls.entry(user.clone()).or_default() += 1;
            script.running += 1;
            let queue = script.answers.entry(user.clone()).or_default();
            let next = if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() };
            next.unwrap_or(Answer::Fails(ClerkErrorKind::Unavailable))
        };
        let now_ms = self.clock.now_ms();
        self.opened().await;
        self.script().running -= 1;
        match answer {
            Answer::Fails(kind) => Err(ClerkError::new(kind, "testing", "")),
            Answer::Says(user, date) => {
                let date_ms = match date {
                    Date::Now => Some(now_ms - now_ms % 1_000),
                    Date::Missing => None,
                };
                Ok(UserAnswer { user, date_ms })
            }
        }
    }

    async fn users(&self, _permit: Permit, _query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
    }

    async fn count(&self, _permit: Permit) -> Result<i64, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
    }

    async fn instance(&self, _permit: Permit) -> Result<Instance, ClerkError> {
        let answer = {
            let mut script = self.script();
            script.instance_calls += 1;
            script.instance.clone().expect("the test says which instance")
        };
        self.opened().await;
        answer.map(|id| Instance { id }).map_err(|kind| ClerkError::new(kind, "testing", ""))
    }
}
