//! What can be done to the members of an organization.

use serde_json::{Map, Value};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::edit::merge;
use crate::state::organization::{Membership, Role};
use crate::state::user::User;
use crate::state::{Event, World};
use crate::webhook::HttpRequest;

/// What a request may change of a membership.
#[derive(Clone, Debug, Default)]
pub(crate) struct MembershipChange {
    pub(crate) role: Option<Role>,
    pub(crate) merge_public: Map<String, Value>,
    pub(crate) merge_private: Map<String, Value>,
}

impl Core {
    pub(crate) fn join_organization(
        &self,
        organization_id: &str,
        user_id: &str,
        change: MembershipChange,
        request: &HttpRequest,
    ) -> Result<Membership, Refusal> {
        let mut world = self.write();
        let now_ms = self.now_ms();
        let organization = world.organizations.find(organization_id)?;
        let organization_id = organization.id.clone();
        let full = organization.max_allowed_memberships;
        world.users.find(user_id)?;
        if world.organizations.membership(&organization_id, user_id).is_some() {
            let long = format!("User {user_id} is already a member of the organization.");
            return Err(Refusal::new(400, "already_a_member_in_organization", "already a member", long));
        }
        if full > 0 && world.organizations.members(&organization_id).count() as i64 >= full {
            let long = format!("The organization has all {full} members it may have.");
            return Err(Refusal::new(
                403,
                "organization_membership_quota_exceeded",
                "organization membership quota exceeded",
                long,
            ));
        }
        let membership = Membership {
            id: world.ids.make("orgmem", now_ms),
            organization_id,
            user_id: user_id.to_owned(),
            role: change.role.unwrap_or(Role::Member),
            public_metadata: change.merge_public,
            private_metadata: change.merge_private,
            created_at: now_ms,
            updated_at: now_ms,
        };
        world.organizations.join(membership.clone());
        self.publish_membership(&world, "organizationMembership.created", &membership, request);
        Ok(membership)
    }

    pub(crate) fn update_membership(
        &self,
        organization_id: &str,
        user_id: &str,
        change: MembershipChange,
        request: &HttpRequest,
    ) -> Result<Membership, Refusal> {
        let mut world = self.write();
        let organization_id = world.organizations.find(organization_id)?.id.clone();
        let mut membership = world.organizations.find_membership(&organization_id, user_id)?.clone();
        membership.updated_at = self.now_ms().max(membership.updated_at + 1);
        membership.role = change.role.unwrap_or(membership.role);
        merge(&mut membership.public_metadata, change.merge_public);
        merge(&mut membership.private_metadata, change.merge_private);
        world.organizations.join(membership.clone());
        self.publish_membership(&world, "organizationMembership.updated", &membership, request);
        Ok(membership)
    }

    /// The membership as it was: its end shows it in full.
    pub(crate) fn leave_organization(
        &self,
        organization_id: &str,
        user_id: &str,
        request: &HttpRequest,
    ) -> Result<Value, Refusal> {
        let mut world = self.write();
        let organization_id = world.organizations.find(organization_id)?.id.clone();
        let membership = world.organizations.find_membership(&organization_id, user_id)?.clone();
        self.publish_membership(&world, "organizationMembership.deleted", &membership, request);
        world.organizations.leave(&organization_id, user_id);
        self.membership_body(&world, &membership)
    }

    pub(crate) fn leave_all(&self, world: &mut World, user: &User, request: &HttpRequest) {
        let memberships: Vec<_> = world.organizations.memberships_of(&user.id).cloned().collect();
        for membership in memberships {
            self.publish_membership(world, "organizationMembership.deleted", &membership, request);
            world.organizations.leave(&membership.organization_id, &user.id);
        }
    }

    pub(crate) fn membership_body(&self, world: &World, membership: &Membership) -> Result<Value, Refusal> {
        let organization = world.organizations.find(&membership.organization_id)?;
        let user = world.users.find(&membership.user_id)?;
        Ok(membership.body(organization, user, &self.config.instance_id))
    }

    pub(crate) fn publish_membership(
        &self,
        world: &World,
        event_type: &str,
        membership: &Membership,
        request: &HttpRequest,
    ) {
        if let Ok(data) = self.membership_body(world, membership) {
            let user_id = Some(membership.user_id.as_str().into());
            self.publish(&Event::new(event_type, user_id, data), request);
        }
    }
}
