//! Decides about requests, and finds out what that takes: keys, handshakes, renewed sessions.

use crate::{
    authenticate::{Facts, Need, authenticate},
    backend::Backend,
    clock::{Clock, SystemClock},
    decision::{Decision, Status},
    key_ring::KeyRing,
    reason::{Reason, RefreshFailure},
    request::RequestHead,
    seen_tokens::SeenTokens,
    settings::AuthSettings,
    sign_in,
    signing_key::SigningKey,
    verify::TokenError,
};
use aws_lc_rs::rand;
use std::sync::Arc;
use url::Url;

/// Tokens whose signature is remembered, if nothing else is said. Some 3 KiB each.
const SEEN_TOKENS: usize = 16_384;

/// See the module. Cheap to clone; one for a process.
#[derive(Debug, Clone)]
pub struct Authenticator {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    settings: AuthSettings,
    backend: Option<Arc<dyn Backend>>,
    keys: KeyRing,
    seen: SeenTokens,
    clock: Arc<dyn Clock>,
}

/// Puts an [`Authenticator`] together.
#[derive(Debug)]
pub struct AuthenticatorBuilder {
    settings: AuthSettings,
    backend: Option<Arc<dyn Backend>>,
    jwt_key: Option<SigningKey>,
    clock: Option<Arc<dyn Clock>>,
    seen_tokens: usize,
}

/// An authenticator without a way to any signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "authentication needs signing keys: give it a backend (CLERK_SECRET_KEY), or the PEM key (CLERK_JWT_KEY)"
)]
pub struct NoKeysError;

impl AuthenticatorBuilder {
    /// Where keys, handshakes and renewed sessions are asked for. Without one only tokens that verify by
    /// [`AuthenticatorBuilder::jwt_key`] are accepted, and no handshake by nonce.
    #[must_use]
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// `CLERK_JWT_KEY`: tokens verify without any request.
    #[must_use]
    pub fn jwt_key(mut self, key: SigningKey) -> Self {
        self.jwt_key = Some(key);
        self
    }

    /// Another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How many tokens are remembered to have verified, some 3 KiB each; 16,384 by default, 0 for none.
    #[must_use]
    pub fn seen_tokens(mut self, capacity: usize) -> Self {
        self.seen_tokens = capacity;
        self
    }

    /// The authenticator.
    ///
    /// # Errors
    /// Without a backend and without a key.
    pub fn build(self) -> Result<Authenticator, NoKeysError> {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let keys = match (self.jwt_key, &self.backend) {
            (Some(key), _) => KeyRing::fixed(key),
            (None, Some(backend)) => KeyRing::fetched(Arc::clone(backend), Arc::clone(&clock)),
            (None, None) => return Err(NoKeysError),
        };
        let mut key = [0; 16];
        // Without randomness nothing is remembered, and every token verified anew.
        let capacity = rand::fill(&mut key).map_or(0, |()| self.seen_tokens);
        let seen = SeenTokens::new(capacity, key);
        let parts = Parts { settings: self.settings, backend: self.backend, keys, seen, clock };
        Ok(Authenticator { parts: Arc::new(parts) })
    }
}

impl Authenticator {
    /// Begins an authenticator for an instance.
    #[must_use]
    pub fn builder(settings: AuthSettings) -> AuthenticatorBuilder {
        AuthenticatorBuilder { settings, backend: None, jwt_key: None, clock: None, seen_tokens: SEEN_TOKENS }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &AuthSettings {
        &self.parts.settings
    }

    /// Decides about a request. Asks Clerk only for what it has never heard of; never fails.
    pub async fn authenticate(&self, head: &RequestHead<'_>) -> Decision {
        let mut inquiry = Inquiry::begin(self);
        loop {
            match inquiry.decide(head) {
                Ok(decision) => return inquiry.end(decision),
                Err(need) => inquiry.find_out(need).await,
            }
        }
    }

    /// Where a stranger goes to sign in, to come back to this address: `sign_in_url`, else Clerk's own page. `None` if
    /// neither makes an address. Goes with a development instance's browser, which the other origin must know too
    /// (contract, section e).
    #[must_use]
    pub fn sign_in_address(&self, head: &RequestHead<'_>, sign_in_url: Option<&Url>) -> Option<Url> {
        sign_in::address(head, &self.parts.settings, sign_in_url)
    }

    /// Decides without waiting, as nearly every request can be: no I/O, no lock that blocks.
    ///
    /// # Errors
    /// What would have to be found out first: see [`Authenticator::authenticate`].
    pub fn authenticate_now(&self, head: &RequestHead<'_>) -> Result<Decision, Need> {
        let mut inquiry = Inquiry::begin(self);
        let decision = inquiry.decide(head)?;
        Ok(inquiry.end(decision))
    }
}

/// One request on its way to a decision.
struct Inquiry<'a> {
    parts: &'a Parts,
    facts: Facts<'a>,
    generation: u64,
    now_ms: i64,
    clerk_was_away: bool,
    refresh_was_away: bool,
}

impl<'a> Inquiry<'a> {
    fn begin(authenticator: &'a Authenticator) -> Self {
        let parts = &*authenticator.parts;
        let generation = parts.keys.generation();
        parts.seen.keep_up_with(generation);
        let now_ms = parts.clock.now_ms();
        parts.keys.refresh_if_old(now_ms);
        let facts = Facts::new(&parts.keys, &parts.seen);
        Self { parts, facts, generation, now_ms, clerk_was_away: false, refresh_was_away: false }
    }

    fn decide(&mut self, head: &RequestHead<'_>) -> Result<Decision, Need> {
        authenticate(head, &self.parts.settings, &mut self.facts, self.now_ms)
    }

    fn end(self, mut decision: Decision) -> Decision {
        decision.clerk_was_away = self.clerk_was_away
            // The browser may mend what we could not.
            || (self.refresh_was_away && decision.location().is_none())
            || matches!(&decision.status, Status::SignedOut(Reason::Token(TokenError::KeysUnavailable)));
        for (raw, token) in self.facts.into_learned() {
            self.parts.seen.remember(&raw, token, self.generation, self.now_ms.div_euclid(1_000));
        }
        decision
    }

    async fn find_out(&mut self, need: Need) {
        match need {
            Need::Key(kid) => {
                let answer = self.parts.keys.ask(&kid).await;
                self.generation = self.parts.keys.generation();
                self.parts.seen.keep_up_with(self.generation);
                self.facts.learn_key(kid, answer);
            }
            Need::HandshakePayload { nonce } => {
                let directives = match &self.parts.backend {
                    Some(backend) => backend.handshake_payload(&nonce).await,
                    None => Ok(Vec::new()),
                };
                self.clerk_was_away |= directives.as_ref().is_err_and(|error| error.is_transient());
                self.facts.learn_handshake(directives.unwrap_or_else(|error| {
                    // Anyone can make up a nonce: one that Clerk does not know is no news.
                    match error.is_transient() {
                        true => tracing::warn!(%error, "a handshake could not be read from Clerk"),
                        false => tracing::debug!(%error, "a handshake could not be read from Clerk"),
                    }
                    Vec::new()
                }));
            }
            Need::Refresh(request) => {
                let cookies = match &self.parts.backend {
                    Some(backend) => backend.refresh(&request).await,
                    None => Err(RefreshFailure::NoApiClient),
                };
                self.refresh_was_away |= matches!(cookies, Err(RefreshFailure::Unreachable));
                self.facts.learn_refresh(cookies);
            }
        }
    }
}
