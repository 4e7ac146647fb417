//! Errors as they leave the process: a stable code and a public sentence, nothing else.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use clerk_auth::gate::retry_after;
use serde_json::json;
use std::time::Duration;

/// Asks Svix not to send the message again (contract, section b.4).
const ABORT: (HeaderName, HeaderValue) =
    (HeaderName::from_static("webhook-delivery"), HeaderValue::from_static("abort-message"));

/// An answer that is no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    retry_after: Option<Duration>,
    aborts_delivery: bool,
}

impl ApiError {
    pub(crate) const NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here.");
    pub(crate) const METHOD_NOT_ALLOWED: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Not with this method.");

    pub(crate) const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, retry_after: None, aborts_delivery: false }
    }

    pub(crate) const fn unavailable(
        code: &'static str,
        message: &'static str,
        retry_after: Duration,
    ) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
    }

    pub(crate) const fn aborting_delivery(self) -> Self {
        Self { aborts_delivery: true, ..self }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after(after));
        }
        if self.aborts_delivery {
            let (name, value) = ABORT;
            headers.insert(name, value);
        }
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // What is left of the body would be read as the next request.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
