//! The ways Clerk says no.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error as Clerk's Backend API reports it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status} {code}: {long_message}")]
pub struct Refusal {
    status: u16,
    code: Cow<'static, str>,
    message: String,
    long_message: String,
    param: Option<String>,
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        long_message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            long_message: long_message.into(),
            param: None,
            retry_after_seconds: None,
        }
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Clerk's code, such as `resource_not_found`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The parameter it is about, if it is about one.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    pub(crate) fn long_message(&self) -> &str {
        &self.long_message
    }

    pub(crate) fn about(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    pub(crate) fn body(&self, trace_id: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "long_message": self.long_message,
            "code": self.code,
        });
        if let Some(param) = &self.param {
            error["meta"] = json!({ "param_name": param });
        }
        json!({ "errors": [error], "clerk_trace_id": trace_id })
    }

    pub(crate) fn user_not_found(id: &str) -> Self {
        Self::not_found(format!("No user was found with id {id}"))
    }

    pub(crate) fn not_found(long_message: impl Into<String>) -> Self {
        Self::new(404, "resource_not_found", "not found", long_message)
    }

    pub(crate) fn unknown_route() -> Self {
        Self::not_found("The URL or the method is unknown")
    }

    pub(crate) fn unknown_param(param: &str) -> Self {
        let long = format!("{param} is not a valid parameter for this request.");
        Self::new(422, "form_param_unknown", "is unknown", long).about(param)
    }

    pub(crate) fn missing_param(param: &str) -> Self {
        Self::new(422, "form_param_missing", "is missing", format!("{param} must be included.")).about(param)
    }

    pub(crate) fn bad_format(param: &str, expected: &str) -> Self {
        Self::new(422, "form_param_format_invalid", "is invalid", format!("{param} must be {expected}."))
            .about(param)
    }

    pub(crate) fn bad_value(param: &str, long_message: impl Into<String>) -> Self {
        Self::new(422, "form_param_value_invalid", "is invalid", long_message).about(param)
    }

    pub(crate) fn bad_time(param: &str) -> Self {
        let long = format!("{param} must be a time such as 2026-01-31T12:00:00Z (RFC 3339).");
        Self::new(422, "form_param_invalid_time", "is invalid", long).about(param)
    }

    pub(crate) fn identifier_exists(param: &str, what: &str) -> Self {
        let long = format!("That {what} is taken. Please try another.");
        Self::new(422, "form_identifier_exists", long.clone(), long).about(param)
    }

    pub(crate) fn missing_query(param: &str) -> Self {
        let long = format!("The query parameter {param} must be given.");
        Self::new(400, "missing_query_parameter", "is missing", long).about(param)
    }

    pub(crate) fn bad_query(param: &str, long_message: impl Into<String>) -> Self {
        Self::new(400, "invalid_query_parameter_value", "is invalid", long_message).about(param)
    }

    pub(crate) fn bad_body(long_message: impl Into<String>) -> Self {
        Self::new(400, "request_body_invalid", "Request body invalid", long_message)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let long = format!("The request body is larger than {limit} bytes.");
        Self::new(413, "request_body_too_large", "Request body too large", long)
    }

    pub(crate) fn unsupported_content_type(expected: &str) -> Self {
        let long = format!("The Content-Type of the request must be {expected}.");
        Self::new(415, "unsupported_content_type", "Unsupported content type", long)
    }

    pub(crate) fn too_many_requests(retry_after_seconds: u64) -> Self {
        let long = "Too many requests, retry later";
        Self::new(429, "too_many_requests", "Too many requests", long).retry_after(retry_after_seconds)
    }

    pub(crate) fn cross_site() -> Self {
        let long = "The emulator's control paths cannot be reached from pages of other sites.";
        Self::new(403, "authorization_invalid", "Unauthorized request", long)
    }

    pub(crate) fn internal(long_message: impl Into<String>) -> Self {
        Self::new(500, "internal_clerk_error", "Internal error", long_message)
    }
}

/// The refusal travels as an extension; the gate writes the body, because only it knows the trace id.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
