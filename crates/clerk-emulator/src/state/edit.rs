//! One change to a user. Creating a user is a list of them applied to a blank one.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::id::IdSource;
use crate::refusal::Refusal;

use super::password::Password;
use super::user::{Identifier, LOCKOUT_MS, User, Verification, day_of, document, members};
use super::user_body::Kind;

#[derive(Clone, Debug)]
pub(crate) enum Edit {
    ExternalId(Option<String>),
    Username(Option<String>),
    FirstName(Option<String>),
    LastName(Option<String>),
    Locale(Option<String>),
    Add {
        kind: Kind,
        value: String,
        verification: Verification,
        reserved: bool,
        primary: bool,
    },
    /// By value or by id.
    Remove {
        kind: Kind,
        which: String,
    },
    /// By value or by id.
    Primary {
        kind: Kind,
        which: Option<String>,
    },
    Verified {
        which: String,
        verified: bool,
    },
    ExternalAccount(Value),
    Password(Option<String>),
    /// A digest that another system made.
    PasswordDigest,
    SetMetadata {
        document: Document,
        value: Map<String, Value>,
    },
    MergeMetadata {
        document: Document,
        value: Map<String, Value>,
    },
    Image(Option<String>),
    Totp(bool),
    BackupCodes(bool),
    LegalAcceptedAt(Option<i64>),
    DeleteSelfEnabled(bool),
    CreateOrganizationEnabled(bool),
    CreateOrganizationsLimit(Option<i64>),
    BypassClientTrust(bool),
    CreatedAt(i64),
    UpdatedAt(i64),
    Banned(bool),
    Locked(bool),
    FailedAttempts(u32),
    LastSignInAt(Option<i64>),
    LastActiveAt(Option<i64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Public,
    Private,
    Unsafe,
}

/// What an edit may need besides the user.
pub(crate) struct Editing<'a> {
    pub(crate) ids: &'a mut IdSource,
    pub(crate) now_ms: i64,
}

impl Edit {
    /// Whether it moves without `updated_at`, as activity and lockout counters do.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::LastActiveAt(_) | Self::LastSignInAt(_) | Self::FailedAttempts(_))
    }

    pub(crate) fn apply(self, user: &mut User, editing: &mut Editing<'_>) -> Result<(), Refusal> {
        let now_ms = editing.now_ms;
        match self {
            Self::ExternalId(value) => user.external_id = value,
            Self::Username(value) => user.username = value,
            Self::FirstName(value) => user.first_name = value,
            Self::LastName(value) => user.last_name = value,
            Self::Locale(value) => user.locale = value,
            Self::Add { kind, value, verification, reserved, primary } => {
                let id = editing.ids.make("idn", now_ms);
                let (list, chosen) = identifiers(user, kind);
                if list.iter().any(|other| other.value.eq_ignore_ascii_case(&value)) {
                    let (param, what) = kind.names();
                    return Err(Refusal::identifier_exists(param, what));
                }
                if primary || chosen.is_none() {
                    *chosen = Some(id.clone());
                }
                let identifier =
                    Identifier { id, value, verification, reserved, created_at: now_ms, updated_at: now_ms };
                list.push(identifier);
            }
            Self::Remove { kind, which } => {
                let (list, chosen) = identifiers(user, kind);
                let removed = list.remove(position(list, &which)?);
                if chosen.as_ref() == Some(&removed.id) {
                    *chosen = list.first().map(|identifier| identifier.id.clone());
                }
            }
            Self::Primary { kind, which } => {
                let (list, chosen) = identifiers(user, kind);
                *chosen = match which {
                    Some(which) => Some(list[position(list, &which)?].id.clone()),
                    None => None,
                };
            }
            Self::Verified { which, verified } => {
                let place = position(&user.email_addresses, &which)?;
                let address = &mut user.email_addresses[place];
                address.verification = if verified { Verification::Admin } else { Verification::Unverified };
                address.updated_at = now_ms;
            }
            Self::ExternalAccount(account) => user.external_accounts.push(account),
            Self::Password(password) => {
                let salt = editing.ids.bytes();
                user.password = password.map(|password| Password::new(&password, salt));
                user.password_last_updated_at = Some(now_ms);
            }
            Self::PasswordDigest => {
                user.password = Some(Password::of_other_system());
                user.password_last_updated_at = Some(now_ms);
            }
            Self::SetMetadata { document: which, value } => *metadata(user, which) = document(&value),
            Self::MergeMetadata { document: which, value } => {
                let kept = metadata(user, which);
                let mut merged = members(kept);
                merge(&mut merged, value);
                *kept = document(&merged);
            }
            Self::Image(url) => user.image_url = url,
            Self::Totp(enabled) => {
                let moment = if enabled { &mut user.mfa_enabled_at } else { &mut user.mfa_disabled_at };
                *moment = Some(now_ms);
                user.totp_enabled = enabled;
            }
            Self::BackupCodes(enabled) => user.backup_code_enabled = enabled,
            Self::LegalAcceptedAt(at) => user.legal_accepted_at = at,
            Self::DeleteSelfEnabled(enabled) => user.delete_self_enabled = enabled,
            Self::CreateOrganizationEnabled(enabled) => user.create_organization_enabled = enabled,
            Self::CreateOrganizationsLimit(limit) => user.create_organizations_limit = limit,
            Self::BypassClientTrust(bypass) => user.bypass_client_trust = bypass,
            Self::CreatedAt(at) => user.created_at = at,
            Self::UpdatedAt(at) => user.updated_at = at,
            Self::Banned(banned) => user.banned = banned,
            Self::Locked(locked) => {
                user.locked_until = locked.then_some(now_ms + LOCKOUT_MS);
                if !locked {
                    user.failed_attempts = 0;
                }
            }
            Self::FailedAttempts(attempts) => user.failed_attempts = attempts,
            Self::LastSignInAt(at) => user.last_sign_in_at = at,
            Self::LastActiveAt(at) => user.last_active_at = at.map(day_of),
        }
        Ok(())
    }
}

fn identifiers(user: &mut User, kind: Kind) -> (&mut Vec<Identifier>, &mut Option<String>) {
    match kind {
        Kind::Email => (&mut user.email_addresses, &mut user.primary_email_address_id),
        Kind::Phone => (&mut user.phone_numbers, &mut user.primary_phone_number_id),
        Kind::Wallet => (&mut user.web3_wallets, &mut user.primary_web3_wallet_id),
    }
}

fn position(list: &[Identifier], which: &str) -> Result<usize, Refusal> {
    list.iter()
        .position(|identifier| identifier.id == which || identifier.value.eq_ignore_ascii_case(which))
        .ok_or_else(|| Refusal::not_found(format!("{which} does not belong to this user")))
}

fn metadata(user: &mut User, document: Document) -> &mut Arc<RawValue> {
    match document {
        Document::Public => &mut user.metadata.public,
        Document::Private => &mut user.metadata.private,
        Document::Unsafe => &mut user.metadata.unsafe_,
    }
}

/// Objects are merged at every depth, `null` deletes a key, everything else replaces.
pub(crate) fn merge(target: &mut Map<String, Value>, change: Map<String, Value>) {
    for (key, value) in change {
        match value {
            Value::Null => {
                target.remove(&key);
            }
            Value::Object(change) => {
                let entry = target.entry(key).or_insert_with(|| Value::Object(Map::new()));
                if !entry.is_object() {
                    *entry = Value::Object(Map::new());
                }
                if let Value::Object(target) = entry {
                    merge(target, change);
                }
            }
            value => {
                target.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn merging_goes_deep_and_null_deletes() {
        let mut target = object(json!({ "plan": "free", "flags": { "a": 1, "b": 2 }, "list": [1, 2] }));
        let change = json!({ "plan": null, "flags": { "b": null, "c": { "d": 3, "e": null } }, "list": [3] });
        merge(&mut target, object(change));
        assert_eq!(Value::Object(target), json!({ "flags": { "a": 1, "c": { "d": 3 } }, "list": [3] }));
    }

    #[test]
    fn removing_the_primary_address_leaves_the_next_one() {
        let mut ids = IdSource::new(1);
        let mut user = User::blank("user_1".into(), 1_000);
        let mut editing = Editing { ids: &mut ids, now_ms: 1_000 };
        for value in ["a@example.com", "b@example.com"] {
            let edit = Edit::Add {
                kind: Kind::Email,
                value: value.to_owned(),
                verification: Verification::Admin,
                reserved: false,
                primary: false,
            };
            edit.apply(&mut user, &mut editing).unwrap();
        }
        assert_eq!(user.primary_email(), Some("a@example.com"));
        let edit = Edit::Remove { kind: Kind::Email, which: "A@example.com".to_owned() };
        edit.apply(&mut user, &mut editing).unwrap();
        assert_eq!(user.primary_email(), Some("b@example.com"));
    }
}
