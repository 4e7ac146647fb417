//! Who belongs to which organization.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::core::{Core, MembershipChange};
use crate::refusal::Refusal;
use crate::state::World;
use crate::state::organization::{Membership, Role};
use crate::webhook::HttpRequest;

use super::body::JsonObject;
use super::form::Form;
use super::query::Query;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

pub(crate) async fn of_organization(State(core): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let users = query.all("user_id")?;
    let roles = query.all("role")?;
    let world = core.read();
    let organization_id = &world.organizations.find(&id)?.id;
    let wanted = |membership: &&Membership| {
        (users.is_empty() || users.contains(&membership.user_id))
            && (roles.is_empty() || roles.iter().any(|role| role == membership.role.key()))
    };
    let memberships = world.organizations.members(organization_id).filter(wanted).collect();
    page(&core, &world, memberships, &query)
}

pub(crate) async fn of_user(State(core): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let world = core.read();
    let user_id = &world.users.find(&id)?.id;
    page(&core, &world, world.organizations.memberships_of(user_id).collect(), &query)
}

pub(crate) async fn all(State(core): Shared, query: Query) -> Answer {
    let world = core.read();
    page(&core, &world, world.organizations.all_memberships().collect(), &query)
}

fn page(core: &Core, world: &World, mut memberships: Vec<&Membership>, query: &Query) -> Answer {
    memberships.sort_by_key(|membership| membership.created_at);
    match query.first("order_by") {
        Some("created_at" | "+created_at") => {}
        None | Some("-created_at") => memberships.reverse(),
        Some(other) => {
            let long = format!("{other:?} is not an order of memberships.");
            return Err(Refusal::bad_value("order_by", long));
        }
    }
    let total = memberships.len();
    let page = query.page()?.of(memberships);
    let data: Vec<_> = page
        .into_iter()
        .map(|membership| core.membership_body(world, membership))
        .collect::<Result<_, _>>()?;
    Ok(Json(json!({ "data": data, "total_count": total })))
}

pub(crate) async fn create(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let user_id = form.required_text("user_id")?;
    let change = MembershipChange {
        role: Some(role(&mut form)?),
        merge_public: form.metadata("public_metadata")?.unwrap_or_default(),
        merge_private: form.metadata("private_metadata")?.unwrap_or_default(),
    };
    form.finish()?;
    body_of(&core, &core.join_organization(&id, &user_id, change, &request)?)
}

pub(crate) async fn update(
    State(core): Shared,
    Path((id, user_id)): Path<(String, String)>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let change = MembershipChange { role: Some(role(&mut form)?), ..MembershipChange::default() };
    form.finish()?;
    body_of(&core, &core.update_membership(&id, &user_id, change, &request)?)
}

pub(crate) async fn merge_metadata(
    State(core): Shared,
    Path((id, user_id)): Path<(String, String)>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let change = MembershipChange {
        role: None,
        merge_public: form.metadata("public_metadata")?.unwrap_or_default(),
        merge_private: form.metadata("private_metadata")?.unwrap_or_default(),
    };
    form.finish()?;
    body_of(&core, &core.update_membership(&id, &user_id, change, &request)?)
}

pub(crate) async fn delete(
    State(core): Shared,
    Path((id, user_id)): Path<(String, String)>,
    request: HttpRequest,
) -> Answer {
    Ok(Json(core.leave_organization(&id, &user_id, &request)?))
}

fn role(form: &mut Form) -> Result<Role, Refusal> {
    let key = form.required_text("role")?;
    Role::parse(&key).ok_or_else(|| Refusal::not_found(format!("No role was found with key {key}")))
}

fn body_of(core: &Core, membership: &Membership) -> Answer {
    let body = core.membership_body(&core.read(), membership)?;
    Ok(Json(body))
}
