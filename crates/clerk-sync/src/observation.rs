//! One sight of a user: it looked like this, as of then; or it is gone.

use crate::{
    mapping::{MappedUser, Mapping, Row},
    rule::{Claim, Fingerprint, State, Version},
    user_id::UserId,
};
use std::fmt;

/// By which way a user was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flow {
    /// A signed webhook (B).
    Webhook,
    /// A read that a webhook made necessary: a tie, an implausible or an unreadable event.
    Reread,
    /// `sync <id>` or a person's click (C).
    Sync,
    /// A dead letter that was replayed.
    Replay,
    /// A request of a user without a row (D).
    Ensure,
    /// A person on the way from sign-up, or one who returns (A, C).
    Visit,
    /// The import of everyone (E).
    Import,
    /// A look at what changed lately (E).
    CatchUp,
    /// A comparison of everything (E).
    Scrub,
}

impl Flow {
    /// The name in the feed, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Reread => "reread",
            Self::Sync => "sync",
            Self::Replay => "replay",
            Self::Ensure => "ensure",
            Self::Visit => "visit",
            Self::Import => "import",
            Self::CatchUp => "catch_up",
            Self::Scrub => "scrub",
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One observation on its way to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Who.
    pub user: UserId,
    /// Its place in the order, and what else the rule needs.
    pub claim: Claim,
    /// The mapped values; `None` when gone.
    pub row: Option<Row>,
    /// See [`MappedUser::link`].
    pub link: Option<Box<str>>,
    /// Clerk's `created_at`, Unix ms; `None` when gone or unknown.
    pub created_at: Option<i64>,
    /// By which way it came.
    pub flow: Flow,
    /// The `svix-id` of the message that brought it, if one did.
    pub message_id: Option<Box<str>>,
}

impl Observation {
    /// A user that was seen in Clerk as of `as_of` (Unix ms, Clerk's clock).
    pub fn present(user: MappedUser, mapping: &Mapping, as_of: i64, flow: Flow) -> Self {
        let version =
            Version { state: State::Present, updated_at: user.updated_at, as_of, digest: user.digest };
        Self {
            user: user.id,
            claim: plain(version, mapping.fingerprint()),
            row: Some(user.row),
            link: user.link,
            created_at: user.created_at,
            flow,
            message_id: None,
        }
    }

    /// A user as its session's claims describe it, which were issued at `user.updated_at` (Unix ms, Clerk's clock).
    pub fn provisional(user: MappedUser, mapping: &Mapping, flow: Flow) -> Self {
        let issued_at = user.updated_at;
        let mut observation = Self::present(user, mapping, issued_at, flow);
        observation.claim.version.state = State::Provisional;
        observation
    }

    /// A user that was gone as of `as_of` (Unix ms, Clerk's clock).
    pub fn gone(user: UserId, mapping: &Mapping, as_of: i64, flow: Flow) -> Self {
        let claim = plain(Version::gone(as_of), mapping.fingerprint());
        Self { user, claim, row: None, link: None, created_at: None, flow, message_id: None }
    }
}

fn plain(version: Version, fingerprint: Fingerprint) -> Claim {
    Claim {
        version,
        fingerprint,
        lifts_as_of: None,
        resets: None,
        settles: false,
        restores: false,
        quiet: false,
    }
}
