//! The HTTP face of an instance.

pub(crate) mod body;
mod bulk;
mod control;
mod cookies;
mod cors;
mod email_addresses;
mod form;
mod frontend;
mod gate;
mod instance;
mod memberships;
mod organizations;
mod pages;
pub(crate) mod query;
mod refresh;
mod sessions;
mod token_form;
mod user_form;
mod user_list;
mod users;
mod version;

use std::sync::Arc;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, patch, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

use crate::core::Core;
use crate::refusal::Refusal;

use user_list::AsItIs;

pub(crate) use gate::ClosedConnection;

pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new()
        .merge(backend_api())
        .merge(frontend::router())
        .merge(pages::router())
        .route("/.well-known/jwks.json", get(instance::jwks))
        .route("/healthz", get(async || ""))
        .nest("/__emulator", control::router())
        .fallback(async || Refusal::unknown_route())
        .method_not_allowed_fallback(async || Refusal::unknown_route())
        .layer(from_fn_with_state(Arc::clone(&core), gate::gate))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(compressible()))
        .with_state(core)
}

/// Lists of users have been compressed already, or are not to be.
fn compressible() -> impl Predicate {
    let open = |_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
        extensions.get::<AsItIs>().is_none()
    };
    DefaultPredicate::new().and(open)
}

fn backend_api() -> Router<Arc<Core>> {
    let users = Router::new()
        .route("/v1/users", get(user_list::list).post(users::create))
        .route("/v1/users/count", get(user_list::count))
        .route("/v1/users/{user_id}", get(users::read).patch(users::update).delete(users::delete))
        .route("/v1/users/{user_id}/metadata", patch(users::merge_metadata).put(users::replace_metadata))
        .route("/v1/users/{user_id}/ban", post(users::ban))
        .route("/v1/users/{user_id}/unban", post(users::unban))
        .route("/v1/users/{user_id}/lock", post(users::lock))
        .route("/v1/users/{user_id}/unlock", post(users::unlock))
        .route("/v1/users/{user_id}/profile_image", post(users::set_image).delete(users::remove_image))
        .route("/v1/users/{user_id}/organization_memberships", get(memberships::of_user))
        .route("/v1/email_addresses", post(email_addresses::create))
        .route(
            "/v1/email_addresses/{email_address_id}",
            get(email_addresses::read).patch(email_addresses::update).delete(email_addresses::delete),
        );
    let sessions = Router::new()
        .route("/v1/sessions", get(sessions::list).post(sessions::create))
        .route("/v1/sessions/{session_id}", get(sessions::read))
        .route("/v1/sessions/{session_id}/revoke", post(sessions::revoke))
        .route("/v1/sessions/{session_id}/refresh", post(refresh::refresh))
        .route("/v1/sessions/{session_id}/tokens", post(sessions::token))
        .route("/v1/sessions/{session_id}/tokens/{template}", post(sessions::template_token))
        .route("/v1/clients/handshake_payload", get(refresh::handshake_payload))
        .route("/v1/clients/verify", post(sessions::verify_client))
        .route("/v1/clients/{client_id}", get(sessions::client))
        .route("/v1/sign_in_tokens", post(sessions::sign_in_token));
    let organizations = Router::new()
        .route("/v1/organizations", get(organizations::list).post(organizations::create))
        .route(
            "/v1/organizations/{organization_id}",
            get(organizations::read).patch(organizations::update).delete(organizations::delete),
        )
        .route("/v1/organizations/{organization_id}/metadata", patch(organizations::merge_metadata))
        .route(
            "/v1/organizations/{organization_id}/memberships",
            get(memberships::of_organization).post(memberships::create),
        )
        .route(
            "/v1/organizations/{organization_id}/memberships/{user_id}",
            patch(memberships::update).delete(memberships::delete),
        )
        .route(
            "/v1/organizations/{organization_id}/memberships/{user_id}/metadata",
            patch(memberships::merge_metadata),
        )
        .route("/v1/organization_memberships", get(memberships::all));
    Router::new()
        .merge(users)
        .merge(sessions)
        .merge(organizations)
        .route("/v1/jwks", get(instance::jwks))
        .route("/v1/instance", get(instance::read))
        .route("/v1/testing_tokens", post(instance::testing_token))
}
