//! The names of a table and what a deletion does to its rows.

use std::fmt;

/// The longest name of a table or column, in bytes: PostgreSQL cuts longer ones silently.
const MAX_NAME_BYTES: usize = 63;

/// A table, perhaps in a named schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema (PostgreSQL), database (MySQL) or attached database (SQLite); `None` for the connection's own.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

/// A text that cannot name a table or column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing, or nothing on one side of the dot.
    #[error("a name must not be empty")]
    Empty,
    /// Longer than 63 bytes.
    #[error("a name has at most {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// Control characters, or spaces at an end.
    #[error("a name has no control characters, and no space at its ends")]
    Character,
    /// More than one dot.
    #[error("write a table as name or schema.name")]
    Dots,
    /// One of the tables that clerk-sync keeps for itself.
    #[error("names that begin with clerk_sync_ are clerk-sync's own")]
    Reserved,
}

impl TableName {
    /// Reads `users` or `app.users`.
    ///
    /// # Errors
    /// See [`InvalidName`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        if name.contains('.') {
            return Err(InvalidName::Dots);
        }
        schema.map_or(Ok(()), check_name)?;
        check_name(name)?;
        if name.to_lowercase().starts_with("clerk_sync_") {
            return Err(InvalidName::Reserved);
        }
        Ok(Self { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    /// The name quoted for SQL, each part between `quote` characters.
    pub fn quoted(&self, quote: char) -> String {
        let name = quoted(&self.name, quote);
        match &self.schema {
            Some(schema) => format!("{}.{name}", quoted(schema, quote)),
            None => name,
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A name quoted for SQL.
pub(crate) fn quoted(name: &str, quote: char) -> String {
    let doubled = name.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}

pub(super) fn check_name(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(InvalidName::TooLong);
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Err(InvalidName::Character);
    }
    Ok(())
}

/// What a deletion in Clerk does to the row. The tombstone is kept in the ledger in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnDelete {
    /// The row is deleted.
    Delete,
    /// `deleted_at` is set.
    Mark,
    /// Columns are replaced.
    Anonymize,
    /// The row stays as it was.
    Keep,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("users", None, "users")]
    #[case("app.users", Some("app"), "users")]
    #[case("My Table", None, "My Table")]
    #[case("ユーザー", None, "ユーザー")]
    fn names_are_read_and_written_alike(
        #[case] text: &str,
        #[case] schema: Option<&str>,
        #[case] name: &str,
    ) {
        let table = TableName::parse(text).expect("a name");
        assert_eq!((table.schema.as_deref(), table.name.as_str()), (schema, name));
        assert_eq!(table.to_string(), text);
    }

    #[rstest]
    #[case("", InvalidName::Empty)]
    #[case(".users", InvalidName::Empty)]
    #[case("app.", InvalidName::Empty)]
    #[case("a.b.c", InvalidName::Dots)]
    #[case("us\u{0}ers", InvalidName::Character)]
    #[case(" users", InvalidName::Character)]
    #[case("clerk_sync_users", InvalidName::Reserved)]
    #[case("app.Clerk_Sync_x", InvalidName::Reserved)]
    fn what_is_no_name_is_refused(#[case] text: &str, #[case] error: InvalidName) {
        assert_eq!(TableName::parse(text), Err(error));
    }

    #[test]
    fn the_longest_name_has_63_bytes() {
        assert!(TableName::parse(&"a".repeat(63)).is_ok());
        assert_eq!(TableName::parse(&"a".repeat(64)), Err(InvalidName::TooLong));
    }

    #[test]
    fn quotes_inside_a_name_are_doubled() {
        let table = TableName { schema: Some("a\"b".to_owned()), name: "c`d".to_owned() };
        assert_eq!(table.quoted('"'), "\"a\"\"b\".\"c`d\"");
        assert_eq!(table.quoted('`'), "`a\"b`.`c``d`");
    }
}
