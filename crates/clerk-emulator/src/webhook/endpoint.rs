//! The receiver of webhooks, and one attempt to reach it.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;

use crate::config::ConfigError;

use super::schedule::Failure;
use super::signature::Signer;

const USER_AGENT: &str = "Svix-Webhooks/1.84.0 (sender-emulated)";

#[derive(Debug)]
pub(crate) struct Endpoint {
    url: RwLock<Option<Url>>,
    signer: RwLock<Signer>,
    client: reqwest::Client,
}

/// What an attempt led to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) failure: Failure,
    /// The receiver's `webhook-delivery` header.
    pub(crate) abort: bool,
    pub(crate) disable: bool,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Endpoint {
    pub(crate) fn new(url: Option<&str>, signer: Signer, timeout: Duration) -> Result<Self, EndpointError> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(timeout)
            .no_proxy()
            .user_agent(USER_AGENT)
            .build()?;
        let url = url.map(parse_url).transpose()?;
        Ok(Self { url: RwLock::new(url), signer: RwLock::new(signer), client })
    }

    pub(crate) fn set_url(&self, url: Option<&str>) -> Result<(), ConfigError> {
        let url = url.map(parse_url).transpose()?;
        *self.url.write().unwrap_or_else(PoisonError::into_inner) = url;
        Ok(())
    }

    pub(crate) fn set_signer(&self, signer: Signer) {
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = signer;
    }

    pub(crate) fn url(&self) -> Option<Url> {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.url.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        self.signer.read().unwrap_or_else(PoisonError::into_inner).sign(id, timestamp, body)
    }

    /// Posts once, signed at `now_ms`; `None` when there is nowhere to post to.
    pub(crate) async fn post(&self, id: &str, body: Bytes, now_ms: i64) -> Option<Answer> {
        let url = self.url()?;
        let timestamp = now_ms / 1_000;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("svix-id", id)
            .header("svix-timestamp", timestamp)
            .header("svix-signature", self.sign(id, timestamp, &body))
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let failure = Failure { under_pressure: error.is_timeout(), retry_after_s: None };
                let error = Some(innermost(&error));
                return Some(Answer { error, failure, ..Answer::default() });
            }
        };
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status().as_u16();
        let instruction = text("webhook-delivery").unwrap_or_default();
        Some(Answer {
            status: Some(status),
            error: None,
            failure: Failure {
                under_pressure: status == 429,
                retry_after_s: text(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()),
            },
            abort: instruction == "abort-message",
            disable: instruction == "disable",
        })
    }
}

/// The endpoint cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the HTTP client could not be made")]
    Client(#[from] reqwest::Error),
}

fn parse_url(text: &str) -> Result<Url, ConfigError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| ConfigError::WebhookUrl(text.to_owned()))
}

/// The cause at the bottom says what happened; those above only that sending failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
