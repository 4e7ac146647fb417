//! Tokens whose signature was checked lately, so that a request in sixty is checked and not each.
//!
//! Only that is remembered; who made the token for whom, and when it ends, is judged each time. A token is kept by a
//! fingerprint of all of its text: neither a dump of the memory nor a hit gives it away.

use crate::authenticate::{VerifiedToken, VerifiedTokens};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use papaya::HashMap;
use std::{
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

type Hash = [u8; 16];

/// How often tokens that are over are thrown out, seconds. They live for 60.
const SWEEP_EVERY_S: i64 = 30;
/// A token may be accepted this long after its end (the largest difference of clocks), seconds.
const GRACE_S: i64 = 5;

/// See the module. Reading takes no lock.
#[derive(Debug)]
pub(crate) struct SeenTokens {
    tokens: HashMap<Hash, Entry, BuildHasherDefault<FirstBytes>>,
    fingerprints: Fingerprints,
    capacity: usize,
    swept_at: AtomicI64,
    generation: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    token: Arc<VerifiedToken>,
    expires_at: i64,
    /// Under which keys it was verified: a hit under others is none.
    generation: u64,
}

impl SeenTokens {
    /// Remembers at most `capacity` tokens, under a random `key`.
    pub(crate) fn new(capacity: usize, key: [u8; 16]) -> Self {
        Self {
            tokens: HashMap::default(),
            fingerprints: Fingerprints::new(key),
            capacity,
            swept_at: AtomicI64::new(0),
            generation: AtomicU64::new(0),
        }
    }

    /// Forgets everything if keys were taken back since.
    pub(crate) fn keep_up_with(&self, generation: u64) {
        if self.generation.load(Ordering::Acquire) != generation {
            self.tokens.pin().clear();
            self.generation.store(generation, Ordering::Release);
        }
    }

    /// Remembers a token that was verified under the keys of `generation`, at `now_s` (Unix seconds).
    pub(crate) fn remember(&self, raw: &str, token: Arc<VerifiedToken>, generation: u64, now_s: i64) {
        let Some(expires_at) = token.expires_at().filter(|end| end + GRACE_S > now_s) else { return };
        // Padding is tolerated, so one token has many spellings; only the one that Clerk writes is worth the room.
        if self.capacity == 0 || raw.contains('=') || generation != self.generation.load(Ordering::Acquire) {
            return;
        }
        let tokens = self.tokens.pin();
        let is_full = tokens.len() >= self.capacity;
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        let is_due = now_s >= swept_at + if is_full { 1 } else { SWEEP_EVERY_S } || now_s < swept_at;
        // One of those who find it due does it.
        let sweeps = is_due
            && self.swept_at.compare_exchange(swept_at, now_s, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if sweeps {
            tokens.retain(|_, entry| entry.expires_at + GRACE_S > now_s);
        }
        if tokens.len() >= self.capacity {
            if !sweeps {
                return;
            }
            // More live tokens than fit: begin anew rather than grow.
            tokens.clear();
        }
        if let Some(hash) = self.fingerprints.of(raw) {
            tokens.insert(hash, Entry { token, expires_at, generation });
        }
    }
}

impl VerifiedTokens for SeenTokens {
    fn find(&self, raw: &str) -> Option<Arc<VerifiedToken>> {
        let hash = self.fingerprints.of(raw)?;
        let generation = self.generation.load(Ordering::Acquire);
        let tokens = self.tokens.pin();
        let entry = tokens.get(&hash).filter(|entry| entry.generation == generation)?;
        Some(Arc::clone(&entry.token))
    }
}

/// Fingerprints under a key that nobody else knows: the authentication code of AES-GCM over the text.
///
/// Two texts have the same with a chance of one in 2^120, for whoever does not know the key. With one nonce for all it
/// would be no good where codes are shown; these never leave the process. A quarter of a SHA-256 in time, and fast on
/// processors without instructions for that too.
#[derive(Debug)]
struct Fingerprints {
    /// `None` if the crypto library takes no key: then nothing is remembered.
    key: Option<LessSafeKey>,
}

impl Fingerprints {
    fn new(key: [u8; 16]) -> Self {
        Self { key: UnboundKey::new(&AES_128_GCM, &key).ok().map(LessSafeKey::new) }
    }

    fn of(&self, raw: &str) -> Option<Hash> {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let key = self.key.as_ref()?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(raw.as_bytes()), &mut []).ok()?;
        tag.as_ref().try_into().ok()
    }
}

/// A fingerprint is as good a hash as any: its first bytes do.
#[derive(Debug, Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{jwt::Jwt, testing};
    use serde_json::json;

    fn token(number: i64, expires_at: i64) -> (String, Arc<VerifiedToken>) {
        use base64::Engine as _;
        let claims = json!({"sub": format!("user_{number}"), "exp": expires_at}).to_string();
        let raw = format!("e30.{}.AA", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims));
        let token = VerifiedToken::new(&raw, Jwt::decode(&raw).unwrap()).unwrap();
        (raw, Arc::new(token))
    }

    fn remember(seen: &SeenTokens, number: i64, expires_at: i64, now: i64) -> String {
        let (raw, token) = token(number, expires_at);
        seen.remember(&raw, token, 0, now);
        raw
    }

    #[test]
    fn what_was_seen_is_found_by_all_of_its_text() {
        let seen = SeenTokens::new(10, [7; 16]);
        let raw = remember(&seen, 1, 60, 0);
        assert!(seen.find(&raw).is_some());
        assert!(seen.find(&raw[..raw.len() - 1]).is_none());
        assert!(seen.find(&format!("{raw}A")).is_none());
        assert!(seen.find(testing::KID).is_none());
    }

    #[test]
    fn one_token_has_one_spelling_worth_remembering() {
        let seen = SeenTokens::new(10, [7; 16]);
        let (raw, token) = token(1, 60);
        for padding in 1..50 {
            seen.remember(&format!("{raw}{}", "=".repeat(padding)), Arc::clone(&token), 0, 0);
        }
        assert_eq!(seen.tokens.len(), 0);
    }

    #[test]
    fn tokens_that_are_over_go_and_none_grows_beyond_the_capacity() {
        let seen = SeenTokens::new(10, [7; 16]);
        for number in 0..1_000 {
            remember(&seen, number, number + 60, number);
            assert!(seen.tokens.len() <= 10, "{}", seen.tokens.len());
        }
        let none = SeenTokens::new(0, [7; 16]);
        let raw = remember(&none, 1, 60, 0);
        assert!(none.find(&raw).is_none());
        let over = remember(&seen, 5_000, 10, 2_000);
        assert!(seen.find(&over).is_none());
        remember(&seen, 5_001, 5_060, 5_000);
        assert_eq!(seen.tokens.len(), 1);
    }

    #[test]
    fn keys_that_are_taken_back_take_their_tokens_along() {
        let seen = SeenTokens::new(10, [7; 16]);
        let raw = remember(&seen, 1, 60, 0);
        seen.keep_up_with(0);
        assert!(seen.find(&raw).is_some());
        seen.keep_up_with(1);
        assert!(seen.find(&raw).is_none());
        // Verified under the old keys, and finished only now.
        let raw = remember(&seen, 1, 60, 0);
        assert!(seen.find(&raw).is_none());
    }

    #[test]
    fn many_threads_read_and_write_at_once() {
        let seen = SeenTokens::new(64, [7; 16]);
        std::thread::scope(|scope| {
            for thread in 0..4_i64 {
                let seen = &seen;
                scope.spawn(move || {
                    for number in 0..2_000 {
                        let raw = remember(seen, thread * 10_000 + number, number + 60, number);
                        let _ = seen.find(&raw);
                    }
                });
            }
        });
        assert!(seen.tokens.len() <= 64 + 4);
    }
}
