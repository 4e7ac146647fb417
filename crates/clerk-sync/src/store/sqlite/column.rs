//! How one value is written and read, by what holds it.

use super::LiteQuery;
use crate::{
    mapping::{MomentFormat, Storage, Value, iso_text, quoted},
    store::moments::{number_of, text_of},
};

/// Adds a value to a statement's.
pub(super) fn bind<'q>(query: LiteQuery<'q>, value: &'q Value, storage: Storage) -> LiteQuery<'q> {
    match (value, storage) {
        (Value::Null, _) => query.bind(None::<&str>),
        (Value::Timestamp(_), Storage::Formatted(format)) if format.is_number() => {
            query.bind(number_of(value, format))
        }
        (Value::Timestamp(_), Storage::Formatted(format)) => query.bind(text_of(value, format)),
        (Value::Text(text) | Value::Json(text), _) => query.bind(text.as_str()),
        (Value::Integer(number), _) => query.bind(number),
        (Value::Boolean(truth), _) => query.bind(truth),
        (Value::Timestamp(ms), _) => query.bind(iso_text(*ms)),
    }
}

/// The column as text or a 64-bit integer, whatever a person put into it.
pub(super) fn read(name: &str, storage: Storage) -> String {
    match storage {
        Storage::Integer { .. } | Storage::Boolean { .. } => format!("cast({name} as integer)"),
        Storage::Formatted(format) if format.is_number() => format!("cast({name} as integer)"),
        _ => format!("cast({name} as text)"),
    }
}

/// The present moment, as the column holds it.
pub(super) fn now(storage: Storage) -> &'static str {
    match storage {
        Storage::Formatted(MomentFormat::Milliseconds) => {
            "cast(round(unixepoch('subsec') * 1000) as integer)"
        }
        Storage::Formatted(MomentFormat::Seconds) => "unixepoch()",
        Storage::Formatted(MomentFormat::Sql) => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        _ => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    }
}

/// A column's name for SQL.
pub(super) fn name(name: &str) -> String {
    quoted(name, '"')
}
