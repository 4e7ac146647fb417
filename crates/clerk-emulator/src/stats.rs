//! What has been asked, and how it was answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Requests counted by route and status.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// Requests to the API; the control paths and `/healthz` do not count.
    pub requests: u64,
    /// Those among them that were answered 429.
    pub too_many_requests: u64,
    /// By `METHOD /path/{pattern}`, then status. Status 0 is a connection closed without an answer.
    pub routes: BTreeMap<String, BTreeMap<u16, u64>>,
}

impl Stats {
    /// Requests to one route, such as `GET /v1/users/{user_id}`, whatever the answer.
    #[must_use]
    pub fn count(&self, route: &str) -> u64 {
        self.routes.get(route).map_or(0, |statuses| statuses.values().sum())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter {
    stats: Mutex<Stats>,
}

impl Counter {
    pub(crate) fn note(&self, route: &str, status: u16) {
        let mut stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        stats.requests += 1;
        stats.too_many_requests += u64::from(status == 429);
        if !stats.routes.contains_key(route) {
            stats.routes.insert(route.to_owned(), BTreeMap::new());
        }
        if let Some(statuses) = stats.routes.get_mut(route) {
            *statuses.entry(status).or_default() += 1;
        }
    }

    pub(crate) fn read(&self) -> Stats {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reset(&self) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = Stats::default();
    }
}
