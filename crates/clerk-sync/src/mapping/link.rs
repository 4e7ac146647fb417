//! Rows that were there before: by what a user's row is recognized, and where the table holds it.

use super::{Column, MappingError, Source, Value, table};
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use super::{Overflow, Storage};

/// What tells whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkBy {
    /// Clerk's `external_id`: the id that the user had in the app before. Clerk gives one to at most one user.
    ExternalId,
    /// The primary e-mail address, if Clerk has verified it. Safe only where the app has verified the addresses of its
    /// rows too: otherwise whoever wrote somebody else's address into his row hands that row to its owner, or takes it over.
    VerifiedEmail,
}

impl LinkBy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ExternalId, Self::VerifiedEmail];

    /// The name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExternalId => "external_id",
            Self::VerifiedEmail => "verified_email",
        }
    }

    /// The source whose column holds it, if one is mapped.
    fn source(self) -> Source {
        match self {
            Self::ExternalId => Source::Path(vec!["external_id".to_owned()]),
            Self::VerifiedEmail => Source::PrimaryEmailAddress,
        }
    }
}

/// How rows that were there before get their users, as the settings say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSpec {
    /// What tells whose row it is.
    pub by: LinkBy,
    /// The column that holds it; `None`: the one that is mapped from it.
    pub column: Option<String>,
}

/// The same, checked against the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What tells whose row it is.
    pub by: LinkBy,
    /// The column that holds it, as it is spelled in the database. It need not be mapped.
    pub column: String,
}

impl Link {
    /// `key`: the column that holds the user's id. `creates`: whether we make the table.
    pub(super) fn try_new(
        spec: LinkSpec,
        columns: &[Column],
        key: &str,
        creates: bool,
        has_claims: bool,
    ) -> Result<Self, MappingError> {
        if creates {
            return Err(MappingError::NothingToLink);
        }
        if has_claims {
            return Err(MappingError::LinkFromClaims);
        }
        let source = spec.by.source();
        let mapped = columns.iter().find(|column| column.source == source);
        let column = spec.column.or_else(|| mapped.map(|column| column.name.clone()));
        let Some(column) = column else { return Err(MappingError::NoLinkColumn(spec.by.name())) };
        table::check_name(&column).map_err(|error| MappingError::Name(column.clone(), error))?;
        if column.to_lowercase() == key.to_lowercase() {
            return Err(MappingError::LinkIsKey(column));
        }
        Ok(Self { by: spec.by, column })
    }
}

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
impl Storage {
    /// What a column that is held so would hold for `text`; `None` where it cannot hold it, so that no row can match.
    pub(crate) fn of_text(self, text: &str) -> Option<Value> {
        match self {
            Self::Integer { .. } => {
                let number: i64 = text.parse().ok()?;
                // `+7` and `007` are other ids than 7.
                let value = (number.to_string() == text).then_some(Value::Integer(number))?;
                self.fit(value, Overflow::Error).ok()
            }
            Self::Text { nul: false, .. } if text.contains('\0') => None,
            Self::Text { .. } | Self::Uuid => self.fit(Value::Text(text.to_owned()), Overflow::Error).ok(),
            _ => None,
        }
    }
}

/// The text that a user's row is recognized by; `None` where Clerk has none.
pub(super) fn text_of(value: Value) -> Option<Box<str>> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn link(by: LinkBy, column: Option<&str>, mapped: &[(&str, &str)]) -> Result<String, String> {
        let columns =
            mapped.iter().map(|(name, source)| Column::from_source(name, source).expect("a source"));
        let columns: Vec<_> = columns.collect();
        let spec = LinkSpec { by, column: column.map(str::to_owned) };
        let link = Link::try_new(spec, &columns, "clerk_id", false, false);
        link.map(|link| link.column).map_err(|error| error.to_string())
    }

    #[test]
    fn the_column_is_named_or_the_one_that_is_mapped_from_it() {
        let mapped = [("clerk_id", "id"), ("legacy", "external_id"), ("mail", "primary_email_address")];
        assert_eq!(link(LinkBy::ExternalId, Some("id"), &mapped).as_deref(), Ok("id"));
        assert_eq!(link(LinkBy::ExternalId, None, &mapped).as_deref(), Ok("legacy"));
        assert_eq!(link(LinkBy::VerifiedEmail, None, &mapped).as_deref(), Ok("mail"));
        let none = link(LinkBy::ExternalId, None, &mapped[..1]).unwrap_err();
        assert!(none.contains("link_column"), "{none}");
        let key = link(LinkBy::ExternalId, Some("Clerk_Id"), &mapped).unwrap_err();
        assert!(key.contains("Clerk_Id"), "{key}");
        assert!(link(LinkBy::ExternalId, Some(" "), &mapped).is_err());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let spec = || LinkSpec { by: LinkBy::ExternalId, column: Some("id".to_owned()) };
        let refused = |creates, claims| Link::try_new(spec(), &[], "clerk_id", creates, claims).unwrap_err();
        assert_eq!(refused(true, false), MappingError::NothingToLink);
        assert_eq!(refused(false, true), MappingError::LinkFromClaims);
    }

    #[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
    #[rstest]
    #[case(Storage::Integer { min: 0, max: 100 }, "42", Some(Value::Integer(42)))]
    #[case(Storage::Integer { min: -9, max: 100 }, "-7", Some(Value::Integer(-7)))]
    #[case(Storage::Integer { min: 0, max: 100 }, "101", None)]
    #[case(Storage::Integer { min: 0, max: 100 }, "042", None)]
    #[case(Storage::Integer { min: 0, max: 100 }, "+42", None)]
    #[case(Storage::Integer { min: 0, max: 100 }, " 42", None)]
    #[case(Storage::Integer { min: 0, max: 100 }, "42.0", None)]
    #[case(Storage::Integer { min: i64::MIN, max: i64::MAX }, "99999999999999999999", None)]
    #[case(Storage::Uuid, "0193E4D0-7A3B-7C00-8000-0123456789AB", Some(Value::Text("0193e4d0-7a3b-7c00-8000-0123456789ab".to_owned())))]
    #[case(Storage::Uuid, "42", None)]
    #[case(Storage::Text { chars: Some(3), bytes: None, padded: false, nul: true }, "abc", Some(Value::Text("abc".to_owned())))]
    #[case(Storage::Text { chars: Some(3), bytes: None, padded: false, nul: true }, "abcd", None)]
    #[case(Storage::Text { chars: None, bytes: None, padded: false, nul: false }, "a\0", None)]
    #[case(Storage::Boolean { native: true }, "true", None)]
    fn a_text_is_looked_for_as_its_column_holds_it(
        #[case] storage: Storage,
        #[case] text: &str,
        #[case] expected: Option<Value>,
    ) {
        assert_eq!(storage.of_text(text), expected);
    }
}
