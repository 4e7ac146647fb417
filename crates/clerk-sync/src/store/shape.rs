//! What a users table looks like, as a database's catalogue tells it.

use crate::mapping::{Kind, MomentFormat, Storage, TableName};

/// A users table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableShape {
    /// As whoever mends it finds it: with the schema, where our session looks elsewhere than others do.
    pub(super) name: TableName,
    pub(super) columns: Vec<ColumnShape>,
    /// Keys that hold for every row: no partial ones, and none of an expression.
    pub(super) unique: Vec<UniqueKey>,
    /// Columns that an index over every row begins with.
    pub(super) indexed: Vec<String>,
    /// Statements that our role may not run on it: `insert`, `update` ...
    pub(super) denied: Vec<&'static str>,
    /// Columns that a counter fills which our role may not ask, with its name, quoted for SQL.
    pub(super) denied_sequences: Vec<(String, String)>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnShape {
    pub(super) name: String,
    /// The type as the database writes it, without its length: what a value is cast to.
    pub(super) cast: String,
    /// The type as people know it.
    pub(super) type_name: String,
    pub(super) holds: Holds,
    pub(super) nullable: bool,
    /// Whether the database fills it by itself: a default, an identity, a generated value.
    pub(super) filled: bool,
    /// Whether it can be written.
    pub(super) writable: bool,
}

/// What a type can hold.
#[cfg_attr(
    not(all(feature = "postgres", feature = "mysql", feature = "sqlite")),
    expect(dead_code, reason = "each database uses a part")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Text {
        chars: Option<u32>,
        bytes: Option<u32>,
        /// Whether spaces at its end are not told from none.
        padded: bool,
    },
    Uuid,
    /// The words of an enumeration.
    Words,
    /// `boolean`: also the database's own type for a boolean.
    Integer {
        min: i64,
        max: i64,
        boolean: bool,
    },
    Boolean,
    Moment {
        zoned: bool,
        step_ms: i64,
    },
    Json,
    /// Moments as text, by the name of the type: SQLite has none.
    TextMoment,
    /// Nothing that Clerk has.
    Other,
}

/// A primary key, unique constraint or unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UniqueKey {
    /// Its name in the database's messages.
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

impl TableShape {
    pub(super) fn column(&self, name: &str) -> Option<&ColumnShape> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether `column` is unique all by itself.
    pub(super) fn is_unique(&self, column: &str) -> bool {
        self.unique.iter().any(|key| matches!(&key.columns[..], [only] if only == column))
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
/// Digits behind the second, as a step in ms; what is finer than a millisecond is never used.
pub(super) fn step_of_digits(digits: i64) -> i64 {
    match digits {
        ..=0 => 1_000,
        1 => 100,
        2 => 10,
        _ => 1,
    }
}

/// How a column that holds this stores values of a kind; `None` if it cannot. `nul`: whether this database's text can hold
/// U+0000.
pub(super) fn storage(kind: Kind, format: Option<MomentFormat>, holds: Holds, nul: bool) -> Option<Storage> {
    Some(match (kind, holds) {
        (Kind::Text, Holds::Text { chars, bytes, padded }) => Storage::Text { chars, bytes, padded, nul },
        (Kind::Text, Holds::Words) => Storage::Text { chars: None, bytes: None, padded: false, nul },
        (Kind::Text, Holds::Uuid) => Storage::Uuid,
        (Kind::Integer, Holds::Integer { min, max, .. }) => Storage::Integer { min, max },
        (Kind::Boolean, Holds::Boolean) => Storage::Boolean { native: true },
        (Kind::Boolean, Holds::Integer { boolean, .. }) => Storage::Boolean { native: boolean },
        (Kind::Timestamp, Holds::Moment { zoned, step_ms }) if format.is_none() => {
            Storage::Moment { zoned, step_ms }
        }
        (Kind::Timestamp, Holds::Integer { max, .. }) => {
            // Milliseconds do not fit into 32 bits.
            let fitting =
                if max > i64::from(u32::MAX) { MomentFormat::Milliseconds } else { MomentFormat::Seconds };
            let format = format.unwrap_or(fitting);
            let fits = format == MomentFormat::Seconds || fitting == MomentFormat::Milliseconds;
            return (format.is_number() && fits).then_some(Storage::Formatted(format));
        }
        (Kind::Timestamp, Holds::Text { chars, padded: false, .. }) => {
            let format = format.unwrap_or(MomentFormat::Iso);
            let fits = !format.is_number() && chars.is_none_or(|chars| chars >= 24);
            return fits.then_some(Storage::Formatted(format));
        }
        // SQLite takes a number in such a column too.
        (Kind::Timestamp, Holds::TextMoment) => Storage::Formatted(format.unwrap_or(MomentFormat::Iso)),
        (Kind::Text, Holds::TextMoment) => Storage::Text { chars: None, bytes: None, padded: false, nul },
        (Kind::Json, Holds::Json) => Storage::Json { native: true, nul },
        (Kind::Json, Holds::Text { chars: None, .. }) => Storage::Json { native: false, nul },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const TEXT: Holds = Holds::Text { chars: None, bytes: None, padded: false };
    const BIG: Holds = Holds::Integer { min: i64::MIN, max: i64::MAX, boolean: false };
    const SMALL: Holds = Holds::Integer { min: -2_147_483_648, max: 2_147_483_647, boolean: false };
    const NATIVE: Holds = Holds::Moment { zoned: false, step_ms: 1_000 };

    #[rstest]
    #[case(NATIVE, None, Some(Storage::Moment { zoned: false, step_ms: 1_000 }))]
    #[case(NATIVE, Some(MomentFormat::Seconds), None)]
    #[case(BIG, None, Some(Storage::Formatted(MomentFormat::Milliseconds)))]
    #[case(BIG, Some(MomentFormat::Seconds), Some(Storage::Formatted(MomentFormat::Seconds)))]
    #[case(BIG, Some(MomentFormat::Iso), None)]
    #[case(SMALL, None, Some(Storage::Formatted(MomentFormat::Seconds)))]
    #[case(SMALL, Some(MomentFormat::Milliseconds), None)]
    #[case(TEXT, None, Some(Storage::Formatted(MomentFormat::Iso)))]
    #[case(TEXT, Some(MomentFormat::Sql), Some(Storage::Formatted(MomentFormat::Sql)))]
    #[case(TEXT, Some(MomentFormat::Seconds), None)]
    #[case(Holds::Text { chars: Some(10), bytes: None, padded: false }, None, None)]
    #[case(
        Holds::TextMoment,
        Some(MomentFormat::Milliseconds),
        Some(Storage::Formatted(MomentFormat::Milliseconds))
    )]
    #[case(Holds::Boolean, None, None)]
    fn moments_go_where_they_fit(
        #[case] holds: Holds,
        #[case] format: Option<MomentFormat>,
        #[case] expected: Option<Storage>,
    ) {
        assert_eq!(storage(Kind::Timestamp, format, holds, true), expected);
    }

    #[rstest]
    #[case(Kind::Text, BIG)]
    #[case(Kind::Integer, TEXT)]
    #[case(Kind::Boolean, TEXT)]
    #[case(Kind::Json, Holds::Text { chars: Some(255), bytes: None, padded: false })]
    #[case(Kind::Json, BIG)]
    #[case(Kind::Text, Holds::Other)]
    #[case(Kind::Text, Holds::Json)]
    fn what_cannot_be_held_is_refused(#[case] kind: Kind, #[case] holds: Holds) {
        assert_eq!(storage(kind, None, holds, true), None);
    }
}
