//! What can be done to organizations.

use serde_json::{Map, Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::edit::merge;
use crate::state::organization::{Membership, Organization, Role};
use crate::state::{Event, World};
use crate::webhook::HttpRequest;

/// What a request may say about a new organization.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrganizationDraft {
    pub(crate) name: String,
    pub(crate) slug: Option<String>,
    pub(crate) created_by: Option<String>,
    pub(crate) max_allowed_memberships: Option<i64>,
    pub(crate) public_metadata: Map<String, Value>,
    pub(crate) private_metadata: Map<String, Value>,
    pub(crate) created_at: Option<i64>,
}

/// What a request may change of an organization.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrganizationChange {
    pub(crate) name: Option<String>,
    pub(crate) slug: Option<String>,
    pub(crate) max_allowed_memberships: Option<i64>,
    pub(crate) admin_delete_enabled: Option<bool>,
    pub(crate) merge_public: Map<String, Value>,
    pub(crate) merge_private: Map<String, Value>,
}

impl Core {
    pub(crate) fn create_organization(
        &self,
        draft: OrganizationDraft,
        request: &HttpRequest,
    ) -> Result<Organization, Refusal> {
        let mut world = self.write();
        let now_ms = self.now_ms();
        let creator = match &draft.created_by {
            Some(user_id) => Some(world.users.find(user_id)?.id.to_string()),
            None => None,
        };
        let organization = Organization {
            id: world.ids.make("org", now_ms),
            slug: draft.slug.unwrap_or_else(|| free_slug(&world, &draft.name, now_ms)),
            name: draft.name,
            max_allowed_memberships: draft.max_allowed_memberships.unwrap_or(5),
            admin_delete_enabled: true,
            public_metadata: draft.public_metadata,
            private_metadata: draft.private_metadata,
            created_by: creator.clone(),
            created_at: draft.created_at.unwrap_or(now_ms),
            updated_at: now_ms,
        };
        world.organizations.put(organization.clone())?;
        self.publish_organization("organization.created", &organization, request);
        if let Some(user_id) = creator {
            let membership = Membership {
                id: world.ids.make("orgmem", now_ms),
                organization_id: organization.id.clone(),
                user_id,
                role: Role::Admin,
                public_metadata: Map::new(),
                private_metadata: Map::new(),
                created_at: now_ms,
                updated_at: now_ms,
            };
            world.organizations.join(membership.clone());
            self.publish_membership(&world, "organizationMembership.created", &membership, request);
        }
        Ok(organization)
    }

    pub(crate) fn update_organization(
        &self,
        which: &str,
        change: OrganizationChange,
        request: &HttpRequest,
    ) -> Result<Organization, Refusal> {
        let mut world = self.write();
        let mut organization = world.organizations.find(which)?.clone();
        organization.updated_at = self.now_ms().max(organization.updated_at + 1);
        organization.name = change.name.unwrap_or(organization.name);
        organization.slug = change.slug.unwrap_or(organization.slug);
        organization.max_allowed_memberships =
            change.max_allowed_memberships.unwrap_or(organization.max_allowed_memberships);
        organization.admin_delete_enabled =
            change.admin_delete_enabled.unwrap_or(organization.admin_delete_enabled);
        merge(&mut organization.public_metadata, change.merge_public);
        merge(&mut organization.private_metadata, change.merge_private);
        world.organizations.put(organization.clone())?;
        self.publish_organization("organization.updated", &organization, request);
        Ok(organization)
    }

    pub(crate) fn delete_organization(&self, which: &str, request: &HttpRequest) -> Result<Value, Refusal> {
        let mut world = self.write();
        let id = world.organizations.find(which)?.id.clone();
        let removed = world.organizations.remove(&id);
        let (organization, memberships) = removed.ok_or_else(|| Refusal::not_found("not found"))?;
        for membership in memberships {
            if let Some(user) = world.users.get(&membership.user_id) {
                let data = membership.body(&organization, user, &self.config.instance_id);
                let event = Event::new("organizationMembership.deleted", Some(user.id.clone()), data);
                self.publish(&event, request);
            }
        }
        let body = json!({ "object": "organization", "id": id, "slug": organization.slug, "deleted": true });
        self.publish(&Event::new("organization.deleted", None, body.clone()), request);
        Ok(body)
    }

    pub(crate) fn organization_body(
        &self,
        world: &World,
        organization: &Organization,
        counted: bool,
    ) -> Value {
        let count = counted.then(|| world.organizations.members(&organization.id).count());
        organization.body(&self.config.instance_id, count)
    }

    fn publish_organization(&self, event_type: &str, organization: &Organization, request: &HttpRequest) {
        let data = organization.body(&self.config.instance_id, None);
        self.publish(&Event::new(event_type, None, data), request);
    }
}

/// The name in small letters and hyphens, with the time behind it if someone has that already.
fn free_slug(world: &World, name: &str, now_ms: i64) -> String {
    let hyphened: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<_> = hyphened.split('-').filter(|part| !part.is_empty()).collect();
    let slug = if parts.is_empty() { "organization".to_owned() } else { parts.join("-") };
    if world.organizations.all().any(|other| other.slug == slug) { format!("{slug}-{now_ms}") } else { slug }
}
