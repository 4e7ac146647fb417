//! A user as the Backend API and the webhooks show it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

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
        let drawn = Avatar {
            iid: self.instance_id,
            initials: &self.user.initials(),
            rid: &self.user.id,
            kind: "default",
        };
        let mut url = String::with_capacity(224);
        url.push_str("https://img.clerk.com/");
        STANDARD_NO_PAD.encode_string(serde_json::to_vec(&drawn).unwrap_or_default(), &mut url);
        url
    }
}

/// What the address of a drawn picture says.
#[derive(Serialize)]
struct Avatar<'a> {
    iid: &'a str,
    initials: &'a str,
    rid: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
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
    public_metadata: &'a RawValue,
    private_metadata: &'a RawValue,
    unsafe_metadata: &'a RawValue,
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
            list.serialize_element(&IdentifierFields::of(self.kind, identifier))?;
        }
        list.end()
    }
}

/// Those that an identifier's kind does not have are left out.
#[derive(Serialize)]
struct IdentifierFields<'a> {
    id: &'a str,
    object: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web3_wallet: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_for_second_factor: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_second_factor: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<bool>,
    verification: VerificationFields,
    #[serde(skip_serializing_if = "Option::is_none")]
    linked_to: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches_sso_connection: Option<bool>,
    created_at: i64,
    updated_at: i64,
}

#[derive(Serialize)]
struct VerificationFields {
    object: &'static str,
    status: &'static str,
    strategy: &'static str,
    attempts: Option<u32>,
    expire_at: Option<i64>,
}

impl<'a> IdentifierFields<'a> {
    fn of(kind: Kind, identifier: &'a Identifier) -> Self {
        let value = |wanted: Kind| (kind == wanted).then_some(identifier.value.as_str());
        let phone = (kind == Kind::Phone).then_some(false);
        Self {
            id: &identifier.id,
            object: kind.names().0,
            email_address: value(Kind::Email),
            phone_number: value(Kind::Phone),
            web3_wallet: value(Kind::Wallet),
            reserved_for_second_factor: phone,
            default_second_factor: phone,
            reserved: (kind != Kind::Wallet).then_some(identifier.reserved),
            verification: VerificationFields::of(kind, identifier),
            linked_to: (kind != Kind::Wallet).then_some([]),
            matches_sso_connection: (kind == Kind::Email).then_some(false),
            created_at: identifier.created_at,
            updated_at: identifier.updated_at,
        }
    }
}

impl VerificationFields {
    fn of(kind: Kind, identifier: &Identifier) -> Self {
        let (object, code_strategy) = match kind {
            Kind::Email => ("verification_otp", "email_code"),
            Kind::Phone => ("verification_otp", "phone_code"),
            Kind::Wallet => ("verification_web3", "web3_metamask_signature"),
        };
        let expire_at = Some(identifier.created_at + 600_000);
        let (object, status, strategy, attempts, expire_at) = match identifier.verification {
            Verification::Admin => ("verification_admin", "verified", "admin", None, None),
            Verification::Code => (object, "verified", code_strategy, Some(1), expire_at),
            Verification::Unverified => (object, "unverified", code_strategy, Some(0), expire_at),
        };
        Self { object, status, strategy, attempts, expire_at }
    }
}

pub(crate) fn identifier_body(kind: Kind, identifier: &Identifier) -> Value {
    serde_json::to_value(IdentifierFields::of(kind, identifier)).unwrap_or(Value::Null)
}
