//! `/v1/organizations`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::core::{Core, OrganizationChange, OrganizationDraft};
use crate::refusal::Refusal;
use crate::state::World;
use crate::state::organization::Organization;
use crate::webhook::HttpRequest;

use super::body::JsonObject;
use super::form::Form;
use super::query::Query;

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Core>>;

pub(crate) async fn list(State(core): Shared, query: Query) -> Answer {
    let counted = query.flag("include_members_count")?.unwrap_or_default();
    let wanted = query.first("query").map(str::to_lowercase);
    let ids = query.all("organization_id")?;
    let members = query.all("user_id")?;
    let world = core.read();
    let matches = |organization: &&Organization| {
        let texts = [&organization.id, &organization.name, &organization.slug];
        wanted.as_ref().is_none_or(|wanted| texts.iter().any(|text| text.to_lowercase().contains(wanted)))
            && (ids.is_empty() || ids.contains(&organization.id))
            && (members.is_empty()
                || members.iter().any(|id| world.organizations.membership(&organization.id, id).is_some()))
    };
    let mut organizations: Vec<_> = world.organizations.all().filter(matches).collect();
    sort(&mut organizations, &world, query.first("order_by").unwrap_or("-created_at"))?;
    let total = organizations.len();
    let data: Vec<_> = query
        .page()?
        .of(organizations)
        .into_iter()
        .map(|organization| core.organization_body(&world, organization, counted))
        .collect();
    Ok(Json(json!({ "data": data, "total_count": total })))
}

fn sort(organizations: &mut [&Organization], world: &World, order_by: &str) -> Result<(), Refusal> {
    let (descending, key) = match order_by.strip_prefix('-') {
        Some(key) => (true, key),
        None => (false, order_by.strip_prefix('+').unwrap_or(order_by)),
    };
    match key {
        "created_at" => organizations.sort_by_key(|organization| organization.created_at),
        "name" => organizations.sort_by_key(|organization| organization.name.clone()),
        "members_count" => {
            organizations.sort_by_key(|organization| world.organizations.members(&organization.id).count());
        }
        _ => {
            return Err(Refusal::bad_value("order_by", format!("{key:?} is not an order of organizations.")));
        }
    }
    if descending {
        organizations.reverse();
    }
    Ok(())
}

pub(crate) async fn create(
    State(core): Shared,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let draft = OrganizationDraft {
        name: form.required_text("name")?,
        slug: form.text("slug")?.flatten(),
        created_by: form.text("created_by")?.flatten(),
        max_allowed_memberships: form.integer("max_allowed_memberships")?.flatten(),
        public_metadata: form.metadata("public_metadata")?.unwrap_or_default(),
        private_metadata: form.metadata("private_metadata")?.unwrap_or_default(),
        created_at: form.time("created_at")?.flatten(),
    };
    form.ignore(&["role_set_key"]);
    form.finish()?;
    let organization = core.create_organization(draft, &request)?;
    let body = core.organization_body(&core.read(), &organization, false);
    Ok(Json(body))
}

pub(crate) async fn read(State(core): Shared, Path(id): Path<String>, query: Query) -> Answer {
    let counted = query.flag("include_members_count")?.unwrap_or_default();
    let world = core.read();
    let organization = world.organizations.find(&id)?;
    Ok(Json(core.organization_body(&world, organization, counted)))
}

pub(crate) async fn update(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let change = OrganizationChange {
        name: form.text("name")?.flatten(),
        slug: form.text("slug")?.flatten(),
        max_allowed_memberships: form.integer("max_allowed_memberships")?.flatten(),
        admin_delete_enabled: form.flag("admin_delete_enabled")?,
        ..OrganizationChange::default()
    };
    form.ignore(&["role_set_key", "created_at"]);
    form.finish()?;
    changed(&core, &id, change, &request)
}

pub(crate) async fn merge_metadata(
    State(core): Shared,
    Path(id): Path<String>,
    request: HttpRequest,
    JsonObject(body): JsonObject,
) -> Answer {
    let mut form = Form::new(body);
    let change = OrganizationChange {
        merge_public: form.metadata("public_metadata")?.unwrap_or_default(),
        merge_private: form.metadata("private_metadata")?.unwrap_or_default(),
        ..OrganizationChange::default()
    };
    form.finish()?;
    changed(&core, &id, change, &request)
}

fn changed(core: &Core, id: &str, change: OrganizationChange, request: &HttpRequest) -> Answer {
    let organization = core.update_organization(id, change, request)?;
    let body = core.organization_body(&core.read(), &organization, false);
    Ok(Json(body))
}

pub(crate) async fn delete(State(core): Shared, Path(id): Path<String>, request: HttpRequest) -> Answer {
    Ok(Json(core.delete_organization(&id, &request)?))
}
