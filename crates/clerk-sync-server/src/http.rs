//! The public routes, and what all routes have in common.

pub(crate) mod admin;
mod after_sign_up;
mod body;
mod error;
mod health;
pub(crate) mod host;
pub(crate) mod listener;
mod me;
mod page;
mod peer;
mod verify;
mod visitor;
mod webhooks;

use crate::{mirror::Mirror, people::People, settings::MissingSetting};
use axum::{
    Router,
    routing::{get, post},
};
use clerk_sync::webhook::Verifier;
use error::ApiError;
use std::sync::Arc;

/// What the routes work with.
#[derive(Debug, Clone)]
pub(crate) struct Public {
    pub(crate) mirror: Mirror,
    /// `None` while `CLERK_WEBHOOK_SIGNING_SECRET` is not set.
    pub(crate) verifier: Option<Arc<Verifier>>,
    /// Without `CLERK_PUBLISHABLE_KEY` nobody can be told apart.
    pub(crate) people: Result<Arc<People>, MissingSetting>,
}

/// The public routes.
pub(crate) fn router(public: Public) -> Router {
    Router::new()
        .route("/clerk/after-sign-up", get(after_sign_up::visit))
        .route("/clerk/me", get(me::show))
        .route("/clerk/verify", get(verify::judge))
        .route("/clerk/webhooks", post(webhooks::receive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(async || ApiError::NOT_FOUND)
        .method_not_allowed_fallback(async || ApiError::METHOD_NOT_ALLOWED)
        .with_state(Arc::new(public))
}
