//! What is decided about a request, and the headers that say so (contract, sections d.5 and d.6).

use crate::{reason::Reason, session::Session, verify::TokenError};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::fmt;

/// `signed-out` or `handshake`.
pub const AUTH_STATUS: HeaderName = HeaderName::from_static("x-clerk-auth-status");
/// See [`Reason`].
pub const AUTH_REASON: HeaderName = HeaderName::from_static("x-clerk-auth-reason");
/// A sentence for a developer.
pub const AUTH_MESSAGE: HeaderName = HeaderName::from_static("x-clerk-auth-message");

/// Who is asking, and what the answer must carry.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Who is asking.
    pub status: Status,
    /// Go out with the answer, whatever it is: cookies, `Location`, `x-clerk-auth-*`. Empty for most signed-in
    /// requests.
    pub headers: HeaderMap,
    /// Clerk could not be asked for something that was needed. Someone who is not signed in may only seem so: better
    /// say "later" than "no".
    pub clerk_was_away: bool,
}

/// See [`Decision`].
#[derive(Debug, Clone)]
pub enum Status {
    /// Someone whose token verified. A pending session is among them; see [`Session::is_pending`].
    SignedIn(Session),
    /// Nobody.
    SignedOut(Reason),
    /// Clerk must be asked through the browser: the answer is a redirect.
    Handshake(Reason),
    /// The request makes no sense. Clerk's own SDKs break here; a page should say what is wrong.
    Failed(Failure),
}

/// Why a request cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Development: what came back from the handshake does not verify.
    #[error(
        "the handshake token did not verify ({name}): do the publishable and the secret key belong to the same Clerk \
         instance? After changing keys, clear this site's cookies", name = .0.as_str()
    )]
    Handshake(TokenError),
    /// Development: `__clerk_redirect_url` is no absolute URL.
    #[error("`__clerk_redirect_url` is no absolute URL")]
    RedirectUrl,
    /// A cookie holds a token whose claims are `null`.
    #[error("a session cookie holds no session token: clear this site's cookies")]
    Cookie,
    /// Host and scheme make no address.
    #[error("the request's host makes no address")]
    Address,
}

impl Decision {
    /// Where the browser is to go, if it is to go anywhere: answer 307 with all headers.
    #[must_use]
    pub fn location(&self) -> Option<&HeaderValue> {
        self.headers.get(header::LOCATION)
    }

    /// The session, unless it is pending.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match &self.status {
            Status::SignedIn(session) if !session.is_pending() => Some(session),
            _ => None,
        }
    }

    pub(crate) fn signed_in(session: Session, headers: HeaderMap) -> Self {
        Self { status: Status::SignedIn(session), headers, clerk_was_away: false }
    }

    pub(crate) fn signed_out(reason: Reason, message: &Message, mut headers: HeaderMap) -> Self {
        describe(&mut headers, "signed-out", &reason, message);
        Self { status: Status::SignedOut(reason), headers, clerk_was_away: false }
    }

    pub(crate) fn handshake(reason: Reason, message: &Message, mut headers: HeaderMap) -> Self {
        describe(&mut headers, "handshake", &reason, message);
        Self { status: Status::Handshake(reason), headers, clerk_was_away: false }
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self { status: Status::Failed(failure), headers: HeaderMap::new(), clerk_was_away: false }
    }
}

/// Where a token was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Header,
    Cookie,
}

/// What goes out as `x-clerk-auth-message`; often nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Message {
    None,
    Text(&'static str),
    Token(TokenError, Carrier),
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Text(text) => out.write_str(text),
            Self::Token(error, carrier) => {
                let carrier = if *carrier == Carrier::Header { "header" } else { "cookie" };
                write!(out, "{} (reason={}, token-carrier={carrier})", error.message(), error.as_str())
            }
        }
    }
}

fn describe(headers: &mut HeaderMap, status: &'static str, reason: &Reason, message: &Message) {
    let message = message.to_string();
    if let Ok(value) = HeaderValue::try_from(message.as_str())
        && !message.is_empty()
    {
        headers.insert(AUTH_MESSAGE, value);
    }
    // A code of Clerk's could be anything; a value that is no header value is left out.
    if let Ok(value) = HeaderValue::try_from(&*reason.as_str()) {
        headers.insert(AUTH_REASON, value);
    }
    headers.insert(AUTH_STATUS, HeaderValue::from_static(status));
}
