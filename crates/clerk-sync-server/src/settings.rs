//! The settings: what they are called, where they come from, and what they mean.
//!
//! [`DEFINITIONS`] is the one list. Flags come before the environment, the environment before the file, the file
//! before the defaults; every value remembers where it came from. Nothing of a secret is ever printed.

mod definition;
mod example;
mod file;
mod flags;
mod gather;
mod nearest;
mod problem;
mod reader;
mod report;
mod resolve;
mod sources;
mod users;
mod values;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use clerk_auth::publishable_key::{Environment, PublishableKey};
use clerk_sync::database_url::DatabaseUrl;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use self::definition::{DEFINITIONS, DefaultValue, Definition, Kind, find};
pub use self::example::{example, settings_table};
pub use self::flags::{config_path, given_flags, with_flags};
pub use self::nearest::nearest;
pub use self::problem::{MissingSetting, Problem, Problems, Source};
pub use self::report::{CheckLine, CheckState, Entry, Shown};
pub use self::resolve::{load, load_what_works};
pub use self::sources::{DEFAULT_FILE, FileText, Sources, process_environment};
pub use self::users::{
    Allow, ClaimConfig, ColumnConfig, ColumnContent, ColumnKind, FromClerk, Literal, OnDelete,
    ReplacementConfig, UsersConfig,
};
pub use self::values::{Network, Origin, TrustedProxies};
use clerk_sync::reconcile::MaxDeletes;

/// Every setting, parsed and checked. What a command needs and nobody set is asked for with `require_...`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `CLERK_SECRET_KEY`.
    pub clerk_secret_key: Option<SecretString>,
    /// `CLERK_PUBLISHABLE_KEY`; of the same environment as the secret key, if both are set.
    pub clerk_publishable_key: Option<PublishableKey>,
    /// `CLERK_WEBHOOK_SIGNING_SECRET`: all that are valid now, `whsec_` included; empty if it is not set.
    pub webhook_signing_secrets: Vec<SecretString>,
    /// `CLERK_API_URL`, without `/v1`. A path ends without a slash, unless it is the root.
    pub clerk_api_url: Url,
    /// `CLERK_PROXY_URL`; a path was resolved against the public origin.
    pub clerk_proxy_url: Option<Url>,
    /// `CLERK_JWT_KEY` as a clean PEM.
    pub clerk_jwt_key: Option<SecretString>,
    /// `CLERK_SIGN_IN_URL`; a path was resolved against the app's address.
    pub clerk_sign_in_url: Option<Url>,
    /// `CLERK_SIGN_UP_URL`; a path was resolved against the app's address.
    pub clerk_sign_up_url: Option<Url>,
    /// `CLERK_AUTHORIZED_PARTIES`; by default the app's and the public origin.
    pub authorized_parties: Vec<Origin>,
    /// `DATABASE_URL`.
    pub database_url: DatabaseUrl,
    /// `CLERK_SYNC_LISTEN`.
    pub listen: SocketAddr,
    /// `CLERK_SYNC_ADMIN_LISTEN`; `None` is off. An address that is not loopback comes with a token.
    pub admin_listen: Option<SocketAddr>,
    /// `CLERK_SYNC_ADMIN_TOKEN`, at least 16 characters.
    pub admin_token: Option<SecretString>,
    /// `CLERK_SYNC_APP_URL`.
    pub app_url: Url,
    /// `CLERK_SYNC_ALLOWED_ORIGINS`, without the app's own.
    pub allowed_origins: Vec<Origin>,
    /// `CLERK_SYNC_PUBLIC_URL`; by default the app's origin.
    pub public_origin: Origin,
    /// `CLERK_SYNC_TRUSTED_PROXIES`.
    pub trusted_proxies: TrustedProxies,
    /// `CLERK_SYNC_IMPORT`.
    pub import: Import,
    /// `CLERK_SYNC_CATCH_UP_EVERY`; `None` is off.
    pub catch_up_every: Option<Duration>,
    /// `CLERK_SYNC_SCRUB_EVERY`; `None` is off.
    pub scrub_every: Option<Duration>,
    /// `CLERK_SYNC_REQUESTS_PER_10S`.
    pub requests_per_10s: u32,
    /// `CLERK_SYNC_MAX_DELETES`.
    pub max_deletes: MaxDeletes,
    /// `CLERK_SYNC_KEEP_TOMBSTONES`, at least 90 days; `None` keeps them for ever.
    pub keep_tombstones: Option<Duration>,
    /// `CLERK_SYNC_LOG`: a filter that `EnvFilter` has accepted.
    pub log: String,
    /// `CLERK_SYNC_LOG_FORMAT`.
    pub log_format: LogFormat,
    /// The table `[users]` of the file.
    pub users: UsersConfig,
}

/// Whether `serve` imports existing users by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// While no import has completed.
    Auto,
    /// Never; a person runs `backfill`.
    Off,
}

impl Import {
    /// The word in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Settings {
    /// Development or production, by the secret key; without one by the publishable key.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        let secret = self.clerk_secret_key.as_ref();
        secret
            .and_then(|key| Environment::of_secret_key(key.expose_secret()))
            .or_else(|| self.clerk_publishable_key.as_ref().map(PublishableKey::environment))
    }

    /// `CLERK_SECRET_KEY`.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn require_secret_key(&self) -> Result<&SecretString, MissingSetting> {
        self.clerk_secret_key.as_ref().ok_or(MissingSetting {
            name: "CLERK_SECRET_KEY",
            advice: "copy it from the Clerk dashboard, API keys (starts with sk_test_ or sk_live_)",
        })
    }

    /// `CLERK_PUBLISHABLE_KEY`.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn require_publishable_key(&self) -> Result<&PublishableKey, MissingSetting> {
        self.clerk_publishable_key.as_ref().ok_or(MissingSetting {
            name: "CLERK_PUBLISHABLE_KEY",
            advice: "copy it from the Clerk dashboard, API keys (starts with pk_test_ or pk_live_)",
        })
    }

    /// `CLERK_WEBHOOK_SIGNING_SECRET`, at least one.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn require_signing_secrets(&self) -> Result<&[SecretString], MissingSetting> {
        if self.webhook_signing_secrets.is_empty() {
            return Err(MissingSetting {
                name: "CLERK_WEBHOOK_SIGNING_SECRET",
                advice: "copy it from the Clerk dashboard, Webhooks, the endpoint's page (starts with whsec_)",
            });
        }
        Ok(&self.webhook_signing_secrets)
    }
}

/// The outcome of reading the settings: what they are, and what is wrong with them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// `None` only where there is a problem.
    settings: Option<Settings>,
    users: UsersConfig,
    /// What is wrong; other checks may add to it.
    pub problems: Vec<Problem>,
    /// Remarks that are no problems.
    pub notes: Vec<String>,
    entries: Vec<Entry>,
}

impl Loaded {
    /// The settings, if nothing is wrong with them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once.
    pub fn into_settings(self) -> Result<Settings, Problems> {
        match self.settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(Problems(self.problems)),
        }
    }

    /// The settings, if nothing is wrong with them.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref().filter(|_| self.problems.is_empty())
    }

    /// The settings that were given and cannot be used.
    #[must_use]
    pub fn wrong(&self) -> Vec<&'static str> {
        let wrong = self.entries.iter().filter(|entry| entry.shown == Shown::Invalid);
        wrong.map(|entry| entry.definition.name).collect()
    }

    /// Every setting in the order of the documentation, with what it is and where that came from.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
