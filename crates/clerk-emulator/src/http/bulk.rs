//! `/__emulator/users`: many users at once.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::bulk::BulkUsers;

use super::body::JsonObject;
use super::form::Form;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

pub(crate) fn router() -> Router<Arc<Core>> {
    Router::new()
        .route("/bulk", post(create))
        .route("/bulk_delete", post(delete))
        .route("/bulk_change", post(change))
}

async fn create(State(core): Shared, JsonObject(body): JsonObject) -> Answer {
    let bulk: BulkUsers = serde_json::from_value(Value::Object(body))
        .map_err(|error| Refusal::bad_body(format!("That describes no users: {error}")))?;
    // A million takes seconds, in which other requests go on.
    let made = tokio::task::spawn_blocking(move || core.bulk_create(&bulk)).await;
    let made = made.map_err(|error| Refusal::internal(error.to_string()))??;
    Ok(Json(json!({ "created": made })))
}

async fn delete(State(core): Shared, JsonObject(body): JsonObject) -> Answer {
    let (ids, webhooks) = chosen(body)?;
    Ok(Json(json!({ "deleted": core.bulk_delete(&ids, webhooks) })))
}

async fn change(State(core): Shared, JsonObject(body): JsonObject) -> Answer {
    let (ids, webhooks) = chosen(body)?;
    Ok(Json(json!({ "changed": core.bulk_change(&ids, webhooks) })))
}

fn chosen(body: serde_json::Map<String, Value>) -> Result<(Vec<String>, bool), Refusal> {
    let mut form = Form::new(body);
    let ids = form.texts("ids")?;
    let webhooks = form.flag("webhooks")?.unwrap_or(false);
    form.finish()?;
    Ok((ids, webhooks))
}
