//! What can go wrong between us and Clerk.

use std::{fmt, time::Duration};

/// What a caller can do about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClerkErrorKind {
    /// No answer, or a 5xx. Try again later.
    Unavailable,
    /// Clerk's rate limit, or our own budget is used up for longer than the caller may wait.
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// Clerk does not accept the secret key (401 or 403). An operator acts.
    Refused,
    /// Clerk does not take this request (400, 404, 422): a cursor whose user is gone, a filter it does not know.
    Rejected,
    /// An answer that is not as the contract says.
    Unexpected,
}

/// A failed call to Clerk. Holds nothing of the answer's body but Clerk's error code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClerkError {
    kind: ClerkErrorKind,
    doing: &'static str,
    detail: String,
}

impl ClerkError {
    /// A failure while `doing` something.
    pub fn new(kind: ClerkErrorKind, doing: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, doing, detail: detail.into() }
    }

    /// What to do about it.
    pub fn kind(&self) -> &ClerkErrorKind {
        &self.kind
    }

    /// How long to wait before trying again, if Clerk or the budget says.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            ClerkErrorKind::Throttled { retry_after } => Some(retry_after),
            _ => None,
        }
    }
}

impl fmt::Display for ClerkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ClerkErrorKind::Unavailable => "Clerk cannot be reached",
            ClerkErrorKind::Throttled { .. } => "Clerk's rate limit is used up",
            ClerkErrorKind::Refused => "Clerk does not accept CLERK_SECRET_KEY",
            ClerkErrorKind::Rejected => "Clerk does not take the request",
            ClerkErrorKind::Unexpected => "Clerk's answer is not understood",
        };
        write!(f, "{}: {what}", self.doing)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

impl std::error::Error for ClerkError {}
