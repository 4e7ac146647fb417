//! The Clerk of the histories.

use crate::{
    clerk::{ClerkApi, ClerkError, ClerkErrorKind, Instance, Permit, UserAnswer, UsersAnswer, UsersQuery},
    engine::testing::{deleted, event, person_since, user},
    user_id::UserId,
};
use async_trait::async_trait;
use clerk_auth::clock::{Clock, ManualClock};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// Something that somebody does to a user. The first of each user makes it; after a deletion there is nothing to do.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) user: u8,
    pub(super) deletes: bool,
    /// How long after the last one, whoever's that was.
    pub(super) after_ms: i64,
    /// By how much the event's timestamp lies behind the change.
    pub(super) lateness: i64,
    /// The event's timestamp is in seconds, so that it may even lie before the change.
    pub(super) in_seconds: bool,
    pub(super) name: u8,
}

/// How a user looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    created_at: i64,
    updated_at: i64,
    pub(super) username: String,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Model {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `None`: deleted.
    users: BTreeMap<String, Option<Look>>,
    failing_reads: usize,
    unique_names: bool,
}

pub(super) fn id(user: u8) -> String {
    format!("user_{user}")
}

impl Model {
    pub(super) fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics inside")
    }

    pub(super) fn fail_next_read(&self) {
        self.state().failing_reads += 1;
    }

    /// From now on no two users have one name: who wants a taken one is told no.
    pub(super) fn make_names_unique(&self) {
        self.state().unique_names = true;
    }

    /// Every user there ever was.
    pub(super) fn users(&self) -> BTreeMap<String, Option<Look>> {
        self.state().users.clone()
    }

    /// Makes a change and answers the body of its event; `None` if the user is deleted already, or the name is
    /// taken.
    pub(super) fn change(&self, change: &Change) -> Option<Vec<u8>> {
        self.clock.advance(Duration::from_millis(change.after_ms.unsigned_abs()));
        let now_ms = self.clock.now_ms();
        let timestamp = now_ms + change.lateness;
        let timestamp = if change.in_seconds { timestamp / 1_000 } else { timestamp };
        let id = id(change.user);
        let mut state = self.state();
        let known = match state.users.get(&id) {
            Some(None) => return None,
            Some(Some(look)) => Some(look.clone()),
            None => None,
        };
        if change.deletes && known.is_some() {
            state.users.insert(id.clone(), None);
            return Some(deleted(&id, timestamp));
        }
        let kind = if known.is_some() { "user.updated" } else { "user.created" };
        let created_at = known.map_or(now_ms, |look| look.created_at);
        let look = Look { created_at, updated_at: now_ms, username: format!("name {}", change.name) };
        let others =
            state.users.iter().filter(|(other, _)| **other != id).filter_map(|(_, look)| look.as_ref());
        if state.unique_names && others.map(|other| &other.username).any(|name| *name == look.username) {
            return None;
        }
        let body = event(kind, timestamp, &json(&id, &look));
        state.users.insert(id, Some(look));
        Some(body)
    }
}

fn json(id: &str, look: &Look) -> serde_json::Value {
    person_since(look.created_at, id, look.updated_at, &look.username)
}

#[async_trait]
impl ClerkApi for Model {
    async fn user(&self, _permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError> {
        let now_ms = self.clock.now_ms();
        let answer = {
            let mut state = self.state();
            if state.failing_reads > 0 {
                state.failing_reads -= 1;
                Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
            } else {
                let look = state.users.get(user.as_str()).cloned().flatten();
                let user = look.map(|look| json(user.as_str(), &look).to_string().into());
                Ok(UserAnswer { user, date_ms: Some(now_ms - now_ms % 1_000) })
            }
        };
        // The answer takes its time, while the user changes on.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        answer
    }

    async fn users(&self, _permit: Permit, _query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
    }

    async fn count(&self, _permit: Permit) -> Result<i64, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
    }

    async fn instance(&self, _permit: Permit) -> Result<Instance, ClerkError> {
        Ok(Instance { id: super::super::testing::INSTANCE.to_owned() })
    }
}

/// Ids that a history can name.
pub(super) fn user_id(number: u8) -> UserId {
    user(&id(number))
}
