//! `/v1/users`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::core::Core;
use crate::faults::{FaultKind, Occasion};
use crate::refusal::Refusal;
use crate::state::edit::Edit;
use crate::state::filter::UserFilter;
use crate::state::order::UserListing;
use crate::state::user::User;
use crate::state::user_body::UserBody;
use crate::state::user_draft::UserChange;
use crate::webhook::HttpRequest;

use super::body::{JsonObject, Upload};
use super::query::Query;
use super::user_form::{metadata_change, new_user, user_change};
use super::version::ApiVersion;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

pub(crate) async fn list(State(core): Shared, query: Query) -> Result<Response, Refusal> {
    let listing = UserListing::parse(&query, core.config.inclusive_time_filters)?;
    let mut users = {
        let world = core.read();
        let mut users = listing.select(&world, core.config.deleted_cursor)?;
        let stale = |kind: &FaultKind| matches!(kind, FaultKind::StaleReads { lists: true });
        for user in &mut users {
            let occasion = Occasion { user_id: Some(&user.id), ..Occasion::default() };
            if core.faults.strike(core.now_ms(), occasion, stale).is_some()
                && let Some(Some(before)) = world.users.before(&user.id)
            {
                *user = Arc::clone(before);
            }
        }
        users
    };
    let short = |kind: &FaultKind| matches!(kind, FaultKind::ShortList { .. });
    if let Some(FaultKind::ShortList { keep }) = core.faults.strike(core.now_ms(), Occasion::default(), short)
    {
        users.truncate(keep);
    }
    let page = PageBody { users: &users, instance_id: &core.config.instance_id, now_ms: core.now_ms() };
    let body = serde_json::to_vec(&page).map_err(|error| Refusal::internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

struct PageBody<'a> {
    users: &'a [Arc<User>],
    instance_id: &'a str,
    now_ms: i64,
}

impl Serialize for PageBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.users.len()))?;
        for user in self.users {
            let body = UserBody { user, instance_id: self.instance_id, now_ms: self.now_ms };
            list.serialize_element(&body)?;
        }
        list.end()
    }
}

pub(crate) async fn count(State(core): Shared, query: Query) -> Answer {
    let filter = UserFilter::parse(&query, core.config.inclusive_time_filters)?;
    let count = filter.count(&core.read());
    Ok(Json(json!({ "object": "total_count", "total_count": count })))
}

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
