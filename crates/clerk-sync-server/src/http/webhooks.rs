//! `POST /clerk/webhooks`: flow B.

use super::{
    Public,
    body::{self, BodyError},
    error::ApiError,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use clerk_sync::{
    engine::Receipt,
    webhook::{Headers, MAX_BODY_BYTES, Refusal},
};
use std::{sync::Arc, time::Duration};

const NO_SECRET: ApiError = ApiError::unavailable(
    "webhook_secret_missing",
    "CLERK_WEBHOOK_SIGNING_SECRET is not set.",
    Duration::from_secs(60),
);
const BAD_SIGNATURE: ApiError =
    ApiError::new(StatusCode::BAD_REQUEST, "bad_signature", "The signature cannot be verified.");
const TOO_LARGE: ApiError =
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than 1 MiB.");
const TOO_SLOW: ApiError =
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body did not arrive in time.");
const BROKEN: ApiError =
    ApiError::new(StatusCode::BAD_REQUEST, "body_broken", "The body did not arrive whole.");
const NOT_AN_EVENT: ApiError =
    ApiError::new(StatusCode::BAD_REQUEST, "not_an_event", "The body is not an event of Clerk's.")
        .aborting_delivery();

/// Verifies, applies, and only then answers 2xx.
pub(super) async fn receive(State(public): State<Arc<Public>>, request: Request) -> Response {
    match try_receive(&public, request).await {
        Ok(answer) => answer.into_response(),
        Err(error) => error.into_response(),
    }
}

async fn try_receive(public: &Public, request: Request) -> Result<&'static str, ApiError> {
    let metrics = &public.mirror.metrics;
    let Some(verifier) = &public.verifier else {
        metrics.refusal("no_secret");
        return Err(NO_SECRET);
    };
    let (head, body) = request.into_parts();
    let body = body::read(body, MAX_BODY_BYTES).await.map_err(|error| {
        let (reason, answer) = match error {
            BodyError::TooLarge => ("too_large", TOO_LARGE),
            BodyError::TooSlow => ("too_slow", TOO_SLOW),
            BodyError::Broken => ("broken", BROKEN),
        };
        metrics.refusal(reason);
        answer
    })?;
    let headers = Headers::find(|name| head.headers.get(name).and_then(|value| value.to_str().ok()));
    let now_s = public.mirror.clock.now_ms().div_euclid(1000);
    let headers = headers
        .and_then(|headers| verifier.verify(headers, &body, now_s).map(|()| headers))
        .map_err(|refusal| {
            metrics.refusal(refusal_label(refusal));
            tracing::warn!(reason = %refusal, "a webhook was refused");
            BAD_SIGNATURE
        })?;
    match public.mirror.engine.receive(headers.id, &body).await {
        Receipt::Accepted => Ok("accepted"),
        Receipt::Ignored => Ok("ignored"),
        Receipt::Buried => Ok("kept as a dead letter"),
        Receipt::NotAnEvent => Err(NOT_AN_EVENT),
        Receipt::TryLater { after } => {
            Err(ApiError::unavailable("try_later", "The event cannot be written now.", after))
        }
    }
}

fn refusal_label(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Headers => "headers",
        Refusal::Timestamp => "timestamp",
        Refusal::TooOld => "too_old",
        Refusal::TooNew => "too_new",
        Refusal::Signature => "signature",
    }
}
