//! The calls themselves.

use super::{ClerkApi, ClerkError, ClerkErrorKind, Instance, Permit, UserAnswer, UsersAnswer, UsersQuery};
use crate::{metrics::Metrics, user_id::UserId};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Response, StatusCode, header, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The version of the Backend API that we ask for.
pub const API_VERSION: &str = "2026-05-12";

/// The largest answer that is read, in bytes, after unpacking. A user has a few kilobytes, at most some thirty.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
const MAX_LIST_BYTES: usize = 32 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A webhook's sender waits 15 s in all.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Nobody waits for a page, and a large one takes its time.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// Where a 429 does not say.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Calls Clerk over HTTP.
#[derive(Debug)]
pub struct HttpClerk {
    client: Client,
    base: String,
    secret_key: SecretString,
    metrics: Arc<Metrics>,
}

/// What one look at Clerk tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The instance that the key belongs to.
    pub instance: Instance,
    /// `development`, `production` or another word, if Clerk says.
    pub environment_type: Option<String>,
    /// The answer's `Date`, Unix ms: Clerk's clock, to the second. `None` if there was none.
    pub date_ms: Option<i64>,
}

/// The client could not be made: this machine has no usable TLS trust store.
#[derive(Debug, thiserror::Error)]
#[error(
    "making the client for Clerk: is a store of trusted certificates installed (Debian: ca-certificates)?"
)]
pub struct HttpClerkError(#[source] reqwest::Error);

impl HttpClerk {
    /// `api_url`: without `/v1`, as in `CLERK_API_URL`.
    ///
    /// # Errors
    /// See [`HttpClerkError`].
    pub fn try_new(
        api_url: &Url,
        secret_key: SecretString,
        metrics: Arc<Metrics>,
    ) -> Result<Self, HttpClerkError> {
        let client = Client::builder()
            .user_agent(concat!("clerk-sync/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the secret key elsewhere.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(HttpClerkError)?;
        let base = api_url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client, base, secret_key, metrics })
    }

    /// `GET /v1/instance`, with everything that it tells.
    ///
    /// # Errors
    /// See [`ClerkErrorKind`].
    pub async fn look(&self, _permit: Permit) -> Result<Sighting, ClerkError> {
        const DOING: &str = "asking Clerk which instance this is";
        #[derive(Deserialize)]
        struct Body {
            id: String,
            environment_type: Option<String>,
        }
        let answer = self.get("instance", DOING, "/instance").await?;
        if answer.status != StatusCode::OK {
            return Err(answer.error(DOING));
        }
        match serde_json::from_slice::<Body>(&answer.body) {
            Ok(Body { id, environment_type }) if !id.is_empty() && id.len() <= 255 => {
                Ok(Sighting { instance: Instance { id }, environment_type, date_ms: answer.date_ms })
            }
            _ => Err(ClerkError::new(ClerkErrorKind::Unexpected, DOING, "it has no id")),
        }
    }

    async fn get(&self, call: &'static str, doing: &'static str, path: &str) -> Result<Answer, ClerkError> {
        let (timeout, most) =
            if call == LIST { (LIST_TIMEOUT, MAX_LIST_BYTES) } else { (TIMEOUT, MAX_ANSWER_BYTES) };
        let request = self
            .client
            .get(format!("{}/v1{path}", self.base))
            .bearer_auth(self.secret_key.expose_secret())
            .header("Clerk-API-Version", API_VERSION)
            .header(header::ACCEPT, "application/json")
            .timeout(timeout);
        let result = answer(request.send().await, doing, most).await;
        let status = result.as_ref().map_or("none", |answer| status_label(answer.status));
        self.metrics.clerk_call(call, status);
        result
    }
}

/// The name of lists in metrics.
const LIST: &str = "users";

/// A complete answer.
struct Answer {
    status: StatusCode,
    date_ms: Option<i64>,
    retry_after: Option<Duration>,
    body: Bytes,
}

async fn answer(
    response: reqwest::Result<Response>,
    doing: &'static str,
    most: usize,
) -> Result<Answer, ClerkError> {
    let away = |error: reqwest::Error| ClerkError::new(ClerkErrorKind::Unavailable, doing, describe(&error));
    let mut response = response.map_err(away)?;
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let date_ms = text(header::DATE).and_then(date_ms);
    let retry_after =
        text(header::RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(away)? {
        if body.len() + chunk.len() > most {
            let detail = format!("the answer is larger than {} MiB", most / 1024 / 1024);
            return Err(ClerkError::new(ClerkErrorKind::Unexpected, doing, detail));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status(), date_ms, retry_after, body: body.freeze() })
}

/// What kind of trouble it was, without the address, which may hold an id.
fn describe(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
}

fn date_ms(text: &str) -> Option<i64> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok()
}

fn status_label(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "2xx",
        404 => "404",
        401 | 403 => "401",
        429 => "429",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// The body of an error (contract, section a.5).
#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorCode>,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: String,
}

impl Answer {
    /// Clerk's first error code, if the body has one that can be printed.
    fn code(&self) -> Option<String> {
        let code = serde_json::from_slice::<Errors>(&self.body).ok()?.errors.into_iter().next()?.code;
        let plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        plain.then_some(code)
    }

    /// The error that any status but 2xx is.
    fn error(&self, doing: &'static str) -> ClerkError {
        let status = self.status.as_u16();
        let detail =
            self.code().map_or_else(|| format!("status {status}"), |code| format!("status {status}, {code}"));
        let kind = match status {
            401 | 403 => ClerkErrorKind::Refused,
            429 => {
                let retry_after = self.retry_after.unwrap_or(DEFAULT_RETRY_AFTER).min(LONGEST_RETRY_AFTER);
                ClerkErrorKind::Throttled { retry_after }
            }
            500..=599 | 408 => ClerkErrorKind::Unavailable,
            _ => ClerkErrorKind::Unexpected,
        };
        ClerkError::new(kind, doing, detail)
    }
}

#[async_trait]
impl ClerkApi for HttpClerk {
    async fn user(&self, _permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError> {
        const DOING: &str = "reading a user from Clerk";
        let path = format!("/users/{}", utf8_percent_encode(user.as_str(), NON_ALPHANUMERIC));
        let answer = self.get("user", DOING, &path).await?;
        let date_ms = answer.date_ms;
        match answer.status {
            StatusCode::OK => Ok(UserAnswer { user: Some(answer.body), date_ms }),
            // Any other 404 is a wrong address, a proxy's page, or a day on which Clerk is not itself.
            StatusCode::NOT_FOUND if answer.code().as_deref() == Some("resource_not_found") => {
                Ok(UserAnswer { user: None, date_ms })
            }
            _ => Err(answer.error(DOING)),
        }
    }

    async fn users(&self, _permit: Permit, query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        const DOING: &str = "listing users from Clerk";
        let answer = self.get(LIST, DOING, &format!("/users?{}", query.encoded())).await?;
        match answer.status.as_u16() {
            200 => Ok(UsersAnswer { users: answer.body, date_ms: answer.date_ms }),
            400 | 404 | 422 => {
                let detail = answer.code().unwrap_or_else(|| format!("status {}", answer.status.as_u16()));
                Err(ClerkError::new(ClerkErrorKind::Rejected, DOING, detail))
            }
            _ => Err(answer.error(DOING)),
        }
    }

    async fn count(&self, _permit: Permit) -> Result<i64, ClerkError> {
        const DOING: &str = "counting Clerk's users";
        #[derive(Deserialize)]
        struct Body {
            total_count: i64,
        }
        let answer = self.get("count", DOING, "/users/count").await?;
        if answer.status != StatusCode::OK {
            return Err(answer.error(DOING));
        }
        match serde_json::from_slice::<Body>(&answer.body) {
            Ok(body) if body.total_count >= 0 => Ok(body.total_count),
            _ => Err(ClerkError::new(ClerkErrorKind::Unexpected, DOING, "it has no total_count")),
        }
    }

    async fn instance(&self, permit: Permit) -> Result<Instance, ClerkError> {
        self.look(permit).await.map(|sighting| sighting.instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_to_the_second() {
        assert_eq!(date_ms("Thu, 01 Jan 1970 00:00:01 GMT"), Some(1_000));
        assert_eq!(date_ms("soon"), None);
    }

    #[test]
    fn only_a_plain_code_is_repeated() {
        let answer = |body: &'static str| Answer {
            status: StatusCode::NOT_FOUND,
            date_ms: None,
            retry_after: None,
            body: Bytes::from_static(body.as_bytes()),
        };
        assert_eq!(
            answer(r#"{"errors":[{"code":"resource_not_found"}]}"#).code().as_deref(),
            Some("resource_not_found")
        );
        for body in ["", "{}", r#"{"errors":[]}"#, r#"{"errors":[{"code":"ada@example.com"}]}"#, "<html>"] {
            assert_eq!(answer(body).code(), None, "{body}");
        }
    }

    #[test]
    fn statuses_are_sorted_by_what_to_do() {
        let kind = |status: u16, retry_after| {
            let status = StatusCode::from_u16(status).expect("a status");
            Answer { status, date_ms: None, retry_after, body: Bytes::new() }.error("testing").kind().clone()
        };
        let throttled = |seconds| ClerkErrorKind::Throttled { retry_after: Duration::from_secs(seconds) };
        assert_eq!(kind(401, None), ClerkErrorKind::Refused);
        assert_eq!(kind(403, None), ClerkErrorKind::Refused);
        assert_eq!(kind(429, Some(Duration::from_secs(9))), throttled(9));
        assert_eq!(kind(429, None), throttled(5));
        assert_eq!(kind(429, Some(Duration::from_secs(86_400))), throttled(300));
        assert_eq!(kind(500, None), ClerkErrorKind::Unavailable);
        assert_eq!(kind(302, None), ClerkErrorKind::Unexpected);
        assert_eq!(kind(404, None), ClerkErrorKind::Unexpected);
        assert_eq!(kind(422, None), ClerkErrorKind::Unexpected);
    }
}
