//! What has been asked, and how it was answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// The stretch of time Clerk's rate limit counts in.
const WINDOW_MS: i64 = 10_000;

/// Requests counted by route and status.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// Requests to the API; the control paths and `/healthz` do not count.
    pub requests: u64,
    /// Those among them that were answered 429.
    pub too_many_requests: u64,
    /// By `METHOD /path/{pattern}`, then status. Status 0 is a connection closed without an answer.
    pub routes: BTreeMap<String, BTreeMap<u16, u64>>,
    /// Requests to the Backend API by what they ask for.
    pub classes: BTreeMap<RouteClass, ClassStats>,
    /// The most requests that the rate limit has let in within any ten seconds, wherever these begin. Clerk's own
    /// windows begin with a request, so it can let in twice its limit within ten seconds that straddle two of them.
    pub peak_per_10s: u64,
}

/// What requests to the Backend API ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteClass {
    /// `GET /v1/users`.
    UserLists,
    /// `GET /v1/users/count`.
    UserCounts,
    /// `GET /v1/users/{user_id}`.
    UserReads,
    /// `GET /v1/instance`.
    Instance,
    /// Everything else that the rate limit counts.
    Other,
}

impl RouteClass {
    fn of(route: &str) -> Self {
        match route {
            "GET /v1/users" => Self::UserLists,
            "GET /v1/users/count" => Self::UserCounts,
            "GET /v1/users/{user_id}" => Self::UserReads,
            "GET /v1/instance" => Self::Instance,
            _ => Self::Other,
        }
    }
}

/// How the rate limit, and faults that act like it, met requests of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassStats {
    /// Let in, whatever came of it.
    pub let_in: u64,
    /// Answered 429.
    pub too_many_requests: u64,
}

impl Stats {
    /// Requests to one route, such as `GET /v1/users/{user_id}`, whatever the answer.
    #[must_use]
    pub fn count(&self, route: &str) -> u64 {
        self.routes.get(route).map_or(0, |statuses| statuses.values().sum())
    }

    /// Requests of one class.
    #[must_use]
    pub fn class(&self, class: RouteClass) -> ClassStats {
        self.classes.get(&class).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    stats: Stats,
    recent: Recent,
}

/// What was let in within the last ten seconds, by millisecond, so that it stays small however much there is.
#[derive(Debug, Default)]
struct Recent {
    moments: VecDeque<(i64, u64)>,
    sum: u64,
}

impl Recent {
    /// Counts one in, and answers how many there are within the ten seconds that end now.
    fn note(&mut self, now_ms: i64) -> u64 {
        while let Some((at_ms, count)) = self.moments.front().copied()
            && at_ms <= now_ms - WINDOW_MS
        {
            self.sum -= count;
            self.moments.pop_front();
        }
        match self.moments.back_mut() {
            // Also when the clock has gone back a little.
            Some((at_ms, count)) if *at_ms >= now_ms => *count += 1,
            _ => self.moments.push_back((now_ms, 1)),
        }
        self.sum += 1;
        self.sum
    }
}

impl Counter {
    /// A request that the rate limit has let in.
    pub(crate) fn let_in(&self, route: &str, now_ms: i64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.stats.classes.entry(RouteClass::of(route)).or_default().let_in += 1;
        inner.stats.peak_per_10s = inner.recent.note(now_ms).max(inner.stats.peak_per_10s);
    }

    /// A request that the rate limit, or a fault like it, has turned away.
    pub(crate) fn turned_away(&self, route: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.stats.classes.entry(RouteClass::of(route)).or_default().too_many_requests += 1;
    }

    pub(crate) fn note(&self, route: &str, status: u16) {
        let stats = &mut self.inner.lock().unwrap_or_else(PoisonError::into_inner).stats;
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
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).stats.clone()
    }

    pub(crate) fn reset(&self) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Inner::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_any_ten_seconds() {
        let counter = Counter::default();
        for at_ms in [0, 9_000, 9_000, 9_999, 10_000, 18_999, 40_000] {
            counter.let_in("GET /v1/users", at_ms);
        }
        // 9,000 to 18,999; the first one had left at 10,000.
        assert_eq!(counter.read().peak_per_10s, 5);
        assert_eq!(counter.read().class(RouteClass::UserLists).let_in, 7);
        counter.reset();
        counter.let_in("POST /v1/users", 40_001);
        assert_eq!(counter.read().peak_per_10s, 1);
        assert_eq!(counter.read().class(RouteClass::Other), ClassStats { let_in: 1, too_many_requests: 0 });
    }
}
