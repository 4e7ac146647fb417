//! A model Clerk: what happens to its users, and how it answers while all goes well and while it does not.

pub(crate) use super::list::{Look, Manners, Vanished};
use super::{
    dice::Dice,
    life::Life,
    list::{self, Users, Version},
};
use crate::{
    clerk::{
        ClerkApi, ClerkError, ClerkErrorKind, Instance, Permit, UserAnswer, UserOrder, UsersAnswer,
        UsersQuery,
    },
    engine::testing::INSTANCE,
    user_id::UserId,
};
use async_trait::async_trait;
use clerk_auth::clock::Clock;
use std::{
    collections::VecDeque,
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// What goes wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// 5xx, or no connection.
    Fails,
    /// 429.
    Throttled,
    /// The cursor, or whatever it is, is refused.
    Refused,
    /// No answer for a long time, then a failure.
    HangsUp,
    /// Of a list, only so many rows.
    CutTo(usize),
    /// The list's rows in another order.
    Shuffled,
    /// An older list once more: of a walk the one before, of the latest changes their first page.
    Repeated,
    /// One row more than asked for.
    Surplus,
    /// No `Date`.
    Dateless,
}

/// How often what goes wrong, in thousandths of calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Troubles {
    pub(crate) down: bool,
    /// Every cursor is refused.
    pub(crate) no_cursors: bool,
    pub(crate) fails: u64,
    pub(crate) cuts: u64,
    pub(crate) repeats: u64,
    /// By how much a list may lag behind with one change, ms.
    pub(crate) lag_ms: i64,
    pub(crate) latency_ms: i64,
}

/// A call as Clerk saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    User(String),
    Users(UsersQuery),
    Count,
    Instance,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ModelClerk {
    /// Its own clock, which is right.
    clock: Life,
    pub(crate) manners: Manners,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    users: Users,
    dice: Dice,
    troubles: Troubles,
    script: VecDeque<Fault>,
    /// The last page of a walk, and the last first page of the latest changes.
    last_lists: [Option<String>; 2],
    /// When each call came, Unix ms.
    calls: Vec<(i64, Call)>,
}

impl ModelClerk {
    pub(crate) fn new(clock: Life, manners: Manners, seed: u64) -> Arc<Self> {
        let state = State {
            users: Users::new(),
            dice: Dice::new(seed),
            troubles: Troubles::default(),
            script: VecDeque::new(),
            last_lists: [None, None],
            calls: Vec::new(),
        };
        Arc::new(Self { clock, manners, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics inside")
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// What goes wrong with the next calls, one each.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().script.extend(faults);
    }

    /// Nothing more goes wrong that was told before.
    pub(crate) fn forget_faults(&self) {
        self.state().script.clear();
    }

    pub(crate) fn trouble(&self, troubles: Troubles) {
        self.state().troubles = troubles;
    }

    /// The calls so far, and forgets them.
    pub(crate) fn take_calls(&self) -> Vec<(i64, Call)> {
        std::mem::take(&mut self.state().calls)
    }

    pub(crate) fn calls(&self) -> usize {
        self.state().calls.len()
    }

    /// How a user looks in truth.
    pub(crate) fn look(&self, id: &str) -> Option<Look> {
        self.state().users.get(id)?.last()?.look
    }

    /// Everyone there ever was, as they look in truth; `None` for the deleted.
    pub(crate) fn everyone(&self) -> Vec<(String, Option<Look>)> {
        let state = self.state();
        state.users.iter().map(|(id, versions)| (id.clone(), versions.last().and_then(|v| v.look))).collect()
    }

    /// From when on the lists show everything, Unix ms.
    pub(crate) fn listed_by(&self) -> i64 {
        self.state().users.values().flatten().map(|version| version.listed_at).max().unwrap_or(0)
    }

    /// Makes or changes a user, whose `updated_at` becomes now; `look.updated_at` does not count.
    pub(crate) fn put(&self, id: &str, created_at: i64, name: u64) -> Look {
        let look = Look { created_at, updated_at: self.now_ms(), name };
        self.add(id, Some(look));
        look
    }

    /// Deletes a user.
    pub(crate) fn delete(&self, id: &str) {
        self.add(id, None);
    }

    /// As if it had always been so.
    pub(crate) fn had(&self, id: &str, look: Look) {
        let version = Version { listed_at: 0, look: Some(look) };
        self.state().users.insert(id.to_owned(), vec![version]);
    }

    fn add(&self, id: &str, look: Option<Look>) {
        let now_ms = self.now_ms();
        tracing::debug!(id, ?look, "Clerk's user is now so");
        let mut state = self.state();
        let lag_ms = state.troubles.lag_ms;
        let listed_at = now_ms + state.dice.between(0, lag_ms);
        state.users.entry(id.to_owned()).or_default().push(Version { listed_at, look });
    }

    /// Takes note of a call, and decides what goes wrong with it.
    fn take(&self, call: Call) -> (Fault, Duration) {
        let now_ms = self.now_ms();
        let mut state = self.state();
        tracing::debug!(?call, "Clerk is asked");
        let is_list = matches!(call, Call::Users(_));
        let by_cursor = matches!(&call, Call::Users(query) if query.starting_after.is_some());
        state.calls.push((now_ms, call));
        let troubles = state.troubles;
        let latency = Duration::from_millis(state.dice.between(0, troubles.latency_ms).unsigned_abs());
        let fault = match state.script.pop_front() {
            Some(fault) => fault,
            None if troubles.no_cursors && by_cursor => Fault::Refused,
            None if troubles.down => *state.dice.pick(&[Fault::Fails, Fault::HangsUp, Fault::Throttled]),
            None if state.dice.chance(troubles.fails) => {
                *state.dice.pick(&[Fault::Fails, Fault::Fails, Fault::HangsUp, Fault::Throttled])
            }
            None if is_list && state.dice.chance(troubles.cuts) => Fault::CutTo(state.dice.below(6) as usize),
            None if is_list && state.dice.chance(troubles.repeats) => {
                *state.dice.pick(&[Fault::Repeated, Fault::Shuffled, Fault::Surplus, Fault::Dateless])
            }
            None => Fault::None,
        };
        (fault, latency)
    }

    /// Answers with what `answer` saw when the call came, a little later.
    async fn answer<T>(
        &self,
        (fault, latency): (Fault, Duration),
        answer: Result<T, ClerkError>,
    ) -> Result<T, ClerkError> {
        let fail = |kind| Err(ClerkError::new(kind, "testing", ""));
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        match fault {
            Fault::Fails => fail(ClerkErrorKind::Unavailable),
            Fault::Throttled => fail(ClerkErrorKind::Throttled { retry_after: Duration::from_secs(3) }),
            Fault::Refused => fail(ClerkErrorKind::Rejected),
            Fault::HangsUp => {
                self.clock.sleep(Duration::from_secs(8)).await;
                fail(ClerkErrorKind::Unavailable)
            }
            _ => answer,
        }
    }
}

pub(crate) fn json(id: &str, look: &Look) -> String {
    let Look { created_at, updated_at, name } = look;
    format!(
        r#"{{"id":"{id}","object":"user","username":"name {name}","created_at":{created_at},"updated_at":{updated_at}}}"#
    )
}

fn date(now_ms: i64) -> i64 {
    now_ms - now_ms % 1_000
}

#[async_trait]
impl ClerkApi for ModelClerk {
    async fn user(&self, permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError> {
        let fault = self.take(Call::User(user.as_str().to_owned()));
        let look = self.look(user.as_str());
        let user = look.map(|look| json(user.as_str(), &look).into());
        let answer = self.answer(fault, Ok(UserAnswer { user, date_ms: Some(date(self.now_ms())) })).await;
        drop(permit);
        answer
    }

    async fn users(&self, permit: Permit, query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        let fault = self.take(Call::Users(query.clone()));
        let now_ms = self.now_ms();
        let answer = self.state().list(query, self.manners, now_ms, fault.0);
        let answer = self.answer(fault, answer).await;
        drop(permit);
        answer
    }

    async fn count(&self, permit: Permit) -> Result<i64, ClerkError> {
        let fault = self.take(Call::Count);
        let count = list::count(&self.state().users, self.now_ms());
        let answer = self.answer(fault, Ok(count)).await;
        drop(permit);
        answer
    }

    async fn instance(&self, permit: Permit) -> Result<Instance, ClerkError> {
        let fault = self.take(Call::Instance);
        let answer = self.answer(fault, Ok(Instance { id: INSTANCE.to_owned() })).await;
        drop(permit);
        answer
    }
}

impl State {
    fn list(
        &mut self,
        query: &UsersQuery,
        manners: Manners,
        now_ms: i64,
        fault: Fault,
    ) -> Result<UsersAnswer, ClerkError> {
        let refused = |_| ClerkError::new(ClerkErrorKind::Rejected, "testing", "the cursor");
        let mut rows = list::list(&self.users, query, manners, now_ms).map_err(refused)?;
        match fault {
            Fault::CutTo(rest) => rows.truncate(rest),
            Fault::Shuffled => rows.reverse(),
            Fault::Surplus => {
                let extra = Look { created_at: now_ms, updated_at: now_ms, name: 0 };
                rows.extend(std::iter::repeat_n(("user_surplus", extra), usize::from(query.limit) + 1));
            }
            _ => {}
        }
        let mut text = String::from("[");
        for (i, (id, look)) in rows.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(text, "{comma}{}", json(id, look));
        }
        text.push(']');
        let kept = match query.order {
            UserOrder::OldestFirst if query.ids().is_empty() => Some(0),
            UserOrder::LatestChangeFirst if query.offset == 0 => Some(1),
            _ => None,
        };
        let shown = match (kept.and_then(|kept| self.last_lists[kept].clone()), fault) {
            (Some(last), Fault::Repeated) => last,
            _ => text.clone(),
        };
        if let Some(kept) = kept {
            self.last_lists[kept] = Some(text);
        }
        let date_ms = (fault != Fault::Dateless).then(|| date(now_ms));
        Ok(UsersAnswer { users: shown.into(), date_ms })
    }
}
