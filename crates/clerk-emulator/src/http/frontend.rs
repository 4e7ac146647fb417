//! The Frontend API: what browsers ask.

mod answer;
mod client;
mod environment;
mod handshake;
mod sign_ins;
mod sign_ups;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::core::Core;

pub(crate) use answer::set_cookies;
pub(crate) use visitor::Visitor;

pub(crate) fn router() -> Router<Arc<Core>> {
    let environment = get(environment::read).post(environment::read).patch(environment::read);
    Router::new()
        .route("/v1/environment", environment)
        .route("/v1/dev_browser", post(client::create_dev_browser))
        .route(
            "/v1/client",
            get(client::read).post(client::dispatch).put(client::create).delete(client::sign_out),
        )
        .route("/v1/client/handshake", get(handshake::handshake))
        .route("/v1/client/sign_ups", post(sign_ups::create))
        .route("/v1/client/sign_ins", post(sign_ins::create))
        .route("/v1/client/sign_ins/{sign_in_id}/attempt_first_factor", post(sign_ins::attempt_first_factor))
        .route("/v1/client/sessions", post(client::dispatch_sessions).delete(client::sign_out))
        .route("/v1/client/sessions/{session_id}", get(client::session))
        .route("/v1/client/sessions/{session_id}/touch", post(client::touch))
        .route("/v1/client/sessions/{session_id}/tokens", post(client::token))
        .route("/v1/client/sessions/{session_id}/end", post(client::end))
        .route("/v1/client/sessions/{session_id}/remove", post(client::remove))
}

/// Whether a path is the Frontend API's rather than the Backend API's.
pub(crate) fn is_api(path: &str) -> bool {
    let within =
        |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ["/v1/client", "/v1/environment", "/v1/dev_browser"].into_iter().any(within)
}
