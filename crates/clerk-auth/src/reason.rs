//! Why nobody is signed in, in the words of Clerk's own SDKs (contract, section d.3).

use crate::verify::TokenError;
use std::{borrow::Cow, fmt};

/// Goes out as `x-clerk-auth-reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The browser has an active client but no session token here.
    ClientUatButNoSessionToken,
    /// Development: the browser has no id yet.
    DevBrowserMissing,
    /// Development: the browser's id comes in the URL.
    DevBrowserSync,
    /// Development: this app answers another one that shares its sessions.
    PrimaryRespondsToSyncing,
    /// A link from another site led here; the session may have changed there.
    PrimaryDomainCrossOriginSync,
    /// Nothing says that anyone is signed in.
    SessionTokenAndUatMissing,
    /// A handshake ended without a session.
    SessionTokenMissing,
    /// The token is over, and renewing it failed for this reason.
    SessionTokenExpired(RefreshFailure),
    /// The client has changed since the token was issued.
    SessionTokenIatBeforeClientUat,
    /// The token is not active yet.
    SessionTokenNbf,
    /// The token was issued in the future.
    SessionTokenIatInTheFuture,
    /// There is a token, but no trace of a client.
    SessionTokenButNoClientUat,
    /// It is a token of another class.
    TokenTypeMismatch,
    /// Something that no rule covers.
    UnexpectedError,
    /// The token did not verify.
    Token(TokenError),
}

impl Reason {
    /// The word itself.
    #[must_use]
    pub fn as_str(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::ClientUatButNoSessionToken => "client-uat-but-no-session-token",
            Self::DevBrowserMissing => "dev-browser-missing",
            Self::DevBrowserSync => "dev-browser-sync",
            Self::PrimaryRespondsToSyncing => "primary-responds-to-syncing",
            Self::PrimaryDomainCrossOriginSync => "primary-domain-cross-origin-sync",
            Self::SessionTokenAndUatMissing => "session-token-and-uat-missing",
            Self::SessionTokenMissing => "session-token-missing",
            Self::SessionTokenExpired(why) => {
                return Cow::Owned(format!("session-token-expired-refresh-{}", why.as_str()));
            }
            Self::SessionTokenIatBeforeClientUat => "session-token-iat-before-client-uat",
            Self::SessionTokenNbf => "session-token-nbf",
            Self::SessionTokenIatInTheFuture => "session-token-iat-in-the-future",
            Self::SessionTokenButNoClientUat => "session-token-but-no-client-uat",
            Self::TokenTypeMismatch => "token-type-mismatch",
            Self::UnexpectedError => "unexpected-error",
            Self::Token(error) => error.as_str(),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.as_str())
    }
}

/// Why an expired session was not renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshFailure {
    /// There is no refresh token.
    NoCookie,
    /// Only a GET may be answered with new cookies.
    NotGet,
    /// The renewed token does not verify.
    InvalidSessionToken,
    /// The expired token cannot be decoded.
    Undecodable,
    /// The expired token names no session.
    MissingSessionId,
    /// There is no way to ask Clerk: no secret key was given.
    NoApiClient,
    /// Clerk could not be reached.
    Unreachable,
    /// Clerk answered without new cookies.
    NoCookies,
    /// Clerk refused without saying why.
    Unexplained,
    /// Clerk refused with this code.
    Refused(String),
}

impl RefreshFailure {
    /// What follows `session-token-expired-refresh-`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::NoCookie => "non-eligible-no-refresh-cookie",
            Self::NotGet => "non-eligible-non-get",
            Self::InvalidSessionToken => "invalid-session-token",
            Self::Undecodable => "expired-session-token-decode-failed",
            Self::MissingSessionId => "expired-session-token-missing-sid-claim",
            Self::NoApiClient => "missing-api-client",
            Self::Unreachable => "fetch-error",
            Self::NoCookies => "unexpected-sdk-error",
            Self::Unexplained => "unexpected-bapi-error",
            Self::Refused(code) => code,
        }
    }
}
