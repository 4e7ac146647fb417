//! Trouble on request: what can go wrong, and when.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::IdSource;

/// One kind of trouble.
///
/// In JSON the kind is `{"kind": "webhook_delay", "ms": 200}`, beside the fields of [`Fault`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// An event is never sent.
    WebhookDrop,
    /// An event is sent later, by so many milliseconds that no time scale shortens.
    WebhookDelay {
        /// How much later.
        ms: u64,
    },
    /// An event is sent twice, under one id.
    WebhookDuplicate,
    /// Events are held back until there are so many of them, then sent one after another, the newest first.
    WebhookReorder {
        /// How many are gathered.
        hold: usize,
    },
    /// An event is delivered, but the receiver's answer is lost, so that it is sent again.
    WebhookAnswerLost,
    /// The API answers with this status (503 unless said otherwise) and does nothing.
    ApiUnavailable {
        /// The status.
        #[serde(default = "unavailable")]
        status: u16,
    },
    /// The API closes the connection without an answer and does nothing.
    ApiDisconnect,
    /// The API does what was asked, and then closes the connection without an answer.
    ApiAnswerLost,
    /// The API never answers.
    ApiHang,
    /// The API answers later.
    ApiLatency {
        /// How much later, in milliseconds.
        ms: u64,
    },
    /// The API answers 429.
    ApiTooManyRequests {
        /// `Retry-After`, in seconds.
        retry_after: u64,
    },
    /// `GET /v1/users/{id}` answers with this status, and with a body or an error of this code.
    UserAnswer {
        /// The status.
        status: u16,
        /// Clerk's error code, where no body is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The whole body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
    },
    /// `GET /v1/users/{id}` answers with the version before the user's last change; a user just made is not found,
    /// one just deleted is still there.
    StaleReads {
        /// The same in lists, for users that are in them.
        #[serde(default)]
        lists: bool,
    },
    /// `GET /v1/users` answers with the first users of the page only.
    ShortList {
        /// How many are kept.
        keep: usize,
    },
    /// `GET /v1/users` answers with nobody.
    EmptyList,
    /// `GET /v1/users` with a cursor or an offset answers as the list before it in the same order did; with the first
    /// page if there was none.
    RepeatedPage,
    /// `GET /v1/users` takes `starting_after` for the id of a deleted user, whoever it is.
    VanishedCursor,
    /// `GET /v1/users` refuses `starting_after` together with `created_at_after` or `created_at_before`, with 422.
    RefusedFilterWithCursor,
    /// `GET /v1/users/count` answers with a wrong number.
    WrongCount {
        /// By how many it is too large; it never goes below zero.
        off_by: i64,
    },
    /// `GET /v1/users` answers with more users than `limit` allows, as long as there are any: the oldest who are not on
    /// the page, whether or not they were asked for.
    SurplusRows {
        /// How many more than `limit`; 10 unless said otherwise.
        #[serde(default = "ten")]
        rows: usize,
    },
    /// `GET /v1/users` answers with the right users in a wrong order.
    ShuffledPage,
}

fn ten() -> usize {
    10
}

fn unavailable() -> u16 {
    503
}

/// Trouble with its limits. Without any limit it lasts until it is removed.
///
/// ```
/// use clerk_emulator::{Fault, FaultKind};
///
/// let outage = Fault::new(FaultKind::ApiUnavailable { status: 503 }).path("/v1/users").times(3);
/// let loss = Fault::new(FaultKind::WebhookDrop).rate(0.1).event_type("user.updated");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many times it strikes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How likely it strikes, 0 to 1; always unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// How long it lasts, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Only requests whose path begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only requests with exactly this path: `/v1/users` is lists alone, but users are also made there by `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact_path: Option<String>,
    /// Only requests with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only events about, or reads of, this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Only events of this type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
}

impl Fault {
    /// Trouble that strikes every time until it is removed.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            times: None,
            rate: None,
            for_ms: None,
            path: None,
            exact_path: None,
            method: None,
            user_id: None,
            event_type: None,
        }
    }

    /// Ends it after it has struck so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Makes it strike with this likelihood, 0 to 1.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Ends it after so many milliseconds of the emulator's clock.
    #[must_use]
    pub fn for_ms(mut self, ms: u64) -> Self {
        self.for_ms = Some(ms);
        self
    }

    /// Limits it to requests whose path begins so.
    #[must_use]
    pub fn path(mut self, prefix: impl Into<String>) -> Self {
        self.path = Some(prefix.into());
        self
    }

    /// Limits it to requests with exactly this path.
    #[must_use]
    pub fn exact_path(mut self, path: impl Into<String>) -> Self {
        self.exact_path = Some(path.into());
        self
    }

    /// Limits it to requests with this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Limits it to one user.
    #[must_use]
    pub fn user(mut self, user_id: impl Into<String>) -> Self {
        self.user_id = Some(user_id.into());
        self
    }

    /// Limits it to one type of event.
    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    fn concerns(&self, occasion: &Occasion<'_>) -> bool {
        let same = |wanted: &Option<String>, actual: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == actual)
        };
        same(&self.user_id, occasion.user_id)
            && same(&self.event_type, occasion.event_type)
            && same(&self.method, occasion.method)
            && same(&self.exact_path, occasion.path)
            && self
                .path
                .as_deref()
                .is_none_or(|prefix| occasion.path.is_some_and(|path| path.starts_with(prefix)))
    }
}

/// What is about to happen, and may go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Occasion<'a> {
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) event_type: Option<&'a str>,
}

/// A fault that was set, with what it has done so far.
#[derive(Clone, Debug, Serialize)]
pub struct ActiveFault {
    /// By which it can be removed.
    pub id: u64,
    /// As it was set.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many times it has struck.
    pub struck: u32,
    #[serde(skip)]
    until: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    active: Vec<ActiveFault>,
    next_id: u64,
    chance: IdSource,
}

/// More faults than this at a time are a mistake; the oldest give way.
const MAX_FAULTS: usize = 1_000;

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = IdSource::new(seed ^ 0xfa17);
        Self { inner: Mutex::new(Inner { active: Vec::new(), next_id: 1, chance }) }
    }

    pub(crate) fn add(&self, fault: Fault, now_ms: i64) -> u64 {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let id = inner.next_id;
        inner.next_id += 1;
        let until = fault.for_ms.map(|ms| now_ms.saturating_add_unsigned(ms));
        if inner.active.len() >= MAX_FAULTS {
            inner.active.remove(0);
        }
        inner.active.push(ActiveFault { id, fault, struck: 0, until });
        id
    }

    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.active.len();
        inner.active.retain(|active| active.id != id);
        inner.active.len() != before
    }

    pub(crate) fn clear(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).active.clear();
    }

    pub(crate) fn list(&self) -> Vec<ActiveFault> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).active.clone()
    }

    /// Whether a fault of a wanted kind is set, on whatever occasion it strikes.
    pub(crate) fn any(&self, wanted: impl Fn(&FaultKind) -> bool) -> bool {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.active.iter().any(|active| wanted(&active.fault.kind))
    }

    /// The first fault of a wanted kind that strikes on this occasion.
    pub(crate) fn strike(
        &self,
        now_ms: i64,
        occasion: Occasion<'_>,
        wanted: impl Fn(&FaultKind) -> bool,
    ) -> Option<FaultKind> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { active, chance, .. } = &mut *inner;
        if active.is_empty() {
            return None;
        }
        active.retain(|fault| fault.until.is_none_or(|until| now_ms < until));
        for fault in active {
            let spent = fault.fault.times.is_some_and(|times| fault.struck >= times);
            if spent || !wanted(&fault.fault.kind) || !fault.fault.concerns(&occasion) {
                continue;
            }
            if fault.fault.rate.is_none_or(|rate| chance.fraction() < rate) {
                fault.struck += 1;
                return Some(fault.fault.kind.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_within_its_limits_only() {
        let faults = Faults::new(1);
        faults.add(Fault::new(FaultKind::WebhookDrop).times(1).user("user_1"), 0);
        faults.add(Fault::new(FaultKind::ApiHang).for_ms(100), 0);
        let about = |user_id| Occasion { user_id: Some(user_id), ..Occasion::default() };
        let drop = |kind: &FaultKind| *kind == FaultKind::WebhookDrop;
        assert_eq!(faults.strike(0, about("user_2"), drop), None);
        assert_eq!(faults.strike(0, about("user_1"), drop), Some(FaultKind::WebhookDrop));
        assert_eq!(faults.strike(0, about("user_1"), drop), None);
        let hang = |kind: &FaultKind| *kind == FaultKind::ApiHang;
        assert_eq!(faults.strike(99, Occasion::default(), hang), Some(FaultKind::ApiHang));
        assert_eq!(faults.strike(100, Occasion::default(), hang), None);
    }

    #[test]
    fn faults_read_and_write_as_flat_json() {
        let json = serde_json::json!({ "kind": "webhook_delay", "ms": 20, "times": 2 });
        let fault: Fault = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(fault, Fault::new(FaultKind::WebhookDelay { ms: 20 }).times(2));
        assert_eq!(serde_json::to_value(&fault).unwrap(), json);
    }

    #[test]
    fn rates_are_kept_roughly() {
        let faults = Faults::new(3);
        faults.add(Fault::new(FaultKind::WebhookDrop).rate(0.3), 0);
        let struck = (0..1_000).filter(|_| faults.strike(0, Occasion::default(), |_| true).is_some()).count();
        assert!((200..400).contains(&struck), "{struck}");
    }
}
