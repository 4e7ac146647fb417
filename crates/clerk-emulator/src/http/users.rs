//! `/v1/users`, but for lists.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use crate::core::Core;
use crate::faults::{FaultKind, Occasion};
use crate::refusal::Refusal;
use crate::state::edit::Edit;
use crate::state::user_draft::UserChange;
use crate::webhook::HttpRequest;

use super::body::{JsonObject, Upload};
use super::user_form::{metadata_change, new_user, user_change};
use super::version::ApiVersion;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

pub(crate) async fn create(
    State(core): Shared,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let user = core.create_user(new_user(body)?, &request)?;
    Ok(Json(core.user_body(&user)))
}

pub(crate) async fn read(State(core): Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    let occasion = Occasion { user_id: Some(&id), ..Occasion::default() };
    let replaced = |kind: &FaultKind| matches!(kind, FaultKind::UserAnswer { .. });
    match core.faults.strike(core.now_ms(), occasion, replaced) {
        Some(FaultKind::UserAnswer { status, body: Some(body), .. }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Ok((status, Json(body)).into_response())
        }
        Some(FaultKind::UserAnswer { status, code, .. }) => {
            let code = code.unwrap_or_else(|| "resource_not_found".to_owned());
            Err(Refusal::new(status, code, "answered on purpose", format!("Reads of {id} fail on purpose.")))
        }
        _ => Ok(Json(core.user_body(&*core.user_as_read(&id)?)).into_response()),
    }
}

pub(crate) async fn update(
    State(core): Shared,
    Path(id): Path<String>,
    version: ApiVersion,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    change(&core, &id, user_change(body, version)?, &request)
}

pub(crate) async fn delete(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    Ok(Json(core.delete_user(&id, &request)?))
}

pub(crate) async fn merge_metadata(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    change(&core, &id, metadata_change(body, true)?, &request)
}

pub(crate) async fn replace_metadata(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    change(&core, &id, metadata_change(body, false)?, &request)
}

pub(crate) async fn ban(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    one(&core, &id, Edit::Banned(true), &request)
}

pub(crate) async fn unban(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    one(&core, &id, Edit::Banned(false), &request)
}

pub(crate) async fn lock(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    one(&core, &id, Edit::Locked(true), &request)
}

pub(crate) async fn unlock(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    one(&core, &id, Edit::Locked(false), &request)
}

pub(crate) async fn set_image(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
    upload: Upload,
) -> Answer {
    if upload.length == 0 {
        return Err(Refusal::missing_param("file"));
    }
    let name = core.write().ids.make("img", core.now_ms());
    let proxied = json!({ "type": "proxy", "src": format!("https://images.clerk.dev/uploaded/{name}") });
    let url = format!("https://img.clerk.com/{}", STANDARD_NO_PAD.encode(proxied.to_string()));
    one(&core, &id, Edit::Image(Some(url)), &request)
}

pub(crate) async fn remove_image(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
) -> Answer {
    one(&core, &id, Edit::Image(None), &request)
}

fn one(core: &Core, id: &str, edit: Edit, request: &HttpRequest) -> Answer {
    change(core, id, UserChange { edits: vec![edit] }, request)
}

fn change(core: &Core, id: &str, change: UserChange, request: &HttpRequest) -> Answer {
    let user = core.update_user(id, change, request)?;
    Ok(Json(core.user_body(&user)))
}
