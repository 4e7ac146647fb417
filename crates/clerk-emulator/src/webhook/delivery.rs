//! The log of deliveries.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;

use super::message::Message;

/// What became of one event.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// `svix-id`: the same on every attempt.
    pub id: String,
    /// Such as `user.updated`.
    pub event_type: String,
    /// The user it is about.
    pub user_id: Option<String>,
    /// When it happened, in milliseconds.
    pub created_at: i64,
    /// Attempts made.
    pub attempts: u32,
    /// The receiver's last answer.
    pub last_status: Option<u16>,
    /// Why the last attempt got no answer.
    pub last_error: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// The signed bytes.
    #[serde(skip)]
    pub body: Bytes,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// Not delivered yet; an attempt is to come.
    Pending,
    /// Answered with 2xx.
    Delivered,
    /// Failed to the last attempt.
    Failed,
    /// Never sent, by a fault or because too many were waiting.
    Dropped,
    /// The receiver asked not to be sent it again.
    Aborted,
    /// The endpoint was taken away before it could be delivered.
    Cancelled,
}

/// Bounded: the oldest entries are forgotten.
#[derive(Debug)]
pub(crate) struct DeliveryLog {
    size: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: HashMap<Arc<str>, Delivery>,
    order: VecDeque<Arc<str>>,
}

impl DeliveryLog {
    pub(crate) fn new(size: usize) -> Self {
        Self { size: size.max(1), inner: Mutex::default() }
    }

    pub(crate) fn open(&self, message: &Message, state: DeliveryState, now_ms: i64) -> Delivery {
        let delivery = Delivery {
            id: message.id.to_string(),
            event_type: message.event_type.to_string(),
            user_id: message.user_id.as_ref().map(ToString::to_string),
            created_at: now_ms,
            attempts: 0,
            last_status: None,
            last_error: None,
            state,
            body: message.body.clone(),
        };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.by_id.insert(Arc::clone(&message.id), delivery.clone()).is_none() {
            inner.order.push_back(Arc::clone(&message.id));
        }
        while inner.order.len() > self.size
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.by_id.remove(&oldest);
        }
        delivery
    }

    /// Writes down an attempt or an end; `None` if the entry is forgotten already.
    pub(crate) fn update(&self, id: &str, change: impl FnOnce(&mut Delivery)) -> Option<Delivery> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let delivery = inner.by_id.get_mut(id)?;
        change(delivery);
        Some(delivery.clone())
    }

    pub(crate) fn get(&self, id: &str) -> Option<Delivery> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).by_id.get(id).cloned()
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<Delivery> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.order.iter().filter_map(|id| inner.by_id.get(id)).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Inner::default();
    }
}
