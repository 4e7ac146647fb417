//! Where a column's value comes from in Clerk's user.

use super::{Kind, Value};
use std::fmt;

/// A place in Clerk's user, or a value derived from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A field by its path: object keys, and positions in arrays.
    Path(Vec<String>),
    /// The address whose id is `primary_email_address_id`. Null where there is none. It may be unverified.
    PrimaryEmailAddress,
    /// Whether that address is verified. Null where there is none.
    PrimaryEmailVerified,
    /// The number whose id is `primary_phone_number_id` (E.164). Null where there is none.
    PrimaryPhoneNumber,
    /// The wallet whose id is `primary_web3_wallet_id`. Null where there is none.
    PrimaryWeb3Wallet,
    /// `first_name` and `last_name`, those that exist, joined by a space. Null if neither does.
    FullName,
    /// Nowhere in Clerk's user: every row holds this value.
    Constant(Value),
}

/// A text that names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// Nothing between two dots, or nothing at all.
    #[error("a source is a path of names separated by dots, such as public_metadata.plan")]
    EmptySegment,
    /// A quote that does not end, or text right behind one.
    #[error("a quoted name in a source ends with a quote, followed by a dot or the end")]
    Quote,
}

const DERIVED: [(&str, Source); 5] = [
    ("primary_email_address", Source::PrimaryEmailAddress),
    ("primary_email_verified", Source::PrimaryEmailVerified),
    ("primary_phone_number", Source::PrimaryPhoneNumber),
    ("primary_web3_wallet", Source::PrimaryWeb3Wallet),
    ("full_name", Source::FullName),
];

/// Fields that Clerk moves without a new `updated_at`: they refresh with other changes and stay outside the digest.
const VOLATILE: [&str; 3] =
    ["last_active_at", "lockout_expires_in_seconds", "verification_attempts_remaining"];

/// Documents of which only the first is meant for everyone's eyes.
pub(super) const PUBLIC_METADATA: &str = "public_metadata";
const PRIVATE_METADATA: &str = "private_metadata";
pub(super) const GUARDED: [&str; 2] = [PRIVATE_METADATA, "unsafe_metadata"];

impl Source {
    /// Reads a source as it is written in the settings: `id`, `primary_email_address`, `public_metadata.plan`,
    /// `public_metadata."a.b"`.
    ///
    /// # Errors
    /// Where a name is empty or a quote is not closed.
    pub fn parse(text: &str) -> Result<Self, InvalidSource> {
        let derived = DERIVED.iter().find(|(name, _)| *name == text);
        match derived {
            Some((_, source)) => Ok(source.clone()),
            None => split_path(text).map(Self::Path),
        }
    }

    /// The kind a column has when the settings name none: as Clerk's contract types the field, else text.
    pub fn default_kind(&self) -> Kind {
        let path = match self {
            Self::PrimaryEmailVerified => return Kind::Boolean,
            Self::Constant(value) => return value.kind().unwrap_or(Kind::Text),
            Self::Path(path) => path.as_slice(),
            _ => return Kind::Text,
        };
        match path {
            [field] => field_kind(field),
            _ => Kind::Text,
        }
    }

    /// Whether the value comes from the document that only the backend may see.
    pub fn is_private(&self) -> bool {
        matches!(self, Self::Path(path) if path.first().is_some_and(|field| field == PRIVATE_METADATA))
    }

    /// Whether this is the user's id, the key of the table.
    pub fn is_id(&self) -> bool {
        matches!(self, Self::Path(path) if path.len() == 1 && path[0] == "id")
    }

    /// Whether the value moves without Clerk's `updated_at`.
    pub fn is_volatile(&self) -> bool {
        matches!(self, Self::Path(path) if path.len() == 1 && VOLATILE.contains(&path[0].as_str()))
    }

    /// The guarded document (`private_metadata`, `unsafe_metadata`) that this reads from, if any.
    pub fn guarded(&self) -> Option<&str> {
        let Self::Path(path) = self else { return None };
        if path.first().is_some_and(|field| field == PUBLIC_METADATA) {
            return None;
        }
        path.iter().map(String::as_str).find(|segment| GUARDED.contains(segment))
    }
}

fn field_kind(field: &str) -> Kind {
    match field {
        "has_image" | "banned" | "locked" | "deprovisioned" | "bypass_client_trust" => Kind::Boolean,
        "password_enabled" | "two_factor_enabled" | "totp_enabled" | "backup_code_enabled" => Kind::Boolean,
        "delete_self_enabled" | "create_organization_enabled" => Kind::Boolean,
        "created_at" | "updated_at" | "last_sign_in_at" | "last_active_at" => Kind::Timestamp,
        "legal_accepted_at" | "password_last_updated_at" => Kind::Timestamp,
        "mfa_enabled_at" | "mfa_disabled_at" => Kind::Timestamp,
        "lockout_expires_in_seconds" | "verification_attempts_remaining" => Kind::Integer,
        "create_organizations_limit" => Kind::Integer,
        "public_metadata" | "private_metadata" | "unsafe_metadata" | "scim" => Kind::Json,
        "email_addresses" | "phone_numbers" | "web3_wallets" | "passkeys" => Kind::Json,
        "external_accounts" | "saml_accounts" | "enterprise_accounts" => Kind::Json,
        "organization_memberships" => Kind::Json,
        _ => Kind::Text,
    }
}

/// A path as it is written: names separated by dots, quoted where they hold one.
pub(super) fn split_path(text: &str) -> Result<Vec<String>, InvalidSource> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let (segment, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or(InvalidSource::Quote)?,
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if segment.is_empty()
            || segment.trim() != segment
            || (!rest.starts_with('"') && segment.contains('"'))
        {
            return Err(if segment.contains('"') {
                InvalidSource::Quote
            } else {
                InvalidSource::EmptySegment
            });
        }
        path.push(segment.to_owned());
        if behind.is_empty() {
            return Ok(path);
        }
        rest = behind.strip_prefix('.').ok_or(InvalidSource::Quote)?;
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Constant(value) = self {
            return write!(f, "constant {}", value.to_json());
        }
        let Self::Path(path) = self else {
            let name = DERIVED.iter().find(|(_, source)| source == self).map_or("", |(name, _)| name);
            return f.write_str(name);
        };
        for (i, segment) in path.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            let quote = if segment.contains('.') { "\"" } else { "" };
            write!(f, "{dot}{quote}{segment}{quote}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("id", &["id"])]
    #[case("public_metadata.plan", &["public_metadata", "plan"])]
    #[case("public_metadata.\"a.b\".c", &["public_metadata", "a.b", "c"])]
    #[case("email_addresses.0.email_address", &["email_addresses", "0", "email_address"])]
    fn paths_are_read_and_written_alike(#[case] text: &str, #[case] path: &[&str]) {
        let source = Source::parse(text).expect("a path");
        assert_eq!(source, Source::Path(path.iter().map(|&s| s.to_owned()).collect()));
        assert_eq!(source.to_string(), text);
    }

    #[rstest]
    #[case("primary_email_address", Source::PrimaryEmailAddress)]
    #[case("primary_email_verified", Source::PrimaryEmailVerified)]
    #[case("primary_phone_number", Source::PrimaryPhoneNumber)]
    #[case("primary_web3_wallet", Source::PrimaryWeb3Wallet)]
    #[case("full_name", Source::FullName)]
    fn derived_sources_have_names(#[case] text: &str, #[case] source: Source) {
        assert_eq!(Source::parse(text), Ok(source.clone()));
        assert_eq!(source.to_string(), text);
    }

    #[rstest]
    #[case("", InvalidSource::EmptySegment)]
    #[case("a..b", InvalidSource::EmptySegment)]
    #[case("a.", InvalidSource::EmptySegment)]
    #[case(".a", InvalidSource::EmptySegment)]
    #[case("a b. c", InvalidSource::EmptySegment)]
    #[case("\"\"", InvalidSource::EmptySegment)]
    #[case("\"a", InvalidSource::Quote)]
    #[case("\"a\"b", InvalidSource::Quote)]
    #[case("a\"b", InvalidSource::Quote)]
    fn what_is_no_path_is_refused(#[case] text: &str, #[case] error: InvalidSource) {
        assert_eq!(Source::parse(text), Err(error));
    }

    #[rstest]
    #[case("private_metadata", Some("private_metadata"))]
    #[case("unsafe_metadata.a", Some("unsafe_metadata"))]
    #[case("organization_memberships.0.private_metadata", Some("private_metadata"))]
    #[case("public_metadata.private_metadata", None)]
    #[case("id", None)]
    #[case("full_name", None)]
    fn guarded_documents_are_recognised(#[case] text: &str, #[case] guarded: Option<&str>) {
        assert_eq!(Source::parse(text).expect("a source").guarded(), guarded);
    }

    #[rstest]
    #[case("id", Kind::Text)]
    #[case("primary_email_verified", Kind::Boolean)]
    #[case("primary_email_address", Kind::Text)]
    #[case("full_name", Kind::Text)]
    #[case("public_metadata", Kind::Json)]
    #[case("public_metadata.plan", Kind::Text)]
    #[case("banned", Kind::Boolean)]
    #[case("locked", Kind::Boolean)]
    #[case("two_factor_enabled", Kind::Boolean)]
    #[case("delete_self_enabled", Kind::Boolean)]
    #[case("created_at", Kind::Timestamp)]
    #[case("last_sign_in_at", Kind::Timestamp)]
    #[case("legal_accepted_at", Kind::Timestamp)]
    #[case("mfa_enabled_at", Kind::Timestamp)]
    #[case("verification_attempts_remaining", Kind::Integer)]
    #[case("create_organizations_limit", Kind::Integer)]
    #[case("email_addresses", Kind::Json)]
    #[case("external_accounts", Kind::Json)]
    #[case("organization_memberships", Kind::Json)]
    #[case("a_field_of_tomorrow", Kind::Text)]
    fn kinds_follow_the_contract(#[case] text: &str, #[case] kind: Kind) {
        assert_eq!(Source::parse(text).expect("a source").default_kind(), kind);
    }

    #[rstest]
    #[case("last_active_at", true)]
    #[case("lockout_expires_in_seconds", true)]
    #[case("verification_attempts_remaining", true)]
    #[case("last_sign_in_at", false)]
    #[case("public_metadata.last_active_at", false)]
    fn volatile_fields_are_known(#[case] text: &str, #[case] volatile: bool) {
        assert_eq!(Source::parse(text).expect("a source").is_volatile(), volatile);
    }

    #[rstest]
    #[case("id", true)]
    #[case("external_id", false)]
    #[case("public_metadata.id", false)]
    fn only_the_id_is_the_key(#[case] text: &str, #[case] is_id: bool) {
        assert_eq!(Source::parse(text).expect("a source").is_id(), is_id);
    }
}
