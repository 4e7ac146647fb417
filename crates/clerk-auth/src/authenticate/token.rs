//! A token on its way through the table: looked up if it was seen before, taken apart and verified if not.

use super::{Context, Facts, KeyAnswer, Need, VerifiedToken};
use crate::{
    jwt::Jwt,
    session::Session,
    verify::{ClaimRules, TokenError, check_signature},
};
use serde_json::Value;
use std::sync::Arc;

/// Why a token gives no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenTrouble {
    Rejected(TokenError),
    /// Clerk's SDKs stumble over it, and say no more than that.
    Unexpected,
}

impl From<TokenError> for TokenTrouble {
    fn from(error: TokenError) -> Self {
        Self::Rejected(error)
    }
}

/// A token as far as it can be read without believing it.
#[derive(Debug)]
pub(super) enum Peek {
    Verified(Arc<VerifiedToken>),
    Decoded(Box<Jwt>),
}

impl Peek {
    /// `None` if it is no token.
    pub(super) fn at(facts: &Facts<'_>, raw: &str) -> Option<Self> {
        match facts.verified(raw) {
            Some(token) => Some(Self::Verified(token)),
            None => Jwt::decode(raw).ok().map(|jwt| Self::Decoded(Box::new(jwt))),
        }
    }

    pub(super) fn claim(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Verified(token) => token.session.claim(name),
            Self::Decoded(jwt) => jwt.claim(name),
        }
    }

    pub(super) fn has_null_claims(&self) -> bool {
        matches!(self, Self::Decoded(jwt) if jwt.has_null_claims())
    }

    pub(super) fn is_of_another_class(&self, raw: &str) -> bool {
        match self {
            Self::Verified(token) => token.is_of_another_category || token.is_for_machines,
            Self::Decoded(jwt) => jwt.is_of_another_category() || jwt.is_for_machines(raw),
        }
    }
}

/// Verifies a session token, claims included.
pub(super) fn verify(
    context: &Context<'_>,
    facts: &mut Facts<'_>,
    raw: &str,
    clock_skew_ms: i64,
) -> Result<Result<Session, TokenTrouble>, Need> {
    match Peek::at(facts, raw) {
        Some(peek) => verify_peek(context, facts, raw, peek, clock_skew_ms),
        None => Ok(Err(TokenError::Invalid.into())),
    }
}

/// The same for a token that was looked at already.
pub(super) fn verify_peek(
    context: &Context<'_>,
    facts: &mut Facts<'_>,
    raw: &str,
    peek: Peek,
    clock_skew_ms: i64,
) -> Result<Result<Session, TokenTrouble>, Need> {
    let token = match peek {
        Peek::Verified(token) if token.is_of_machine_category => {
            return Ok(Err(TokenError::Invalid.into()));
        }
        Peek::Verified(token) => token,
        Peek::Decoded(jwt) => match believe(facts, raw, *jwt)? {
            Ok(token) => token,
            Err(trouble) => return Ok(Err(trouble)),
        },
    };
    let rules = ClaimRules {
        authorized_parties: context.settings.authorized_parties(),
        audiences: context.settings.audiences(),
        clock_skew_ms,
    };
    Ok(match token.claims.judge(&rules, context.now_ms) {
        Ok(()) => Ok(token.session.clone()),
        Err(error) => Err(error.into()),
    })
}

/// Checks the signature of a token that was not seen before.
fn believe(
    facts: &mut Facts<'_>,
    raw: &str,
    jwt: Jwt,
) -> Result<Result<Arc<VerifiedToken>, TokenTrouble>, Need> {
    if jwt.has_null_header() {
        return Ok(Err(TokenTrouble::Unexpected));
    }
    if jwt.is_of_machine_category() {
        return Ok(Err(TokenError::Invalid.into()));
    }
    let key = match facts.key(&key_name(&jwt))? {
        KeyAnswer::Known(key) => key,
        KeyAnswer::Unavailable(error) => return Ok(Err(error.into())),
        KeyAnswer::Unknown => return Ok(Err(TokenError::KeyMismatch.into())),
    };
    if let Err(error) = check_signature(raw, &jwt, &key) {
        return Ok(Err(error.into()));
    }
    // Clerk signs nothing without a subject; the claim rules would say the same.
    let Some(token) = VerifiedToken::new(raw, jwt).map(Arc::new) else {
        return Ok(Err(TokenError::VerificationFailed.into()));
    };
    facts.note_verified(raw, &token);
    Ok(Ok(token))
}

/// The `kid` of a header; a token without one asks for a key that no instance has.
pub(super) fn key_name(jwt: &Jwt) -> String {
    match jwt.header("kid") {
        Some(Value::String(kid)) => kid.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
