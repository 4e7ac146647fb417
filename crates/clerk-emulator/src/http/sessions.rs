//! `/v1/sessions`, `/v1/clients` and `/v1/sign_in_tokens`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::session::SessionState;
use crate::token::TokenOptions;
use crate::webhook::HttpRequest;

use super::body::JsonObject;
use super::form::Form;
use super::query::Query;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

const STATUSES: [&str; 8] =
    ["abandoned", "active", "ended", "expired", "pending", "removed", "replaced", "revoked"];

pub(crate) async fn list(State(core): Shared, query: Query) -> Answer {
    let now_ms = core.now_ms();
    let status = query.first("status");
    if let Some(status) = status
        && !STATUSES.contains(&status)
    {
        return Err(Refusal::bad_value("status", format!("{status:?} is not the status of a session.")));
    }
    let world = core.read();
    let sessions = match (query.first("client_id"), query.first("user_id")) {
        (Some(client_id), user_id) => {
            let mut sessions = world.sessions.of_client(client_id);
            sessions.retain(|session| user_id.is_none_or(|id| *session.user_id == *id));
            sessions
        }
        (None, Some(user_id)) => world.sessions.of_user(user_id),
        (None, None) => {
            let long = "At least one of client_id and user_id must be given.";
            return Err(Refusal::new(422, "form_param_missing", "is missing", long).about("client_id"));
        }
    };
    let wanted = |session: &_| {
        let session: &crate::state::session::Session = session;
        status.is_none_or(|status| session.status(now_ms) == status)
    };
    let bodies: Vec<_> =
        sessions.into_iter().filter(|session| wanted(session)).map(|session| session.body(now_ms)).collect();
    let total = bodies.len();
    let page = query.page()?.of(bodies);
    Ok(Json(match query.flag("paginated")? {
        Some(true) => json!({ "data": page, "total_count": total }),
        _ => json!(page),
    }))
}

/// Only for testing, so only on instances that are not production.
pub(crate) async fn create(
    State(core): Shared,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    if core.config.is_production() {
        let long = "Sessions can only be created on development instances.";
        return Err(Refusal::new(403, "authorization_invalid", "Unauthorized request", long));
    }
    let mut form = Form::new(body);
    let user_id = form.required_text("user_id")?;
    let organization_id = form.text("active_organization_id")?.flatten();
    form.finish()?;
    let session = core.start_session(&user_id, organization_id.as_deref(), &request)?;
    Ok(Json(session.body(core.now_ms())))
}

pub(crate) async fn read(State(core): Shared, Path(id): Path<String>) -> Answer {
    let body = core.read().sessions.find(&id)?.body(core.now_ms());
    Ok(Json(body))
}

pub(crate) async fn revoke(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    let session = core.close_session(&id, SessionState::Revoked, &request)?;
    Ok(Json(session.body(core.now_ms())))
}

pub(crate) async fn token(
    State(core): Shared,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Answer {
    let jwt = core.session_token(&id, &options(body)?, None).await?;
    Ok(Json(json!({ "object": "token", "jwt": jwt })))
}

pub(crate) async fn template_token(
    State(core): Shared,
    Path((id, template)): Path<(String, String)>,
    JsonObject(body): JsonObject,
) -> Answer {
    let jwt = core.session_token(&id, &options(body)?, Some(&template)).await?;
    Ok(Json(json!({ "object": "token", "jwt": jwt })))
}

fn options(body: Map<String, Value>) -> Result<TokenOptions, Refusal> {
    let mut form = Form::new(body);
    let mut options = TokenOptions::new();
    if let Some(seconds) = form.integer("expires_in_seconds")?.flatten() {
        if !(30..=315_360_000).contains(&seconds) {
            let long = "expires_in_seconds must be 30 to 315360000.";
            return Err(Refusal::bad_value("expires_in_seconds", long));
        }
        options = options.expires_in_seconds(seconds);
    }
    form.finish()?;
    Ok(options)
}

pub(crate) async fn verify_client(State(core): Shared, JsonObject(body): JsonObject) -> Answer {
    let mut form = Form::new(body);
    let token = form.required_text("token")?;
    form.finish()?;
    Ok(Json(core.verify_client(&token).await?))
}

pub(crate) async fn client(State(core): Shared, Path(id): Path<String>) -> Answer {
    let body = core.read().sessions.client_body(&id, core.now_ms())?;
    Ok(Json(body))
}

/// A token whose link signs the user in once. The emulated Frontend API decides what it opens.
pub(crate) async fn sign_in_token(State(core): Shared, JsonObject(body): JsonObject) -> Answer {
    let mut form = Form::new(body);
    let user_id = form.required_text("user_id")?;
    let expires_in = form.integer("expires_in_seconds")?.flatten().unwrap_or(2_592_000);
    form.ignore(&["org_id"]);
    form.finish()?;
    core.read().users.find(&user_id)?;
    let now_ms = core.now_ms();
    let id = core.write().ids.make("sit", now_ms);
    let key = core.key().await?;
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key.id });
    let claims = json!({
        "iss": core.issuer,
        "exp": now_ms / 1_000 + expires_in,
        "iat": now_ms / 1_000,
        "sid": id,
        "sub": user_id,
        "st": "sign_in_token",
    });
    let token = key.sign(&header, &claims)?;
    let url = format!("{}/v1/tickets/accept?ticket={token}", core.issuer);
    Ok(Json(json!({
        "object": "sign_in_token",
        "id": id,
        "user_id": user_id,
        "status": "pending",
        "token": token,
        "url": url,
        "created_at": now_ms,
        "updated_at": now_ms,
    })))
}
