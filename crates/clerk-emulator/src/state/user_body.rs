//! A user as the Backend API and the webhooks show it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::user::{ATTEMPTS, Identifier, User, Verification};

/// Writes one user straight to JSON; lists of hundreds of users pass through here.
pub(crate) struct UserBody<'a> {
    pub(crate) user: &'a User,
    pub(crate) instance_id: &'a str,
    pub(crate) now_ms: i64,
}

impl UserBody<'_> {
    pub(crate) fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    pub(crate) fn image_url(&self) -> String {
        if let Some(url) = &self.user.image_url {
            return url.clone();
        }
        let drawn = json!({
            "type": "default",
            "iid": self.instance_id,
            "rid": &*self.user.id,
            "initials": self.user.initials(),
        });
        format!("https://img.clerk.com/{}", STANDARD_NO_PAD.encode(drawn.to_string()))
    }
}

#[derive(Serialize)]
struct Fields<'a> {
    id: &'a str,
    object: &'static str,
    external_id: Option<&'a str>,
    primary_email_address_id: Option<&'a str>,
    primary_phone_number_id: Option<&'a str>,
    primary_web3_wallet_id: Option<&'a str>,
    username: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    locale: Option<&'a str>,
    profile_image_url: &'a str,
    image_url: &'a str,
    has_image: bool,
    public_metadata: &'a Map<String, Value>,
    private_metadata: &'a Map<String, Value>,
    unsafe_metadata: &'a Map<String, Value>,
    email_addresses: Identifiers<'a>,
    phone_numbers: Identifiers<'a>,
    web3_wallets: Identifiers<'a>,
    passkeys: [(); 0],
    external_accounts: &'a [Value],
    saml_accounts: [(); 0],
    enterprise_accounts: [(); 0],
    password_enabled: bool,
    two_factor_enabled: bool,
    totp_enabled: bool,
    backup_code_enabled: bool,
    mfa_enabled_at: Option<i64>,
    mfa_disabled_at: Option<i64>,
    password_last_updated_at: Option<i64>,
    last_sign_in_at: Option<i64>,
    banned: bool,
    locked: bool,
    deprovisioned: bool,
    lockout_expires_in_seconds: Option<i64>,
    verification_attempts_remaining: Option<u32>,
    created_at: i64,
    updated_at: i64,
    delete_self_enabled: bool,
    create_organization_enabled: bool,
    create_organizations_limit: Option<i64>,
    last_active_at: Option<i64>,
    legal_accepted_at: Option<i64>,
    bypass_client_trust: bool,
}

impl Serialize for UserBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = self.user;
        let image_url = self.image_url();
        let lockout = user.lockout_seconds(self.now_ms);
        let attempts_left = if lockout.is_some() { 0 } else { ATTEMPTS.saturating_sub(user.failed_attempts) };
        Fields {
            id: &user.id,
            object: "user",
            external_id: user.external_id.as_deref(),
            primary_email_address_id: user.primary_email_address_id.as_deref(),
            primary_phone_number_id: user.primary_phone_number_id.as_deref(),
            primary_web3_wallet_id: user.primary_web3_wallet_id.as_deref(),
            username: user.username.as_deref(),
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            locale: user.locale.as_deref(),
            profile_image_url: &image_url,
            image_url: &image_url,
            has_image: user.image_url.is_some(),
            public_metadata: &user.metadata.public,
            private_metadata: &user.metadata.private,
            unsafe_metadata: &user.metadata.unsafe_,
            email_addresses: Identifiers { kind: Kind::Email, list: &user.email_addresses },
            phone_numbers: Identifiers { kind: Kind::Phone, list: &user.phone_numbers },
            web3_wallets: Identifiers { kind: Kind::Wallet, list: &user.web3_wallets },
            passkeys: [],
            external_accounts: &user.external_accounts,
            saml_accounts: [],
            enterprise_accounts: [],
            password_enabled: user.password.is_some(),
            two_factor_enabled: user.totp_enabled,
            totp_enabled: user.totp_enabled,
            backup_code_enabled: user.backup_code_enabled,
            mfa_enabled_at: user.mfa_enabled_at,
            mfa_disabled_at: user.mfa_disabled_at,
            password_last_updated_at: user.password_last_updated_at,
            last_sign_in_at: user.last_sign_in_at,
            banned: user.banned,
            locked: lockout.is_some(),
            deprovisioned: false,
            lockout_expires_in_seconds: lockout,
            verification_attempts_remaining: Some(attempts_left),
            created_at: user.created_at,
            updated_at: user.updated_at,
            delete_self_enabled: user.delete_self_enabled,
            create_organization_enabled: user.create_organization_enabled,
            create_organizations_limit: user.create_organizations_limit,
            last_active_at: user.last_active_at,
            legal_accepted_at: user.legal_accepted_at,
            bypass_client_trust: user.bypass_client_trust,
        }
        .serialize(serializer)
    }
}

/// The kinds of identifier a user can have several of.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Kind {
    Email,
    Phone,
    Wallet,
}

impl Kind {
    /// As a parameter, and in words.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Email => ("email_address", "email address"),
            Self::Phone => ("phone_number", "phone number"),
            Self::Wallet => ("web3_wallet", "web3 wallet"),
        }
    }
}

struct Identifiers<'a> {
    kind: Kind,
    list: &'a [Identifier],
}

impl Serialize for Identifiers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.list.len()))?;
        for identifier in self.list {
            list.serialize_element(&identifier_body(self.kind, identifier))?;
        }
        list.end()
    }
}

pub(crate) fn identifier_body(kind: Kind, identifier: &Identifier) -> Value {
    let verification = verification_body(kind, identifier);
    let mut body = match kind {
        Kind::Email => json!({
            "object": "email_address",
            "email_address": identifier.value,
            "reserved": identifier.reserved,
            "linked_to": [],
            "matches_sso_connection": false,
        }),
        Kind::Phone => json!({
            "object": "phone_number",
            "phone_number": identifier.value,
            "reserved_for_second_factor": false,
            "default_second_factor": false,
            "reserved": identifier.reserved,
            "linked_to": [],
        }),
        Kind::Wallet => json!({ "object": "web3_wallet", "web3_wallet": identifier.value }),
    };
    body["id"] = json!(identifier.id);
    body["verification"] = verification;
    body["created_at"] = json!(identifier.created_at);
    body["updated_at"] = json!(identifier.updated_at);
    body
}

fn verification_body(kind: Kind, identifier: &Identifier) -> Value {
    let (object, code_strategy) = match kind {
        Kind::Email => ("verification_otp", "email_code"),
        Kind::Phone => ("verification_otp", "phone_code"),
        Kind::Wallet => ("verification_web3", "web3_metamask_signature"),
    };
    let (object, status, strategy, attempts, expire_at) = match identifier.verification {
        Verification::Admin => ("verification_admin", "verified", "admin", None, None),
        Verification::Code => {
            (object, "verified", code_strategy, Some(1), Some(identifier.created_at + 600_000))
        }
        Verification::Unverified => {
            (object, "unverified", code_strategy, Some(0), Some(identifier.created_at + 600_000))
        }
    };
    json!({
        "object": object,
        "status": status,
        "strategy": strategy,
        "attempts": attempts,
        "expire_at": expire_at,
    })
}
