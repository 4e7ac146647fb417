//! What a decision knows beside the request, and what it may ask for.

use crate::{
    jwt::Jwt,
    reason::RefreshFailure,
    session::Session,
    signing_key::SigningKey,
    verify::{CheckedClaims, TokenError},
};
use http::HeaderMap;
use std::{fmt, sync::Arc};

/// What is known about a signing key.
#[derive(Debug, Clone)]
pub enum KeyAnswer {
    /// Here it is.
    Known(Arc<SigningKey>),
    /// Nobody has asked Clerk yet, or not lately.
    Unknown,
    /// It cannot be had: [`TokenError::KeyMismatch`], [`TokenError::KeysUnavailable`] or
    /// [`TokenError::SecretKeyInvalid`].
    Unavailable(TokenError),
}

/// Finds signing keys without any I/O.
pub trait KeyLookup: fmt::Debug + Send + Sync {
    /// What is known about the key that a token names.
    fn find(&self, kid: &str) -> KeyAnswer;
}

/// Tokens whose signature was checked before. Only that is remembered, never a decision.
pub trait VerifiedTokens: fmt::Debug + Send + Sync {
    /// The token, if it was seen before.
    fn find(&self, raw: &str) -> Option<Arc<VerifiedToken>>;
}

/// A token whose type, algorithm and signature are good. Its claims must be judged each time.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    pub(super) session: Session,
    pub(super) claims: CheckedClaims,
    pub(super) is_of_another_category: bool,
    pub(super) is_of_machine_category: bool,
    pub(super) is_for_machines: bool,
}

impl VerifiedToken {
    /// Unix seconds; `None` in a token without an end, which no claim rule lets pass.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        self.session.expires_at()
    }

    /// `None` if the token is about nobody.
    pub(crate) fn new(raw: &str, jwt: Jwt) -> Option<Self> {
        Some(Self {
            is_of_another_category: jwt.is_of_another_category(),
            is_of_machine_category: jwt.is_of_machine_category(),
            is_for_machines: jwt.is_for_machines(raw),
            claims: CheckedClaims::read(jwt.claims()),
            session: Session::from_claims(jwt.into_claims())?,
        })
    }
}

/// What must be found out before a request can be judged.
#[derive(Debug, Clone)]
pub enum Need {
    /// Ask Clerk for its signing keys, for the sake of this one: [`Facts::learn_key`].
    Key(String),
    /// `GET /v1/clients/handshake_payload?nonce=`: [`Facts::learn_handshake`].
    HandshakePayload {
        /// As it was sent: anything.
        nonce: String,
    },
    /// `POST /v1/sessions/{id}/refresh`: [`Facts::learn_refresh`].
    Refresh(Box<RefreshRequest>),
}

/// What a session is renewed with. Holds secrets.
#[derive(Clone)]
pub struct RefreshRequest {
    /// `sess_...`, as the expired token says: anything.
    pub session_id: String,
    /// Whether new cookies shall have the instance's suffix.
    pub suffixed_cookies: bool,
    /// The token that is over.
    pub expired_token: String,
    /// The cookie's value.
    pub refresh_token: String,
    /// The origin that the browser asked.
    pub request_origin: String,
    /// All headers of the request.
    pub request_headers: HeaderMap,
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RefreshRequest")
            .field("suffixed_cookies", &self.suffixed_cookies)
            .field("request_origin", &self.request_origin)
            .finish_non_exhaustive()
    }
}

/// What is known beside the request. Made for one request.
#[derive(Debug)]
pub struct Facts<'a> {
    keys: &'a dyn KeyLookup,
    seen: &'a dyn VerifiedTokens,
    asked_keys: Vec<(String, KeyAnswer)>,
    pub(super) handshake: Option<Vec<String>>,
    pub(super) refresh: Option<Result<Vec<String>, RefreshFailure>>,
    /// Nothing is verified twice.
    learned: Vec<(Box<str>, Arc<VerifiedToken>)>,
}

impl<'a> Facts<'a> {
    /// Nothing is known yet but what `keys` and `seen` hold.
    pub fn new(keys: &'a dyn KeyLookup, seen: &'a dyn VerifiedTokens) -> Self {
        Self { keys, seen, asked_keys: Vec::new(), handshake: None, refresh: None, learned: Vec::new() }
    }

    /// Answers [`Need::Key`]. [`KeyAnswer::Unknown`] counts as a key that the instance does not have.
    pub fn learn_key(&mut self, kid: String, answer: KeyAnswer) {
        let answer = match answer {
            KeyAnswer::Unknown => KeyAnswer::Unavailable(TokenError::KeyMismatch),
            answer => answer,
        };
        self.asked_keys.push((kid, answer));
    }

    /// Answers [`Need::HandshakePayload`] with its directives. Where Clerk had no answer: with none.
    pub fn learn_handshake(&mut self, directives: Vec<String>) {
        self.handshake = Some(directives);
    }

    /// Answers [`Need::Refresh`] with the new cookies, or with why there are none.
    pub fn learn_refresh(&mut self, cookies: Result<Vec<String>, RefreshFailure>) {
        self.refresh = Some(cookies);
    }

    /// Tokens that were verified on the way and had not been seen before.
    pub fn into_learned(self) -> Vec<(Box<str>, Arc<VerifiedToken>)> {
        self.learned
    }

    pub(super) fn key(&self, kid: &str) -> Result<KeyAnswer, Need> {
        if let Some((_, answer)) = self.asked_keys.iter().find(|(asked, _)| asked == kid) {
            return Ok(answer.clone());
        }
        match self.keys.find(kid) {
            KeyAnswer::Unknown => Err(Need::Key(kid.to_owned())),
            answer => Ok(answer),
        }
    }

    pub(super) fn verified(&self, raw: &str) -> Option<Arc<VerifiedToken>> {
        let learned = self.learned.iter().find(|(known, _)| **known == *raw);
        learned.map(|(_, token)| Arc::clone(token)).or_else(|| self.seen.find(raw))
    }

    pub(super) fn note_verified(&mut self, raw: &str, token: &Arc<VerifiedToken>) {
        self.learned.push((raw.into(), Arc::clone(token)));
    }
}
