//! What a decision may ask of Clerk's Backend API.

use crate::{authenticate::RefreshRequest, jwks::JwkSet, reason::RefreshFailure, verify::TokenError};
use async_trait::async_trait;
use std::{fmt, time::Duration};

#[cfg(feature = "client")]
mod http;

#[cfg(feature = "client")]
pub use http::{HttpBackend, HttpBackendError};

/// Why Clerk did not answer as hoped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The secret key was not accepted.
    #[error("Clerk did not accept the secret key: check CLERK_SECRET_KEY")]
    SecretKey,
    /// No answer, or one that came too late.
    #[error("Clerk could not be reached")]
    Unavailable,
    /// Too many requests. `None`: Clerk did not say when to come back.
    #[error("Clerk has had too many requests from this instance")]
    RateLimited(Option<Duration>),
    /// What was asked for does not exist.
    #[error("Clerk does not know it")]
    NotFound,
    /// An answer that makes no sense.
    #[error("Clerk's answer could not be read")]
    Unexpected,
}

impl BackendError {
    /// Whether the same may work later without anyone's help.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::RateLimited(_))
    }

    /// What is to be said of a token whose key could not be had.
    pub(crate) fn of_key(self) -> TokenError {
        if self == Self::SecretKey { TokenError::SecretKeyInvalid } else { TokenError::KeysUnavailable }
    }
}

/// The calls that authentication makes. [`HttpBackend`] makes them for real.
#[async_trait]
pub trait Backend: Send + Sync + fmt::Debug + 'static {
    /// `GET /v1/jwks`. Not rate limited.
    ///
    /// # Errors
    /// See [`BackendError`].
    async fn signing_keys(&self) -> Result<JwkSet, BackendError>;

    /// `GET /v1/clients/handshake_payload?nonce=`: the cookies that a handshake ended with. The nonce comes from a
    /// stranger.
    ///
    /// # Errors
    /// See [`BackendError`].
    async fn handshake_payload(&self, nonce: &str) -> Result<Vec<String>, BackendError>;

    /// `POST /v1/sessions/{id}/refresh` with `format=cookie`: new cookies for an expired session. The id comes from a
    /// stranger.
    ///
    /// # Errors
    /// See [`RefreshFailure`].
    async fn refresh(&self, request: &RefreshRequest) -> Result<Vec<String>, RefreshFailure>;
}
