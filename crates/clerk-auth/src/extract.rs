//! Extractors for axum: handlers say whom they expect. They need a [`crate::ClerkLayer`] around the routes.

use crate::{gate::refusal, layer::Who, session::Session};
use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use std::convert::Infallible;

/// Why a handler does not get what it expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionRejection {
    /// Nobody is signed in, or a session that is still pending: 401.
    #[error("Sign in first.")]
    SignedOut,
    /// The route is not inside a [`crate::ClerkLayer`]: 500.
    #[error("Nobody has asked who is asking: a ClerkLayer must stand around this route.")]
    NoLayer,
}

impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        let status = match self {
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::NoLayer => StatusCode::INTERNAL_SERVER_ERROR,
        };
        refusal::<Body>(status, &format!("{self}\n"))
    }
}

fn session(parts: &Parts) -> Result<Option<Session>, SessionRejection> {
    let who = parts.extensions.get::<Who>().ok_or(SessionRejection::NoLayer)?;
    Ok(who.session().cloned())
}

/// The session; 401 without one.
impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        session(parts)?.ok_or(SessionRejection::SignedOut)
    }
}

/// `Option<Session>`: the session, if there is one.
impl<S: Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        session(parts)
    }
}

/// The session, if there is one. Never turns anyone away, also without a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionalSession(pub Option<Session>);

impl<S: Sync> FromRequestParts<S> for OptionalSession {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(session(parts).ok().flatten()))
    }
}
