//! What answers to people who were authenticated have in common.

use super::{error::ApiError, page::guard};
use crate::people::People;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use clerk_auth::{Decision, RequestHead, clock::Clock, gate::add_headers};
use clerk_sync::ensure::EnsureError;
use std::time::Duration;

/// When to come back, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Who is asking for one of our own pages. A finished handshake opens its answer to scripts of other origins, as Clerk's
/// middleware does; none of ours is for them.
pub(super) async fn who(people: &People, head: &RequestHead<'_>) -> Decision {
    let mut decision = people.authenticate(head).await;
    decision.headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    decision.headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    decision
}

/// Sends a browser elsewhere.
pub(super) fn redirect(status: StatusCode, location: HeaderValue, headers: HeaderMap) -> Response {
    let mut response = status.into_response();
    add_headers(headers, response.headers_mut());
    guard(response.headers_mut());
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// However many calls an answer takes, and however slow each is.
const DEADLINE: Duration = Duration::from_secs(5);

/// The answer, or that it takes too long: a proxy would give up on us, and a person on the page.
pub(super) async fn in_time(clock: &dyn Clock, answer: impl Future<Output = Response>) -> Response {
    tokio::select! {
        biased;
        answer = answer => answer,
        () = clock.sleep(DEADLINE) => CLERK_AWAY.into_response(),
    }
}

/// Clerk could not be asked who this is.
pub(super) const CLERK_AWAY: ApiError =
    ApiError::unavailable("clerk_away", "Clerk cannot be reached.", RETRY_AFTER);

/// The row cannot be made now.
pub(super) fn row_missing(error: &EnsureError) -> ApiError {
    match error {
        EnsureError::ClerkAway { retry_after } => ApiError::unavailable(
            "clerk_away",
            "This user cannot be read from Clerk now.",
            retry_after.unwrap_or(RETRY_AFTER),
        ),
        EnsureError::DatabaseAway => {
            ApiError::unavailable("database_away", "The database cannot answer now.", RETRY_AFTER)
        }
        EnsureError::Conflict => ApiError::unavailable(
            "conflict",
            "This user's row cannot be written; an operator must look.",
            Duration::from_secs(60),
        ),
        _ => ApiError::unavailable("try_later", "The row cannot be made now.", RETRY_AFTER),
    }
}
