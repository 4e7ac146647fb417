//! What an emulated instance is told at its start.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};
use crate::handshake::HandshakeFormat;
use crate::id::IdSource;
use crate::token::SigningKey;

/// The settings of one emulated Clerk instance.
///
/// Start from [`EmulatorConfig::dev`] and change what matters:
///
/// ```
/// use clerk_emulator::EmulatorConfig;
///
/// let mut config = EmulatorConfig::dev(42);
/// config.webhook_url = Some("http://127.0.0.1:8787/clerk/webhooks".to_owned());
/// config.requests_per_10s = Some(50);
/// ```
#[derive(Clone)]
pub struct EmulatorConfig {
    /// The only secret key that is let in: `sk_test_…` or `sk_live_…`.
    pub secret_key: String,
    /// `pk_test_…` or `pk_live_…`; its host is the issuer of session tokens.
    pub publishable_key: String,
    /// `whsec_…`. Every delivery carries one signature for each, as while rotating.
    pub webhook_secrets: Vec<String>,
    /// Where events go. Without it nothing is sent.
    pub webhook_url: Option<String>,
    /// `ins_…`; in every event's envelope, and the `kid` of the signing key.
    pub instance_id: String,
    /// Requests let in per 10 s; unset means Clerk's own limits, 100 for test keys and 1000 for live ones.
    pub requests_per_10s: Option<u32>,
    /// How many times faster than Clerk failed deliveries are repeated. `1.0` is the real schedule of 28 hours;
    /// with `1000.0` the first repeat comes after 5 ms and the last after 100 s.
    pub time_scale: f64,
    /// How long a receiver may take to answer; never scaled.
    pub webhook_timeout: Duration,
    /// Deliveries on their way at the same time.
    pub webhook_concurrency: usize,
    /// Deliveries remembered; the oldest finished ones are forgotten first.
    pub delivery_log_size: usize,
    /// Every identifier and every random choice follows from it.
    pub seed: u64,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The key that signs session tokens. Without one it is made when it is first needed.
    pub signing_key: Option<SigningKey>,
    /// How the result of a handshake travels.
    pub handshake_format: HandshakeFormat,
    /// Whether handshakes hand out `__refresh_…` cookies. Off unless asked for: that Clerk does is not documented.
    pub refresh_tokens: bool,
    /// Origins, such as `http://app.test:3000`, that pages may be sent to and may call from, besides loopback and
    /// the hosts beside `clerk.<domain>`.
    pub allowed_origins: Vec<String>,
    /// What `starting_after` does with the id of a user who is gone; Clerk's answer is not documented.
    pub deleted_cursor: DeletedCursor,
    /// Whether `created_at_before` and its siblings include the moment itself; Clerk's answer is not documented.
    pub inclusive_time_filters: bool,
    /// Whether lists of users are compressed for those who accept gzip, as Clerk's are; on unless said otherwise. Off,
    /// a list costs the emulator less, which matters when it shares its processors with what is measured.
    pub compress: bool,
}

/// What `starting_after` does with the id of a deleted user.
///
/// In JSON `"refused"`, `"empty"`, `"continues"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedCursor {
    /// 422, like an id that never was.
    #[default]
    Refused,
    /// An empty page.
    Empty,
    /// The page after the place where the user was.
    Continues,
}

impl EmulatorConfig {
    /// A development instance with keys made up from `seed`, no webhook URL, and the system's clock.
    #[must_use]
    pub fn dev(seed: u64) -> Self {
        let mut ids = IdSource::new(seed ^ 0x636c_6572_6b00);
        let host = format!("emulated-{}.clerk.accounts.dev$", &ids.hex()[..8]);
        Self {
            secret_key: format!("sk_test_{}", ids.hex()),
            publishable_key: format!("pk_test_{}", STANDARD.encode(host)),
            webhook_secrets: vec![format!("whsec_{}", STANDARD.encode(ids.bytes::<24>()))],
            webhook_url: None,
            instance_id: ids.make("ins", 1_767_225_600_000),
            requests_per_10s: None,
            time_scale: 1.0,
            webhook_timeout: Duration::from_secs(15),
            webhook_concurrency: 16,
            delivery_log_size: 10_000,
            seed,
            clock: Arc::new(SystemClock),
            signing_key: None,
            handshake_format: HandshakeFormat::default(),
            refresh_tokens: false,
            allowed_origins: Vec::new(),
            deleted_cursor: DeletedCursor::default(),
            inclusive_time_filters: false,
            compress: true,
        }
    }

    /// Requests let in per 10 s.
    #[must_use]
    pub fn rate_limit(&self) -> u32 {
        self.requests_per_10s.unwrap_or(if self.is_production() { 1_000 } else { 100 })
    }

    /// Whether the keys say that this is a production instance.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.secret_key.starts_with("sk_live_")
    }

    /// Whether the Frontend API acts as for production: the publishable key decides, as it does for Clerk's SDKs.
    #[must_use]
    pub fn has_production_frontend(&self) -> bool {
        self.publishable_key.starts_with("pk_live_")
    }

    /// The suffix of this instance's cookies: eight characters that follow from the publishable key as it is written,
    /// padding included.
    #[must_use]
    pub fn cookie_suffix(&self) -> String {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, self.publishable_key.as_bytes());
        STANDARD.encode(hash).chars().take(8).map(url_safe).collect()
    }

    /// The host of the Frontend API, from the publishable key.
    pub(crate) fn frontend_host(&self) -> Result<String, ConfigError> {
        let encoded =
            ["pk_test_", "pk_live_"].iter().find_map(|prefix| self.publishable_key.strip_prefix(prefix));
        let encoded =
            encoded.ok_or(ConfigError::PublishableKey("it must begin with pk_test_ or pk_live_"))?;
        let padded = format!("{}{}", encoded, "=".repeat((4 - encoded.len() % 4) % 4));
        let decoded = STANDARD.decode(padded).map_err(|_| ConfigError::PublishableKey("it is not base64"))?;
        let text = String::from_utf8(decoded).map_err(|_| ConfigError::PublishableKey("it is not text"))?;
        match text.strip_suffix('$') {
            Some(host) if host.contains('.') && !host.contains('$') => Ok(host.to_owned()),
            _ => Err(ConfigError::PublishableKey("it must hold a host with a dot, followed by one $")),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.frontend_host()?;
        if !self.secret_key.starts_with("sk_test_") && !self.secret_key.starts_with("sk_live_") {
            return Err(ConfigError::SecretKey);
        }
        if self.time_scale <= 0.0 || !self.time_scale.is_finite() {
            return Err(ConfigError::TimeScale);
        }
        Ok(())
    }
}

fn url_safe(c: char) -> char {
    match c {
        '+' => '-',
        '/' => '_',
        c => c,
    }
}

impl fmt::Debug for EmulatorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorConfig")
            .field("publishable_key", &self.publishable_key)
            .field("instance_id", &self.instance_id)
            .field("webhook_url", &self.webhook_url)
            .field("requests_per_10s", &self.rate_limit())
            .field("time_scale", &self.time_scale)
            .field("handshake_format", &self.handshake_format)
            .field("refresh_tokens", &self.refresh_tokens)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// A setting the emulator cannot work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The secret key has neither of the two prefixes.
    #[error("the secret key must begin with sk_test_ or sk_live_")]
    SecretKey,
    /// The publishable key does not hold a host.
    #[error("the publishable key cannot be read: {0}")]
    PublishableKey(&'static str),
    /// A webhook secret is not `whsec_` and base64.
    #[error("a webhook secret must be whsec_ followed by base64")]
    WebhookSecret,
    /// The webhook URL is not an http or https URL.
    #[error("the webhook URL {0:?} is not an http or https URL")]
    WebhookUrl(String),
    /// The time scale is zero, negative or not a number.
    #[error("the time scale must be above zero")]
    TimeScale,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_keys_can_be_read_back() {
        let config = EmulatorConfig::dev(1);
        config.check().unwrap();
        assert!(config.frontend_host().unwrap().ends_with(".clerk.accounts.dev"));
        assert_eq!(config.rate_limit(), 100);
        assert_ne!(config.secret_key, EmulatorConfig::dev(2).secret_key);
    }

    #[test]
    fn a_publishable_key_may_lack_its_padding() {
        let mut config = EmulatorConfig::dev(1);
        config.publishable_key =
            format!("pk_live_{}", STANDARD.encode("clerk.example.com$").trim_end_matches('='));
        assert_eq!(config.frontend_host().unwrap(), "clerk.example.com");
        config.publishable_key = format!("pk_test_{}", STANDARD.encode("localhost:4301$"));
        assert!(config.frontend_host().is_err());
    }
}
