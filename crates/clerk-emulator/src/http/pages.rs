//! Pages for people: signing up, in and out without any script.

mod guest;
mod index;
mod layout;
mod sign_in;
mod sign_out;
mod sign_up;
mod target;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::core::Core;

pub(crate) fn router() -> Router<Arc<Core>> {
    Router::new()
        .route("/", get(index::show))
        .route("/sign-up", get(sign_up::show).post(sign_up::submit))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", get(sign_out::show).post(sign_out::submit))
}

pub(crate) fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/sign-up" | "/sign-in" | "/sign-out")
}
