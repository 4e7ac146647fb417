//! Organizations and who belongs to them, as data and as bodies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value, json};

use super::user::User;
use super::user_body::UserBody;

#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) max_allowed_memberships: i64,
    pub(crate) admin_delete_enabled: bool,
    pub(crate) public_metadata: Map<String, Value>,
    pub(crate) private_metadata: Map<String, Value>,
    pub(crate) created_by: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) id: String,
    pub(crate) organization_id: String,
    pub(crate) user_id: String,
    pub(crate) role: Role,
    pub(crate) public_metadata: Map<String, Value>,
    pub(crate) private_metadata: Map<String, Value>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// The two roles every instance has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    Member,
}

impl Role {
    pub(crate) fn parse(key: &str) -> Option<Self> {
        match key {
            "org:admin" => Some(Self::Admin),
            "org:member" => Some(Self::Member),
            _ => None,
        }
    }

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Admin => "org:admin",
            Self::Member => "org:member",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Member => "Member",
        }
    }

    pub(crate) fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &[
                "org:sys_profile:manage",
                "org:sys_profile:delete",
                "org:sys_memberships:read",
                "org:sys_memberships:manage",
                "org:sys_domains:read",
                "org:sys_domains:manage",
            ],
            Self::Member => &["org:sys_memberships:read"],
        }
    }
}

impl Organization {
    /// `members_count` only where it was asked for.
    pub(crate) fn body(&self, instance_id: &str, members_count: Option<usize>) -> Value {
        let initial: String = self.name.chars().take(1).collect::<String>().to_uppercase();
        let drawn = json!({ "type": "default", "iid": instance_id, "rid": self.id, "initials": initial });
        let mut body = json!({
            "object": "organization",
            "id": self.id,
            "name": self.name,
            "slug": self.slug,
            "image_url": format!("https://img.clerk.com/{}", STANDARD_NO_PAD.encode(drawn.to_string())),
            "has_image": false,
            "max_allowed_memberships": self.max_allowed_memberships,
            "admin_delete_enabled": self.admin_delete_enabled,
            "public_metadata": self.public_metadata,
            "private_metadata": self.private_metadata,
            "created_by": self.created_by,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        });
        if let Some(count) = members_count {
            body["members_count"] = json!(count);
        }
        body
    }
}

impl Membership {
    pub(crate) fn body(&self, organization: &Organization, user: &User, instance_id: &str) -> Value {
        let image_url = UserBody { user, instance_id, now_ms: self.updated_at }.image_url();
        let identifier = user.primary_email().or(user.username.as_deref()).or(user.primary_phone());
        json!({
            "object": "organization_membership",
            "id": self.id,
            "role": self.role.key(),
            "role_name": self.role.name(),
            "permissions": self.role.permissions(),
            "public_metadata": self.public_metadata,
            "private_metadata": self.private_metadata,
            "organization": organization.body(instance_id, None),
            "public_user_data": {
                "user_id": &*user.id,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "profile_image_url": image_url,
                "image_url": image_url,
                "has_image": user.image_url.is_some(),
                "identifier": identifier.or(user.primary_wallet()).unwrap_or_default(),
                "username": user.username,
                "banned": user.banned,
                "deprovisioned": false,
            },
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }
}
