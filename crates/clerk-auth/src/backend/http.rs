//! The calls themselves.

use super::{Backend, BackendError};
use crate::{authenticate::RefreshRequest, jwks::JwkSet, reason::RefreshFailure};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;
use url::Url;

/// The version of Clerk's API whose answers we read.
const API_VERSION: &str = "2026-05-12";
/// A person waits for these.
const TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// However long Clerk asks us to wait.
const LONGEST_RETRY_AFTER_SECONDS: u64 = 300;
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Asks Clerk over HTTP. Redirects are not followed: they would carry the secret key elsewhere.
#[derive(Debug, Clone)]
pub struct HttpBackend {
    client: Client,
    base: String,
    secret_key: SecretString,
}

/// The client could not be made: this machine has no usable store of trusted certificates.
#[derive(Debug, thiserror::Error)]
#[error(
    "making the client for Clerk: is a store of trusted certificates installed (Debian: ca-certificates)?"
)]
pub struct HttpBackendError(#[source] reqwest::Error);

#[derive(Deserialize)]
struct Payload {
    directives: Vec<String>,
}

#[derive(Deserialize)]
struct Cookies {
    #[serde(default)]
    cookies: Vec<String>,
}

#[derive(Deserialize)]
struct Refusal {
    errors: Vec<RefusalError>,
}

#[derive(Deserialize)]
struct RefusalError {
    code: String,
}

impl HttpBackend {
    /// `api_url`: without `/v1`, as in `CLERK_API_URL`.
    ///
    /// # Errors
    /// See [`HttpBackendError`].
    pub fn try_new(api_url: &Url, secret_key: SecretString) -> Result<Self, HttpBackendError> {
        let client = Client::builder()
            .user_agent(concat!("clerk-auth/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(HttpBackendError)?;
        Ok(Self { client, base: format!("{}/v1", api_url.as_str().trim_end_matches('/')), secret_key })
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, BackendError> {
        let request = request
            .bearer_auth(self.secret_key.expose_secret())
            .header("Clerk-API-Version", API_VERSION)
            .header(http::header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(|_| BackendError::Unavailable)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| BackendError::Unavailable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(BackendError::Unexpected);
            }
            body.extend_from_slice(&chunk);
        }
        let retry_after = response.headers().get(http::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = retry_after.map(|seconds: u64| seconds.min(LONGEST_RETRY_AFTER_SECONDS));
        Ok(Answer {
            status: response.status(),
            retry_after: retry_after.map(Duration::from_secs),
            body: body.freeze(),
        })
    }
}

#[async_trait]
impl Backend for HttpBackend {
    async fn signing_keys(&self) -> Result<JwkSet, BackendError> {
        let body = expect_ok(self.send(self.get("/jwks")).await?)?;
        JwkSet::parse(&body).map_err(|_| BackendError::Unexpected)
    }

    async fn handshake_payload(&self, nonce: &str) -> Result<Vec<String>, BackendError> {
        let nonce = utf8_percent_encode(nonce, NON_ALPHANUMERIC);
        let answer = self.send(self.get(&format!("/clients/handshake_payload?nonce={nonce}"))).await?;
        let payload: Payload =
            serde_json::from_slice(&expect_ok(answer)?).map_err(|_| BackendError::Unexpected)?;
        Ok(payload.directives)
    }

    async fn refresh(&self, request: &RefreshRequest) -> Result<Vec<String>, RefreshFailure> {
        let session = utf8_percent_encode(&request.session_id, NON_ALPHANUMERIC);
        let address =
            format!("{}/sessions/{session}/refresh?suffixed_cookies={}", self.base, request.suffixed_cookies);
        let body = json!({
            "format": "cookie",
            "expired_token": request.expired_token,
            "refresh_token": request.refresh_token,
            "request_origin": request.request_origin,
            "request_headers": headers(&request.request_headers),
        });
        let answer = self.send(self.client.post(address).json(&body)).await;
        let Answer { status, body, .. } = answer.map_err(|error| match error {
            error if error.is_transient() => RefreshFailure::Unreachable,
            _ => RefreshFailure::Unexplained,
        })?;
        if status.is_success() {
            let answer: Cookies = serde_json::from_slice(&body).map_err(|_| RefreshFailure::Unexplained)?;
            return Ok(answer.cookies);
        }
        let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
        Err(match refusal.and_then(|refusal| refusal.errors.into_iter().next()) {
            Some(error) if error.code == "unexpected_error" => RefreshFailure::Unreachable,
            Some(error) => RefreshFailure::Refused(error.code),
            None => RefreshFailure::Unexplained,
        })
    }
}

struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Bytes,
}

fn expect_ok(Answer { status, retry_after, body }: Answer) -> Result<Bytes, BackendError> {
    match status {
        StatusCode::OK => Ok(body),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(BackendError::SecretKey),
        StatusCode::NOT_FOUND => Err(BackendError::NotFound),
        StatusCode::TOO_MANY_REQUESTS => Err(BackendError::RateLimited(retry_after)),
        status if status.is_server_error() => Err(BackendError::Unavailable),
        _ => Err(BackendError::Unexpected),
    }
}

/// Headers as Clerk wants them: a list of values for each name.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .keys()
        .map(|name| {
            let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            (name.as_str().to_owned(), values.collect())
        })
        .collect()
}
