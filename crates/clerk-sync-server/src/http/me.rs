//! `GET /clerk/me`: the caller's own row.

use super::{
    Public,
    error::ApiError,
    page::guard,
    visitor::{CLERK_AWAY, in_time, redirect, row_missing, who},
};
use crate::people::People;
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use clerk_auth::{Session, Status, gate::add_headers};
use clerk_sync::{ensure::EnsureError, mapping, store::Store, user_id::UserId};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(3);

const SIGNED_OUT: ApiError = ApiError::new(StatusCode::UNAUTHORIZED, "signed_out", "Sign in first.");
const PENDING: ApiError =
    ApiError::new(StatusCode::UNAUTHORIZED, "session_pending", "The session is not complete yet.");
const DELETED: ApiError = ApiError::new(StatusCode::UNAUTHORIZED, "user_deleted", "This user was deleted.");
const NOT_FOUND: ApiError =
    ApiError::new(StatusCode::UNAUTHORIZED, "user_not_found", "Clerk knows no such user.");
const NO_KEY: ApiError = ApiError::unavailable(
    "publishable_key_missing",
    "CLERK_PUBLISHABLE_KEY is not set.",
    Duration::from_secs(60),
);
const BROKEN: ApiError = ApiError::new(
    StatusCode::INTERNAL_SERVER_ERROR,
    "request_broken",
    "The request's cookies cannot be judged: clear them.",
);
const CONFLICT: ApiError = ApiError::new(
    StatusCode::CONFLICT,
    "conflict",
    "This user's row cannot be written; an operator must look.",
);

pub(super) async fn show(State(public): State<Arc<Public>>, request: Request) -> Response {
    let mut response = match &public.people {
        Ok(people) => {
            let answer = answer(people, public.mirror.store.as_ref(), request);
            in_time(public.mirror.clock.as_ref(), answer).await
        }
        Err(_) => NO_KEY.into_response(),
    };
    guard(response.headers_mut());
    response
}

async fn answer(people: &People, store: &dyn Store, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let head = people.own_request(&parts);
    let decision = who(people, &head).await;
    if decision.clerk_was_away && decision.session().is_none() {
        return CLERK_AWAY.into_response();
    }
    if let Some(location) = decision.location().cloned() {
        return redirect(StatusCode::TEMPORARY_REDIRECT, location, decision.headers);
    }
    let row = match (&decision.status, decision.session()) {
        (_, Some(session)) => row(people, store, session).await,
        (Status::SignedIn(_), None) => Err(PENDING),
        (Status::Failed(_), None) => Err(BROKEN),
        _ => Err(SIGNED_OUT),
    };
    let mut response = row.map_or_else(IntoResponse::into_response, |row| Json(row).into_response());
    add_headers(decision.headers, response.headers_mut());
    response
}

async fn row(people: &People, store: &dyn Store, session: &Session) -> Result<Value, ApiError> {
    let user = UserId::try_new(session.user_id()).map_err(|_| NOT_FOUND)?;
    // Twice at most: a row may vanish between the two looks, and is then made again.
    for _ in 0..2 {
        match people.ensure.ensure(&user, session.claims().as_object(), PATIENCE).await {
            Ok(_) => {}
            Err(EnsureError::Deleted) => return Err(DELETED),
            Err(EnsureError::NotFound) => return Err(NOT_FOUND),
            Err(EnsureError::Conflict) => return Err(CONFLICT),
            Err(error) => return Err(row_missing(&error)),
        }
        match store.row(&user).await {
            Ok(Some(row)) => return Ok(visible(store, &row)),
            Ok(None) => people.ensure.forget(&user),
            Err(error) => {
                tracing::warn!(%error, "a user's own row could not be read");
                return Err(row_missing(&EnsureError::DatabaseAway));
            }
        }
    }
    Err(row_missing(&EnsureError::Overloaded))
}

/// The row without what only the backend may see.
fn visible(store: &dyn Store, row: &[mapping::Value]) -> Value {
    let mapping = store.mapping();
    let mut json = mapping::row_json(mapping, row);
    if let Some(fields) = json.as_object_mut() {
        for column in mapping.columns() {
            if column.source.is_private() {
                fields.remove(&column.name);
            }
        }
    }
    json
}
