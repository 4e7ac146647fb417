//! The instance's signing keys: cached, fetched by one at a time, and never more often than strangers can be allowed to
//! cause.

use crate::{
    authenticate::{KeyAnswer, KeyLookup},
    backend::Backend,
    clock::Clock,
    jwks::JwkSet,
    signing_key::SigningKey,
    verify::TokenError,
};
use arc_swap::ArcSwap;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Mutex;

/// After this a set is fetched anew, beside the requests that go on with the old one.
const REFRESH_AFTER: Duration = Duration::from_secs(5 * 60);
/// How often a key that nobody knows may cause a fetch.
const UNKNOWN_KEY_COOLDOWN: Duration = Duration::from_secs(60);
/// How often Clerk is asked again while it cannot be reached and there is no key at all.
const FAILURE_COOLDOWN: Duration = Duration::from_secs(1);

/// Keys of one instance. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyRing {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// From `CLERK_JWT_KEY`: nobody is asked.
    Fixed(Arc<SigningKey>),
    Fetched(Arc<Fetched>),
}

#[derive(Debug)]
struct Fetched {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    keys: ArcSwap<Keys>,
    /// As in the keys, to be read often.
    generation: AtomicU64,
    /// When a set is old, Unix ms by our clock: one look at the time is enough for a request.
    old_at_ms: AtomicI64,
    /// Held while a fetch is on its way.
    flight: Arc<Mutex<()>>,
}

/// What is known at one moment.
#[derive(Debug, Clone, Default)]
struct Keys {
    keys: Vec<Arc<SigningKey>>,
    /// Counts changes that made a key invalid.
    generation: u64,
    /// When the last fetch ended, well or not.
    tried_at: Option<Duration>,
    /// Counts fetches that ended.
    tries: u64,
    failure: Option<TokenError>,
}

impl KeyRing {
    /// The one key of `CLERK_JWT_KEY`. Clerk is never asked; after a rotation the app must be given the new key.
    #[must_use]
    pub fn fixed(key: SigningKey) -> Self {
        Self { source: Source::Fixed(Arc::new(key)) }
    }

    /// Keys that are fetched when first needed, every five minutes, and when a token names one that is not there: then
    /// once a minute at most, whatever strangers send. While Clerk is away the keys at hand go on.
    #[must_use]
    pub fn fetched(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        let fetched = Fetched {
            backend,
            clock,
            keys: ArcSwap::default(),
            generation: AtomicU64::new(0),
            old_at_ms: AtomicI64::new(i64::MAX),
            flight: Arc::new(Mutex::new(())),
        };
        Self { source: Source::Fetched(Arc::new(fetched)) }
    }

    /// Changes when a key that was valid no longer is: what it verified must be verified anew.
    pub(crate) fn generation(&self) -> u64 {
        match &self.source {
            Source::Fixed(_) => 0,
            Source::Fetched(fetched) => fetched.generation.load(Ordering::Acquire),
        }
    }

    /// Fetches the keys for the sake of one; joins a fetch that is on its way.
    pub(crate) async fn ask(&self, kid: &str) -> KeyAnswer {
        match &self.source {
            Source::Fixed(key) => KeyAnswer::Known(Arc::clone(key)),
            Source::Fetched(fetched) => {
                fetched.fetch().await;
                fetched.answer(kid)
            }
        }
    }

    /// Begins to fetch the keys anew if they are old at `now_ms` (Unix ms), and does not wait.
    pub(crate) fn refresh_if_old(&self, now_ms: i64) {
        let Source::Fetched(fetched) = &self.source else { return };
        let old_at_ms = fetched.old_at_ms.load(Ordering::Relaxed);
        if now_ms < old_at_ms || fetched.flight.try_lock().is_err() {
            return;
        }
        // A clock that is set back makes the next fetch late, no more: a token of a new key fetches at once.
        let again = now_ms.saturating_add(milliseconds(FAILURE_COOLDOWN));
        let is_ours = fetched
            .old_at_ms
            .compare_exchange(old_at_ms, again, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if is_ours {
            let fetched = Arc::clone(fetched);
            tokio::spawn(async move { fetched.fetch().await });
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl KeyLookup for KeyRing {
    fn find(&self, kid: &str) -> KeyAnswer {
        match &self.source {
            Source::Fixed(key) => KeyAnswer::Known(Arc::clone(key)),
            Source::Fetched(fetched) => fetched.find(kid),
        }
    }
}

impl Fetched {
    fn find(&self, kid: &str) -> KeyAnswer {
        let keys = self.keys.load();
        if let Some(key) = keys.find(kid) {
            return KeyAnswer::Known(key);
        }
        let since_try = keys.tried_at.map(|at| self.clock.monotonic().saturating_sub(at));
        let (cooldown, answer) = match keys.failure {
            Some(failure) if keys.keys.is_empty() => (FAILURE_COOLDOWN, failure),
            Some(failure) => (UNKNOWN_KEY_COOLDOWN, failure),
            None => (UNKNOWN_KEY_COOLDOWN, TokenError::KeyMismatch),
        };
        if since_try.is_some_and(|since| since < cooldown) {
            return KeyAnswer::Unavailable(answer);
        }
        KeyAnswer::Unknown
    }

    fn answer(&self, kid: &str) -> KeyAnswer {
        let keys = self.keys.load();
        match keys.find(kid) {
            Some(key) => KeyAnswer::Known(key),
            None => KeyAnswer::Unavailable(keys.failure.unwrap_or(TokenError::KeyMismatch)),
        }
    }

    /// Waits for the fetch that is on its way, or makes one. A caller that goes away does not end it.
    async fn fetch(self: &Arc<Self>) {
        let tries = self.keys.load().tries;
        let guard = Arc::clone(&self.flight).lock_owned().await;
        if self.keys.load().tries != tries {
            return;
        }
        let fetched = Arc::clone(self);
        let task = tokio::spawn(async move {
            let answer = fetched.backend.signing_keys().await;
            let now = fetched.clock.monotonic();
            let next = fetched.keys.load().after(
                answer.map_err(|error| {
                    tracing::warn!(%error, "the signing keys were not read from Clerk");
                    error.of_key()
                }),
                now,
            );
            if next.failure.is_none() {
                let old_at_ms = fetched.clock.now_ms().saturating_add(milliseconds(REFRESH_AFTER));
                fetched.old_at_ms.store(old_at_ms, Ordering::Relaxed);
            }
            let generation = next.generation;
            fetched.keys.store(Arc::new(next));
            fetched.generation.store(generation, Ordering::Release);
            drop(guard);
        });
        // It ends only by itself, or with the runtime.
        let _ = task.await;
    }
}

impl Keys {
    fn find(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.keys.iter().find(|key| key.id() == kid).cloned()
    }

    /// What is known after a fetch. A failure takes nothing away; an answer without a key is one.
    fn after(&self, answer: Result<JwkSet, TokenError>, now: Duration) -> Self {
        let mut next = Self { tried_at: Some(now), tries: self.tries + 1, ..self.clone() };
        match answer {
            Ok(set) if !set.keys().is_empty() => {
                let keys: Vec<_> = set.keys().iter().map(|jwk| Arc::new(SigningKey::from_jwk(jwk))).collect();
                let lost = self.keys.iter().any(|old| !keys.contains(old));
                next.generation += u64::from(lost);
                next.keys = keys;
                next.failure = None;
            }
            Ok(_) => next.failure = Some(TokenError::KeysUnavailable),
            Err(failure) => next.failure = Some(failure),
        }
        next
    }
}

#[cfg(test)]
mod tests;
