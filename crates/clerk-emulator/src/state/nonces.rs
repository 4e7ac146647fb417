//! Results of handshakes that wait for the app to fetch them.

use std::collections::HashMap;

/// How long a nonce can be exchanged.
pub(crate) const NONCE_LIFETIME_MS: i64 = 60_000;
/// A page that is loaded twice at once asks twice, so the answer stays for a moment after it was first read.
const AFTER_FIRST_READ_MS: i64 = 10_000;

#[derive(Debug)]
struct Waiting {
    directives: Vec<String>,
    until_ms: i64,
}

/// Directives by nonce.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    waiting: HashMap<String, Waiting>,
}

impl Nonces {
    pub(crate) fn add(&mut self, nonce: String, directives: Vec<String>, now_ms: i64) {
        self.waiting.retain(|_, waiting| now_ms < waiting.until_ms);
        self.waiting.insert(nonce, Waiting { directives, until_ms: now_ms + NONCE_LIFETIME_MS });
    }

    pub(crate) fn read(&mut self, nonce: &str, now_ms: i64) -> Option<Vec<String>> {
        let waiting = self.waiting.get_mut(nonce).filter(|waiting| now_ms < waiting.until_ms)?;
        waiting.until_ms = waiting.until_ms.min(now_ms + AFTER_FIRST_READ_MS);
        Some(waiting.directives.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_ends_after_a_minute_and_soon_after_it_was_read() {
        let mut nonces = Nonces::default();
        nonces.add("a".to_owned(), vec!["x=1".to_owned()], 0);
        nonces.add("b".to_owned(), vec!["y=1".to_owned()], 0);
        assert_eq!(nonces.read("a", 1_000).unwrap(), ["x=1"]);
        assert!(nonces.read("a", 10_999).is_some());
        assert!(nonces.read("a", 11_000).is_none());
        assert!(nonces.read("b", 59_999).is_some());
        nonces.add("c".to_owned(), Vec::new(), 0);
        assert!(nonces.read("c", 60_000).is_none());
        assert!(nonces.read("d", 0).is_none());
    }
}
