//! The only door to real time: a benchmark measures it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Time since the Unix epoch, for `svix-timestamp` and for the users' own times.
#[expect(clippy::disallowed_methods, reason = "receivers refuse signatures that are not fresh")]
pub(crate) fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
