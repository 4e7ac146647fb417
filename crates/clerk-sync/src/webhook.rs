//! Signatures of webhooks, as Svix makes them for Clerk. Pure: the time is an argument.
//!
//! A delivery is signed over `{id}.{timestamp}.{raw body}` with HMAC-SHA256. It is accepted when any `v1`
//! signature matches any of our secrets, compared in constant time, and its timestamp lies within 300 s of `now`.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// How far a delivery's timestamp may lie from our clock, in seconds, to either side.
pub const TOLERANCE_S: i64 = 300;

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The names of the three headers: Clerk sends `svix-*`; the `webhook-*` spelling is that of the open standard.
const SPELLINGS: [[&str; 3]; 2] = [
    ["svix-id", "svix-timestamp", "svix-signature"],
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
];

/// Checks signatures against one or more secrets; several while a secret is being rotated.
pub struct Verifier {
    keys: Vec<hmac::Key>,
}

/// A text that is no signing secret. Does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a webhook signing secret is \"whsec_\" followed by base64")]
pub struct InvalidSecret;

/// Why a delivery was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// A header is missing, empty or not visible ASCII.
    #[error("a signature header is missing or unreadable")]
    Headers,
    /// The timestamp is not a number of seconds.
    #[error("the timestamp is not a number of seconds")]
    Timestamp,
    /// Signed more than 300 s ago.
    #[error("signed more than {TOLERANCE_S} s ago")]
    TooOld,
    /// Signed more than 300 s in the future.
    #[error("signed more than {TOLERANCE_S} s in the future: is this machine's clock right?")]
    TooNew,
    /// No signature matches any secret.
    #[error("no signature matches a signing secret")]
    Signature,
}

/// The headers of one delivery, as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The message's id; the same on every attempt.
    pub id: &'a str,
    /// Unix seconds; new on every attempt.
    pub timestamp: &'a str,
    /// Signatures, separated by spaces.
    pub signature: &'a str,
}

impl<'a> Headers<'a> {
    /// Takes the headers from a look-up by lower-case name, in whichever spelling is complete.
    ///
    /// # Errors
    /// [`Refusal::Headers`] where neither is.
    pub fn find(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Refusal> {
        let complete = SPELLINGS.into_iter().find_map(|[id, timestamp, signature]| {
            Some(Self { id: get(id)?, timestamp: get(timestamp)?, signature: get(signature)? })
        });
        let headers = complete.ok_or(Refusal::Headers)?;
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible(headers.id) { Ok(headers) } else { Err(Refusal::Headers) }
    }
}

impl Verifier {
    /// Takes the secrets as the Clerk dashboard shows them, with or without `whsec_`.
    ///
    /// # Errors
    /// Where one of them is not base64, or there is none: a missing secret never means "accept".
    pub fn try_new(secrets: &[SecretString]) -> Result<Self, InvalidSecret> {
        let keys: Result<Vec<_>, _> = secrets.iter().map(|secret| key(secret.expose_secret())).collect();
        match keys? {
            keys if keys.is_empty() => Err(InvalidSecret),
            keys => Ok(Self { keys }),
        }
    }

    /// Checks one delivery over its raw bytes. `now_s`: Unix seconds.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn verify(&self, headers: Headers<'_>, body: &[u8], now_s: i64) -> Result<(), Refusal> {
        let timestamp: i64 = headers.timestamp.parse().map_err(|_| Refusal::Timestamp)?;
        let age = now_s.saturating_sub(timestamp);
        if age > TOLERANCE_S {
            return Err(Refusal::TooOld);
        }
        if age < -TOLERANCE_S {
            return Err(Refusal::TooNew);
        }
        let candidates: Vec<Vec<u8>> = headers.signature.split(' ').filter_map(decode_v1).collect();
        if candidates.is_empty() {
            return Err(Refusal::Signature);
        }
        let matches = self.keys.iter().any(|key| {
            let tag = sign(key, headers.id, headers.timestamp, body);
            candidates.iter().any(|candidate| {
                aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), candidate).is_ok()
            })
        });
        if matches { Ok(()) } else { Err(Refusal::Signature) }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("secrets", &self.keys.len()).finish()
    }
}

fn key(secret: &str) -> Result<hmac::Key, InvalidSecret> {
    let bytes =
        STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).map_err(|_| InvalidSecret)?;
    if bytes.is_empty() {
        return Err(InvalidSecret);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn sign(key: &hmac::Key, id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        context.update(part);
    }
    context.sign()
}

fn decode_v1(signature: &str) -> Option<Vec<u8>> {
    STANDARD.decode(signature.strip_prefix("v1,")?).ok()
}

#[cfg(test)]
mod tests;
