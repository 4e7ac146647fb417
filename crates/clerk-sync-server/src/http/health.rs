//! `GET /healthz` and `GET /readyz`. Neither depends on Clerk.

use super::{Public, error::ApiError};
use axum::extract::State;
use std::{sync::Arc, time::Duration};

/// A probe waits no longer.
const TIMEOUT: Duration = Duration::from_secs(3);

const NOT_READY: ApiError = ApiError::unavailable(
    "not_ready",
    "The database does not answer, or its schema is not ready.",
    Duration::from_secs(2),
);

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive"
}

/// The database answers and its schema is the one we know.
pub(super) async fn ready(State(public): State<Arc<Public>>) -> Result<&'static str, ApiError> {
    match tokio::time::timeout(TIMEOUT, public.mirror.store.schema()).await {
        Ok(Ok(schema)) if schema.is_ready() => Ok("ready"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Err(NOT_READY)
        }
        _ => Err(NOT_READY),
    }
}
