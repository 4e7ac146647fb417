//! A user and the identifiers that belong to it.

use std::sync::{Arc, LazyLock};

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::password::Password;

pub(crate) const DAY_MS: i64 = 86_400_000;
/// How long Clerk locks an account by default.
pub(crate) const LOCKOUT_MS: i64 = 3_600_000;
/// Attempts before an account is locked.
pub(crate) const ATTEMPTS: u32 = 100;

/// One version of a user; a change makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Arc<str>,
    pub(crate) external_id: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) primary_email_address_id: Option<String>,
    pub(crate) primary_phone_number_id: Option<String>,
    pub(crate) primary_web3_wallet_id: Option<String>,
    /// The uploaded picture; without one the avatar is drawn from the initials.
    pub(crate) image_url: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) email_addresses: Vec<Identifier>,
    pub(crate) phone_numbers: Vec<Identifier>,
    pub(crate) web3_wallets: Vec<Identifier>,
    pub(crate) external_accounts: Vec<Value>,
    pub(crate) password: Option<Password>,
    pub(crate) password_last_updated_at: Option<i64>,
    pub(crate) totp_enabled: bool,
    pub(crate) backup_code_enabled: bool,
    pub(crate) mfa_enabled_at: Option<i64>,
    pub(crate) mfa_disabled_at: Option<i64>,
    pub(crate) legal_accepted_at: Option<i64>,
    pub(crate) last_sign_in_at: Option<i64>,
    pub(crate) last_active_at: Option<i64>,
    pub(crate) banned: bool,
    pub(crate) locked_until: Option<i64>,
    pub(crate) failed_attempts: u32,
    pub(crate) delete_self_enabled: bool,
    pub(crate) create_organization_enabled: bool,
    pub(crate) create_organizations_limit: Option<i64>,
    pub(crate) bypass_client_trust: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// The three documents an app may keep with a user, each a JSON object. They are kept as they are written, because that
/// is done far more often than they change, and are shared by the versions of a user and by users made in bulk.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) public: Arc<RawValue>,
    pub(crate) private: Arc<RawValue>,
    pub(crate) unsafe_: Arc<RawValue>,
}

/// Most documents are empty, and a million users are to fit into memory.
static NOTHING: LazyLock<Arc<RawValue>> = LazyLock::new(|| document(&Map::new()));

impl Default for Metadata {
    fn default() -> Self {
        let nothing = || Arc::clone(&NOTHING);
        Self { public: nothing(), private: nothing(), unsafe_: nothing() }
    }
}

/// A document as it is kept.
pub(crate) fn document(members: &Map<String, Value>) -> Arc<RawValue> {
    // Nothing in a map of JSON values cannot be written.
    to_raw_value(members).unwrap_or_else(|_| RawValue::NULL.to_owned()).into()
}

/// The members of a document.
pub(crate) fn members(document: &RawValue) -> Map<String, Value> {
    serde_json::from_str(document.get()).unwrap_or_default()
}

/// An e-mail address, a phone number or a wallet.
#[derive(Clone, Debug)]
pub(crate) struct Identifier {
    pub(crate) id: String,
    pub(crate) value: String,
    pub(crate) verification: Verification,
    pub(crate) reserved: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// How an identifier was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verification {
    /// By an administrator, through the Backend API.
    Admin,
    /// By a code the user typed.
    Code,
    /// Not yet.
    Unverified,
}

impl User {
    pub(crate) fn blank(id: Arc<str>, now_ms: i64) -> Self {
        Self {
            id,
            external_id: None,
            username: None,
            first_name: None,
            last_name: None,
            locale: None,
            primary_email_address_id: None,
            primary_phone_number_id: None,
            primary_web3_wallet_id: None,
            image_url: None,
            metadata: Metadata::default(),
            email_addresses: Vec::new(),
            phone_numbers: Vec::new(),
            web3_wallets: Vec::new(),
            external_accounts: Vec::new(),
            password: None,
            password_last_updated_at: None,
            totp_enabled: false,
            backup_code_enabled: false,
            mfa_enabled_at: None,
            mfa_disabled_at: None,
            legal_accepted_at: None,
            last_sign_in_at: None,
            last_active_at: None,
            banned: false,
            locked_until: None,
            failed_attempts: 0,
            delete_self_enabled: true,
            create_organization_enabled: true,
            create_organizations_limit: None,
            bypass_client_trust: false,
            created_at: now_ms,
            updated_at: now_ms,
        }
    }

    pub(crate) fn primary_email(&self) -> Option<&str> {
        primary(&self.email_addresses, self.primary_email_address_id.as_deref())
    }

    pub(crate) fn primary_phone(&self) -> Option<&str> {
        primary(&self.phone_numbers, self.primary_phone_number_id.as_deref())
    }

    pub(crate) fn primary_wallet(&self) -> Option<&str> {
        primary(&self.web3_wallets, self.primary_web3_wallet_id.as_deref())
    }

    /// Seconds until the account opens again.
    pub(crate) fn lockout_seconds(&self, now_ms: i64) -> Option<i64> {
        self.locked_until.filter(|until| *until > now_ms).map(|until| (until - now_ms + 999) / 1_000)
    }

    pub(crate) fn initials(&self) -> String {
        let first = |name: &Option<String>| name.as_ref().and_then(|name| name.chars().next());
        [first(&self.first_name), first(&self.last_name)]
            .into_iter()
            .flatten()
            .collect::<String>()
            .to_uppercase()
    }
}

fn primary<'a>(identifiers: &'a [Identifier], id: Option<&str>) -> Option<&'a str> {
    let id = id?;
    identifiers.iter().find(|identifier| identifier.id == id).map(|identifier| identifier.value.as_str())
}

/// Clerk keeps the last activity to the day.
pub(crate) fn day_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(DAY_MS)
}
