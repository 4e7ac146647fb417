//! What a column can hold, and the digest of a row.

use super::Column;
use crate::rule::Digest;
use aws_lc_rs::digest::{Context, SHA256};
use std::fmt;

/// The kind of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Unicode text. Numbers and booleans keep their JSON spelling; objects and arrays become compact JSON.
    Text,
    /// A signed 64-bit integer.
    Integer,
    /// True or false.
    Boolean,
    /// A moment, to the millisecond, from Clerk's Unix milliseconds or an RFC 3339 text.
    Timestamp,
    /// Any JSON, with object keys in order so that equal documents are equal texts.
    Json,
}

impl Kind {
    /// The kind's name in settings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One mapped value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Clerk has none.
    Null,
    /// For [`Kind::Text`].
    Text(String),
    /// For [`Kind::Integer`].
    Integer(i64),
    /// For [`Kind::Boolean`].
    Boolean(bool),
    /// For [`Kind::Timestamp`]: Unix milliseconds, years 1000 to 9999.
    Timestamp(i64),
    /// For [`Kind::Json`]: canonical text.
    Json(String),
}

impl Value {
    /// The kind that holds it; `None` for null, which all do.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Null => None,
            Self::Text(_) => Some(Kind::Text),
            Self::Integer(_) => Some(Kind::Integer),
            Self::Boolean(_) => Some(Kind::Boolean),
            Self::Timestamp(_) => Some(Kind::Timestamp),
            Self::Json(_) => Some(Kind::Json),
        }
    }

    /// The value in JSON, for people and programs.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Boolean(truth) => (*truth).into(),
            Self::Timestamp(ms) => iso_text(*ms).into(),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        }
    }
}

/// A moment in UTC, `2026-01-01T00:00:00.000Z`: sorts as text, and SQLite's own functions read it. Null outside the
/// years that can be mapped.
pub(crate) fn iso_text(ms: i64) -> Option<String> {
    let moment = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()?;
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.millisecond()
    ))
}

/// A user's mapped values, in the order of the mapping's columns.
pub type Row = Box<[Value]>;

/// Digests the values of `row` that move only together with Clerk's `updated_at`.
pub(super) fn digest(columns: &[Column], row: &[Value]) -> Digest {
    let mut context = Context::new(&SHA256);
    for (column, value) in columns.iter().zip(row) {
        if column.source.is_volatile() {
            continue;
        }
        match value {
            Value::Null => context.update(&[0]),
            Value::Text(text) => update(&mut context, 1, text.as_bytes()),
            Value::Integer(number) => update(&mut context, 2, &number.to_be_bytes()),
            Value::Boolean(truth) => update(&mut context, 3, &[u8::from(*truth)]),
            Value::Timestamp(ms) => update(&mut context, 4, &ms.to_be_bytes()),
            Value::Json(text) => update(&mut context, 5, text.as_bytes()),
        }
    }
    first_bytes(context)
}

/// Feeds a tagged, length-prefixed part, so that no two sequences of parts look alike.
pub(super) fn update(context: &mut Context, tag: u8, bytes: &[u8]) {
    context.update(&[tag]);
    context.update(&(bytes.len() as u64).to_be_bytes());
    context.update(bytes);
}

pub(super) fn first_bytes(context: Context) -> Digest {
    let mut digest = Digest::default();
    for (to, from) in digest.0.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc_to_the_millisecond() {
        assert_eq!(iso_text(0).as_deref(), Some("1970-01-01T00:00:00.000Z"));
        assert_eq!(iso_text(1_767_312_000_555).as_deref(), Some("2026-01-02T00:00:00.555Z"));
        assert_eq!(iso_text(-1).as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(iso_text(253_402_300_799_999).as_deref(), Some("9999-12-31T23:59:59.999Z"));
    }

    #[test]
    fn values_are_shown_as_json() {
        let shown = |value: Value| value.to_json().to_string();
        assert_eq!(shown(Value::Null), "null");
        assert_eq!(shown(Value::Text("a\"b".to_owned())), r#""a\"b""#);
        assert_eq!(shown(Value::Integer(-1)), "-1");
        assert_eq!(shown(Value::Boolean(true)), "true");
        assert_eq!(shown(Value::Timestamp(0)), "\"1970-01-01T00:00:00.000Z\"");
        assert_eq!(shown(Value::Json("[1,{}]".to_owned())), "[1,{}]");
    }
}
