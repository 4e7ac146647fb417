//! Verifying a token, in the order of Clerk's own SDKs (contract, section c.4). Pure: time and key are arguments.

use crate::{
    js,
    jwt::{Jwt, MalformedJwt},
    signing_key::{Algorithm, SignatureCheck, SigningKey},
};
use serde_json::Value;
use std::fmt;

/// What is asked of a token beside its signature.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRules<'a> {
    /// The origins that a token may be made for (`azp`); if empty, any.
    pub authorized_parties: &'a [String],
    /// If not empty, a token that has an audience must have one of these.
    pub audiences: &'a [String],
    /// How far two clocks may be apart, ms.
    pub clock_skew_ms: i64,
}

/// Why a token is not accepted. The names are those of Clerk's SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenError {
    /// It is over.
    Expired,
    /// It has no form of a token, or is of another class.
    Invalid,
    /// Its algorithm is none of those that Clerk uses.
    InvalidAlgorithm,
    /// It was made for another origin.
    InvalidAuthorizedParties,
    /// Its signature is not of this key.
    InvalidSignature,
    /// It is not valid yet.
    NotActiveYet,
    /// It was issued later than now.
    IatInTheFuture,
    /// A claim is missing or makes no sense.
    VerificationFailed,
    /// Clerk did not accept the secret key when it was asked for the signing keys.
    SecretKeyInvalid,
    /// The instance's signing keys could not be loaded.
    KeysUnavailable,
    /// The instance has no signing key of this name.
    KeyMismatch,
}

impl TokenError {
    /// The name that Clerk's SDKs give it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "token-expired",
            Self::Invalid => "token-invalid",
            Self::InvalidAlgorithm => "token-invalid-algorithm",
            Self::InvalidAuthorizedParties => "token-invalid-authorized-parties",
            Self::InvalidSignature => "token-invalid-signature",
            Self::NotActiveYet => "token-not-active-yet",
            Self::IatInTheFuture => "token-iat-in-the-future",
            Self::VerificationFailed => "token-verification-failed",
            Self::SecretKeyInvalid => "secret-key-invalid",
            Self::KeysUnavailable => "jwk-remote-failed-to-load",
            Self::KeyMismatch => "jwk-kid-mismatch",
        }
    }

    /// One sentence for a developer. Nothing of the token is in it.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Expired => "The session token has expired.",
            Self::Invalid => "The session token is malformed or is no session token.",
            Self::InvalidAlgorithm => {
                "The session token names an algorithm that is not RS256, RS384 or RS512."
            }
            Self::InvalidAuthorizedParties => {
                "The session token was made for an origin that is not among the authorized parties."
            }
            Self::InvalidSignature => "The signature of the session token is not by this instance's key.",
            Self::NotActiveYet => "The session token is not active yet: compare the clocks.",
            Self::IatInTheFuture => "The session token was issued in the future: compare the clocks.",
            Self::VerificationFailed => "A claim of the session token is missing or has the wrong type.",
            Self::SecretKeyInvalid => "Clerk did not accept the secret key.",
            Self::KeysUnavailable => "The signing keys of the instance could not be loaded from Clerk.",
            Self::KeyMismatch => {
                "The session token names a signing key that the instance does not have: do the publishable and the \
                 secret key belong together?"
            }
        }
    }

    /// Two clocks that disagree, or time that has passed: what a handshake mends.
    #[must_use]
    pub fn is_about_time(self) -> bool {
        matches!(self, Self::Expired | Self::NotActiveYet | Self::IatInTheFuture)
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.message())
    }
}

impl std::error::Error for TokenError {}

impl From<MalformedJwt> for TokenError {
    fn from(_: MalformedJwt) -> Self {
        Self::Invalid
    }
}

/// Checks type, algorithm and signature: the part that stays true for as long as the key does.
///
/// # Errors
/// [`TokenError`], never one about time.
pub fn check_signature(raw: &str, jwt: &Jwt, key: &SigningKey) -> Result<(), TokenError> {
    if jwt.header("typ").is_some_and(|typ| typ != "JWT") {
        return Err(TokenError::Invalid);
    }
    let algorithm = jwt.header("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
    let algorithm = algorithm.ok_or(TokenError::InvalidAlgorithm)?;
    match key.check(algorithm, jwt.signed_part(raw), jwt.signature()) {
        SignatureCheck::Good => Ok(()),
        SignatureCheck::Bad => Err(TokenError::InvalidSignature),
        SignatureCheck::Unsuitable => Err(TokenError::VerificationFailed),
    }
}

/// Checks the claims of a token whose signature is good, at `now_ms` (Unix ms). `iss` is not compared: the
/// instance's own key binds it already.
///
/// # Errors
/// [`TokenError`]; the first that applies, in the SDKs' order.
pub fn check_claims(claims: &Value, rules: &ClaimRules<'_>, now_ms: i64) -> Result<(), TokenError> {
    CheckedClaims::read(claims).judge(rules, now_ms)
}

/// What the rules look at, read once: a token is judged many times.
#[derive(Debug, Clone)]
pub(crate) struct CheckedClaims {
    has_subject: bool,
    audience: Option<Value>,
    party: Option<Box<str>>,
    expiry: Moment,
    not_before: Moment,
    issued_at: Moment,
}

/// A claim about time.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Missing,
    /// Of the wrong type.
    Wrong,
    /// Unix ms.
    At(f64),
}

impl CheckedClaims {
    pub(crate) fn read(claims: &Value) -> Self {
        let moment = |name: &str| match claims.get(name) {
            None => Moment::Missing,
            Some(claim) => claim.as_f64().map_or(Moment::Wrong, |seconds| Moment::At(milliseconds(seconds))),
        };
        Self {
            has_subject: claims.get("sub").is_some_and(Value::is_string),
            audience: claims.get("aud").cloned(),
            party: claims.get("azp").and_then(Value::as_str).map(Box::from),
            expiry: moment("exp"),
            not_before: moment("nbf"),
            issued_at: moment("iat"),
        }
    }

    pub(crate) fn judge(&self, rules: &ClaimRules<'_>, now_ms: i64) -> Result<(), TokenError> {
        if !self.has_subject {
            return Err(TokenError::VerificationFailed);
        }
        check_audience(self.audience.as_ref(), rules.audiences)?;
        if !rules.authorized_parties.is_empty() {
            let party = self.party.as_deref();
            if !party.is_some_and(|party| rules.authorized_parties.iter().any(|known| known == party)) {
                return Err(TokenError::InvalidAuthorizedParties);
            }
        }
        // Milliseconds of this century and many to come are exact in a double.
        let (now, skew) = (now_ms as f64, rules.clock_skew_ms as f64);
        match self.expiry {
            Moment::At(expiry) if expiry <= now - skew => return Err(TokenError::Expired),
            Moment::At(_) => {}
            Moment::Missing | Moment::Wrong => return Err(TokenError::VerificationFailed),
        }
        let is_early = |moment| match moment {
            Moment::At(moment) => Ok(moment > now + skew),
            Moment::Missing => Ok(false),
            Moment::Wrong => Err(TokenError::VerificationFailed),
        };
        if is_early(self.not_before)? {
            return Err(TokenError::NotActiveYet);
        }
        if is_early(self.issued_at)? {
            return Err(TokenError::IatInTheFuture);
        }
        Ok(())
    }
}

/// Unix seconds to ms as a JavaScript `Date` does: whole seconds, and nothing beyond its range compares.
fn milliseconds(seconds: f64) -> f64 {
    const FURTHEST_MS: f64 = 8.64e15;
    let ms = seconds.trunc() * 1_000.0;
    if ms.abs() <= FURTHEST_MS { ms } else { f64::NAN }
}

fn check_audience(audience: Option<&Value>, accepted: &[String]) -> Result<(), TokenError> {
    if accepted.is_empty() {
        return Ok(());
    }
    let is_accepted = |text: &str| accepted.iter().any(|known| known == text);
    let ok = match audience {
        Some(Value::String(text)) => text.is_empty() || is_accepted(text),
        Some(Value::Array(items)) if !items.is_empty() && items.iter().all(Value::is_string) => {
            let filled = items.iter().any(|item| js::is_truthy(Some(item)));
            !filled || items.iter().filter_map(Value::as_str).any(is_accepted)
        }
        _ => true,
    };
    if ok { Ok(()) } else { Err(TokenError::VerificationFailed) }
}

#[cfg(test)]
mod tests;
