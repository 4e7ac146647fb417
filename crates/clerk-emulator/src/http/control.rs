//! `/__emulator`: what is asked of the emulator rather than of Clerk.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::config::DeletedCursor;
use crate::core::Core;
use crate::faults::{ActiveFault, Fault};
use crate::handshake::HandshakeFormat;
use crate::refusal::Refusal;
use crate::state::Event;
use crate::stats::Stats;
use crate::webhook::{Delivery, HttpRequest};

use super::body::{AnyJson, JsonObject};
use super::bulk;
use super::form::Form;
use super::token_form::token_options;

type Shared = State<Arc<Core>>;

pub(crate) fn router() -> Router<Arc<Core>> {
    Router::new()
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/faults/{fault_id}", delete(remove_fault))
        .route("/deliveries", get(deliveries))
        .route("/deliveries/{delivery_id}/resend", post(resend))
        .route("/settle", post(settle))
        .route("/release", post(release))
        .route("/stats", get(stats))
        .route("/reset", post(reset))
        .route("/webhook", put(set_webhook))
        .route("/events", post(send_event))
        .route("/rate_limit", put(set_rate_limit))
        .route("/session_tokens", post(session_token))
        .route("/tokens", post(sign_token))
        .route("/handshake", put(set_handshake))
        .nest("/users", bulk::router())
        .route("/lists", put(set_lists))
        .route("/browsers", post(create_browser))
        .route("/signing_key/rotate", post(rotate_key))
}

async fn faults(State(core): Shared) -> Json<Vec<ActiveFault>> {
    Json(core.faults.list())
}

async fn add_faults(State(core): Shared, AnyJson(body): AnyJson) -> Result<Json<Value>, Refusal> {
    let faults = match body {
        Value::Array(faults) => faults,
        fault => vec![fault],
    };
    let read = |fault| {
        serde_json::from_value::<Fault>(fault)
            .map_err(|error| Refusal::bad_body(format!("That is not a fault: {error}")))
    };
    let faults = faults.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<_> = faults.into_iter().map(|fault| core.faults.add(fault, core.now_ms())).collect();
    Ok(Json(json!({ "ids": ids })))
}

async fn clear_faults(State(core): Shared) -> StatusCode {
    core.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(core): Shared, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    if core.faults.remove(id) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Refusal::not_found(format!("No fault has the id {id}")))
}

async fn deliveries(State(core): Shared) -> Json<Vec<Delivery>> {
    Json(core.log.list())
}

async fn resend(State(core): Shared, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    core.resend(&id)?;
    Ok(StatusCode::ACCEPTED)
}

async fn settle(State(core): Shared) -> Json<Vec<Delivery>> {
    core.settled().await;
    Json(core.log.list())
}

async fn release(State(core): Shared) -> StatusCode {
    core.queue.release_held(core.now_ms());
    StatusCode::NO_CONTENT
}

async fn stats(State(core): Shared) -> Json<Stats> {
    Json(core.counter.read())
}

async fn reset(State(core): Shared) -> StatusCode {
    core.reset();
    StatusCode::NO_CONTENT
}

async fn set_webhook(State(core): Shared, JsonObject(body): JsonObject) -> Result<StatusCode, Refusal> {
    let mut form = Form::new(body);
    let url = form.text("url")?;
    let secrets = form.texts("secrets")?;
    form.finish()?;
    if let Some(url) = url {
        core.set_webhook_url(url.as_deref()).map_err(|error| Refusal::bad_value("url", error.to_string()))?;
    }
    if !secrets.is_empty() {
        core.set_webhook_secrets(&secrets)
            .map_err(|error| Refusal::bad_value("secrets", error.to_string()))?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn send_event(
    State(core): Shared,
    request: HttpRequest,
    JsonObject(mut body): JsonObject,
) -> Result<StatusCode, Refusal> {
    let data = body.remove("data").unwrap_or(Value::Null);
    let mut form = Form::new(body);
    let event_type = form.required_text("type")?;
    form.finish()?;
    let user_id = data["id"].as_str().filter(|id| id.starts_with("user_")).map(Into::into);
    core.publish(&Event::new(&event_type, user_id, data), &request);
    Ok(StatusCode::ACCEPTED)
}

async fn set_rate_limit(State(core): Shared, JsonObject(body): JsonObject) -> Result<StatusCode, Refusal> {
    let mut form = Form::new(body);
    let limit = form.integer("requests_per_10s")?.flatten().and_then(|limit| u32::try_from(limit).ok());
    form.finish()?;
    core.rate_limit.set_limit(limit.ok_or_else(|| Refusal::missing_param("requests_per_10s"))?);
    Ok(StatusCode::NO_CONTENT)
}

async fn set_handshake(State(core): Shared, JsonObject(body): JsonObject) -> Result<StatusCode, Refusal> {
    let mut form = Form::new(body);
    let format = form.text("format")?.flatten().map(|text| {
        serde_json::from_value::<HandshakeFormat>(Value::from(text))
            .map_err(|_| Refusal::bad_value("format", "format must be nonce, token or as_clerk."))
    });
    let format = format.transpose()?;
    let refresh_tokens = form.flag("refresh_tokens")?;
    form.finish()?;
    core.set_handshake(|settings| {
        settings.format = format.unwrap_or(settings.format);
        settings.refresh_tokens = refresh_tokens.unwrap_or(settings.refresh_tokens);
    });
    Ok(StatusCode::NO_CONTENT)
}

async fn set_lists(State(core): Shared, JsonObject(body): JsonObject) -> Result<StatusCode, Refusal> {
    let mut form = Form::new(body);
    let cursor = form.text("deleted_cursor")?.flatten().map(|text| {
        serde_json::from_value::<DeletedCursor>(Value::from(text)).map_err(|_| {
            Refusal::bad_value("deleted_cursor", "deleted_cursor must be refused, empty or continues.")
        })
    });
    let cursor = cursor.transpose()?;
    let inclusive = form.flag("inclusive_time_filters")?;
    let compress = form.flag("compress")?;
    form.finish()?;
    core.set_lists(|settings| {
        settings.deleted_cursor = cursor.unwrap_or(settings.deleted_cursor);
        settings.inclusive_time_filters = inclusive.unwrap_or(settings.inclusive_time_filters);
        settings.compress = compress.unwrap_or(settings.compress);
    });
    Ok(StatusCode::NO_CONTENT)
}

async fn create_browser(
    State(core): Shared,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, Refusal> {
    let mut form = Form::new(body);
    let user_id = form.text("user_id")?.flatten();
    form.finish()?;
    let key = core.create_browser("dvb");
    let session = user_id.map(|user_id| core.sign_in(&key, &user_id, &request)).transpose()?;
    let session_id = session.map(|session| session.id);
    Ok(Json(json!({ "object": "dev_browser", "id": key, "session_id": session_id })))
}

async fn session_token(
    State(core): Shared,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Result<Json<Value>, Refusal> {
    let mut form = Form::new(body);
    let session_id = form.text("session_id")?.flatten();
    let user_id = match &session_id {
        Some(_) => None,
        None => Some(form.required_text("user_id")?),
    };
    let organization_id = form.text("organization_id")?.flatten();
    let options = token_options(&mut form)?;
    form.finish()?;
    let session_id = match (session_id, user_id) {
        (Some(id), _) => id,
        (None, user_id) => {
            core.start_session(&user_id.unwrap_or_default(), organization_id.as_deref(), &request)?.id
        }
    };
    let jwt = core.session_token(&session_id, &options, None).await?;
    Ok(Json(json!({ "object": "token", "jwt": jwt, "session_id": session_id })))
}

async fn sign_token(State(core): Shared, JsonObject(body): JsonObject) -> Result<Json<Value>, Refusal> {
    let mut form = Form::new(body);
    let header = Value::Object(form.object("header")?.unwrap_or_default());
    let claims = Value::Object(form.object("claims")?.unwrap_or_default());
    form.finish()?;
    let jwt = core.key().await?.sign(&header, &claims)?;
    Ok(Json(json!({ "object": "token", "jwt": jwt })))
}

async fn rotate_key(State(core): Shared, JsonObject(body): JsonObject) -> Result<Json<Value>, Refusal> {
    let mut form = Form::new(body);
    let keep_old = form.flag("keep_old")?.unwrap_or(true);
    form.finish()?;
    Ok(Json(json!({ "kid": core.rotate_key(keep_old).await? })))
}
