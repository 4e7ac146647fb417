//! The instance itself: its key set, its description, its testing tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;

pub(crate) async fn jwks(State(core): State<Arc<Core>>) -> Result<Json<Value>, Refusal> {
    core.keys.jwks().await.map(Json)
}

pub(crate) async fn read(State(core): State<Arc<Core>>) -> Json<Value> {
    let environment = if core.config.is_production() { "production" } else { "development" };
    Json(json!({
        "object": "instance",
        "id": core.config.instance_id,
        "environment_type": environment,
        "allowed_origins": null,
        "workspace_id": null,
    }))
}

/// Unlike everything else, its time is in seconds.
pub(crate) async fn testing_token(State(core): State<Arc<Core>>) -> Json<Value> {
    let token = format!("{}-{}", core.now_ms() / 1_000, core.trace_id());
    let expires_at = core.now_ms() / 1_000 + 3_600;
    Json(json!({ "object": "testing_token", "token": token, "expires_at": expires_at }))
}
