//! A publishable key: the address of a Clerk instance, in the form in which Clerk hands it out.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

#[cfg(test)]
mod tests;

/// What Clerk calls the type of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Keys with `_test_`: looser rules, lower limits, sessions carried in URLs.
    Development,
    /// Keys with `_live_`.
    Production,
}

impl Environment {
    /// The environment of a secret key, by its prefix; `None` if the text is no secret key at all.
    #[must_use]
    pub fn of_secret_key(text: &str) -> Option<Self> {
        if text.starts_with("sk_test_") {
            Some(Self::Development)
        } else if text.starts_with("sk_live_") {
            Some(Self::Production)
        } else {
            None
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Development => "development",
            Self::Production => "production",
        })
    }
}

/// A publishable key (`pk_test_…` or `pk_live_…`). It is no secret: every page of the app shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishableKey {
    text: String,
    environment: Environment,
    host: String,
    frontend_api: Url,
}

/// Why a text is no publishable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishableKeyError {
    /// The key of the server's side; it must not come near a browser.
    #[error("this is a secret key; a publishable key starts with pk_test_ or pk_live_")]
    SecretKey,
    /// Another prefix.
    #[error("a publishable key starts with pk_test_ or pk_live_")]
    Prefix,
    /// Too many underscores.
    #[error("a publishable key has exactly three parts with underscores between them: copy it again")]
    Parts,
    /// The last part is no base64, or not of a text.
    #[error("the last part of the publishable key is not base64: copy it again, whole")]
    Encoding,
    /// The decoded part does not end in one `$`.
    #[error("the publishable key is incomplete (its host must end in one `$`): copy it again, whole")]
    Terminator,
    /// The decoded part is no host with a dot in it.
    #[error("the publishable key holds no host name with a dot in it: copy it again, whole")]
    Host,
}

/// Padding may be there or not, as in the browsers' `atob`.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD_ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Hosts behind which Clerk runs development instances.
const DEVELOPMENT_SUFFIXES: [&str; 9] = [
    ".accounts.dev",
    ".lcl.dev",
    ".stg.dev",
    ".lclstage.dev",
    ".stgstage.dev",
    ".accountsstage.dev",
    ".dev.lclclerk.com",
    ".stg.lclclerk.com",
    ".accounts.lclclerk.com",
];

impl PublishableKey {
    /// Reads a key, by the rules of Clerk's own SDKs.
    ///
    /// # Errors
    ///
    /// One sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PublishableKeyError> {
        let (environment, encoded) = if let Some(encoded) = text.strip_prefix("pk_test_") {
            (Environment::Development, encoded)
        } else if let Some(encoded) = text.strip_prefix("pk_live_") {
            (Environment::Production, encoded)
        } else if text.starts_with("sk_") {
            return Err(PublishableKeyError::SecretKey);
        } else {
            return Err(PublishableKeyError::Prefix);
        };
        if encoded.contains('_') {
            return Err(PublishableKeyError::Parts);
        }
        let decoded = LENIENT.decode(encoded).map_err(|_| PublishableKeyError::Encoding)?;
        let decoded = String::from_utf8(decoded).map_err(|_| PublishableKeyError::Encoding)?;
        let host = decoded.strip_suffix('$').ok_or(PublishableKeyError::Terminator)?;
        if host.contains('$') {
            return Err(PublishableKeyError::Terminator);
        }
        let frontend_api = frontend_api(host).ok_or(PublishableKeyError::Host)?;
        Ok(Self { text: text.to_owned(), environment, host: host.to_owned(), frontend_api })
    }

    /// The key as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Development or production, by the key's prefix.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The host of the Frontend API, with a port if the key has one: `clerk.example.com`.
    #[must_use]
    pub fn frontend_api_host(&self) -> &str {
        &self.host
    }

    /// The Frontend API's address, always `https://`.
    #[must_use]
    pub fn frontend_api_url(&self) -> &Url {
        &self.frontend_api
    }

    /// What follows the underscore in the names of this instance's cookies: `__session_<suffix>`.
    ///
    /// The text of the key is hashed as given, so the same host with and without padding has two suffixes.
    #[must_use]
    pub fn cookie_suffix(&self) -> String {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, self.text.as_bytes());
        let encoded = STANDARD.encode(hash.as_ref());
        encoded.chars().take(8).map(suffix_character).collect()
    }

    /// The host of the Account Portal, Clerk's own sign-in pages: `accounts.example.com`.
    #[must_use]
    pub fn accounts_portal_host(&self) -> String {
        let host = self.host.replacen("clerk.accountsstage.", "accountsstage.", 1);
        let Some(start) = host.find("clerk.") else { return host };
        let (before, rest) = host.split_at(start);
        let after =
            rest.strip_prefix("clerk.accounts.").or_else(|| rest.strip_prefix("clerk.")).unwrap_or(rest);
        format!("{before}accounts.{after}")
    }

    /// Whether the host is one of Clerk's for development, where the browser is told apart by a value in the URL
    /// and not by a cookie.
    #[must_use]
    pub fn has_development_host(&self) -> bool {
        let name = self.frontend_api.host_str().unwrap_or_default();
        DEVELOPMENT_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
    }
}

impl fmt::Display for PublishableKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl std::str::FromStr for PublishableKey {
    type Err = PublishableKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Browsers are sent to this host: it may be a host with a port, and nothing else that a URL can hold.
fn frontend_api(host: &str) -> Option<Url> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if !host.contains('.') || !host.chars().all(plain) {
        return None;
    }
    Url::parse(&format!("https://{host}")).ok()
}

fn suffix_character(character: char) -> char {
    match character {
        '+' => '-',
        '/' => '_',
        other => other,
    }
}
