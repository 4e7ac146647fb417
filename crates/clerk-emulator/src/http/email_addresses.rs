//! `/v1/email_addresses`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::check::check_email;
use crate::state::edit::Edit;
use crate::state::user::{User, Verification};
use crate::state::user_body::{Kind, identifier_body};
use crate::state::user_draft::UserChange;
use crate::webhook::HttpRequest;

use super::body::JsonObject;
use super::form::Form;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

pub(crate) async fn create(
    State(core): Shared,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let user_id = form.required_text("user_id")?;
    let value = form.required_text("email_address")?;
    check_email(&value)?;
    let verified = form.flag("verified")?.unwrap_or_default();
    let primary = form.flag("primary")?.unwrap_or_default();
    form.finish()?;
    let verification = if verified { Verification::Admin } else { Verification::Unverified };
    let edit = Edit::Add { kind: Kind::Email, value: value.clone(), verification, reserved: false, primary };
    let user = core.update_user(&user_id, UserChange { edits: vec![edit] }, &request)?;
    address_of(&user, &value)
}

pub(crate) async fn read(State(core): Shared, Path(id): Path<String>) -> Answer {
    address_of(&*holder(&core, &id)?, &id)
}

pub(crate) async fn update(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let mut edits = Vec::new();
    edits.extend(form.flag("verified")?.map(|verified| Edit::Verified { which: id.clone(), verified }));
    if form.flag("primary")? == Some(true) {
        edits.push(Edit::Primary { kind: Kind::Email, which: Some(id.clone()) });
    }
    form.finish()?;
    let user = holder(&core, &id)?;
    let user = core.update_user(&user.id, UserChange { edits }, &request)?;
    address_of(&user, &id)
}

pub(crate) async fn delete(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    let user = holder(&core, &id)?;
    let edit = Edit::Remove { kind: Kind::Email, which: id.clone() };
    core.update_user(&user.id, UserChange { edits: vec![edit] }, &request)?;
    Ok(Json(json!({ "object": "email_address", "id": id, "deleted": true })))
}

fn holder(core: &Core, id: &str) -> Result<Arc<User>, Refusal> {
    let world = core.read();
    let holds = |user: &&Arc<User>| user.email_addresses.iter().any(|address| address.id == id);
    let user = world.users.all().find(holds).cloned();
    user.ok_or_else(|| not_found(id))
}

fn address_of(user: &User, which: &str) -> Answer {
    let mut addresses = user.email_addresses.iter();
    let address = addresses.find(|address| address.id == which || address.value == which);
    address.map(|address| Json(identifier_body(Kind::Email, address))).ok_or_else(|| not_found(which))
}

fn not_found(id: &str) -> Refusal {
    Refusal::not_found(format!("No email address was found with id {id}"))
}
