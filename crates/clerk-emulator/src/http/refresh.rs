//! What apps exchange for cookies: nonces of handshakes, and refresh tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::site::web_url;

use super::body::JsonObject;
use super::form::Form;
use super::query::Query;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

/// `GET /v1/clients/handshake_payload`.
pub(crate) async fn handshake_payload(State(core): Shared, query: Query) -> Answer {
    let nonce = query.first("nonce").filter(|nonce| !nonce.is_empty());
    let nonce = nonce.ok_or_else(|| Refusal::missing_query("nonce"))?;
    let directives = core.write().nonces.read(nonce, core.now_ms());
    let directives = directives.ok_or_else(|| {
        Refusal::not_found("The nonce of the handshake is unknown, was used already, or has expired.")
    })?;
    Ok(Json(json!({ "directives": directives })))
}

/// `POST /v1/sessions/{id}/refresh`: a new session token in exchange for an expired one.
pub(crate) async fn refresh(
    State(core): Shared,
    Path(session_id): Path<String>,
    query: Query,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let expired_token = form.required_text("expired_token")?;
    let refresh_token = form.required_text("refresh_token")?;
    let origin = form.required_text("request_origin")?;
    let format = form.text("format")?.flatten();
    let suffixed = form.flag("suffixed_cookies")?.or(query.flag("suffixed_cookies")?).unwrap_or_default();
    form.ignore(&["request_headers", "request_originating_ip"]);
    form.finish()?;
    let origin = web_url(&origin)
        .ok_or_else(|| Refusal::bad_format("request_origin", "an origin such as http://localhost:3000"))?;

    let claims = core.keys.open(&expired_token).await;
    if claims.is_none_or(|claims| claims["sid"] != session_id.as_str()) {
        return Err(invalid("expired_token is not a token of this session."));
    }
    let session = core.read().sessions.find(&session_id).cloned();
    let session = session.map_err(|_| invalid("There is no such session."))?;
    if session.refresh_token.as_ref() != Some(&refresh_token) {
        return Err(invalid("refresh_token is not the refresh token of this session."));
    }
    if session.status(core.now_ms()) != "active" {
        return Err(invalid("The session is over."));
    }
    let cookies = core.session_cookies(&session, 0, &origin.origin().ascii_serialization()).await?;
    match format.as_deref() {
        None | Some("token") => Ok(Json(json!({ "object": "token", "jwt": cookies.token }))),
        Some("cookie") => {
            let directives = core.cookie_place(&origin, suffixed).session(&cookies);
            Ok(Json(json!({ "object": "cookies", "cookies": directives })))
        }
        Some(_) => Err(Refusal::bad_value("format", "format must be token or cookie.")),
    }
}

/// 401 tells the SDKs to fall back to a handshake.
fn invalid(long_message: &str) -> Refusal {
    Refusal::new(401, "authentication_invalid", "Invalid authentication", long_message)
}
