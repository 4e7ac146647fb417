//! Clerk's limit of requests per secret key.

use std::sync::{Mutex, PoisonError};

const WINDOW_MS: i64 = 10_000;

/// A window of ten seconds that begins with its first request.
#[derive(Debug)]
pub(crate) struct RateLimit {
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    limit: u32,
    began_at: i64,
    used: u32,
}

impl RateLimit {
    pub(crate) fn new(limit: u32) -> Self {
        Self { window: Mutex::new(Window { limit, began_at: i64::MIN, used: 0 }) }
    }

    /// Counts a request in, or says how many whole seconds to wait.
    pub(crate) fn admit(&self, now_ms: i64) -> Result<(), u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now_ms.saturating_sub(window.began_at);
        if !(0..WINDOW_MS).contains(&elapsed) {
            window.began_at = now_ms;
            window.used = 0;
        }
        if window.used >= window.limit {
            let left_ms = window.began_at + WINDOW_MS - now_ms;
            return Err(u64::try_from((left_ms + 999) / 1_000).unwrap_or(1).max(1));
        }
        window.used += 1;
        Ok(())
    }

    pub(crate) fn set_limit(&self, limit: u32) {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).limit = limit;
    }

    pub(crate) fn reset(&self) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.began_at = i64::MIN;
        window.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_opens_again_when_it_said_it_would() {
        let limit = RateLimit::new(2);
        assert_eq!(limit.admit(1_000), Ok(()));
        assert_eq!(limit.admit(1_500), Ok(()));
        assert_eq!(limit.admit(2_500), Err(9));
        assert_eq!(limit.admit(10_999), Err(1));
        assert_eq!(limit.admit(11_000), Ok(()));
    }
}
