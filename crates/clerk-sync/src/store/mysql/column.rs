//! How one value is written and read, by what holds it.

use super::MyQuery;
use crate::{
    mapping::{MomentFormat, Storage, Value, quoted},
    store::{
        moments::{number_of, text_of},
        stored::moment,
    },
};
use time::PrimitiveDateTime;

/// Adds a value to a statement's.
pub(super) fn bind<'q>(query: MyQuery<'q>, value: &'q Value, storage: Storage) -> MyQuery<'q> {
    match (value, storage) {
        (Value::Null, _) => query.bind(None::<&str>),
        (Value::Timestamp(_), Storage::Formatted(format)) if format.is_number() => {
            query.bind(number_of(value, format))
        }
        (Value::Timestamp(_), Storage::Formatted(format)) => query.bind(text_of(value, format)),
        (Value::Text(text) | Value::Json(text), _) => query.bind(text.as_str()),
        (Value::Integer(number), _) => query.bind(number),
        (Value::Boolean(truth), _) => query.bind(truth),
        (Value::Timestamp(ms), _) => {
            query.bind(moment(*ms).map(|moment| PrimitiveDateTime::new(moment.date(), moment.time())))
        }
    }
}

/// The column as text or a 64-bit integer.
pub(super) fn read(name: &str, storage: Storage) -> String {
    match storage {
        Storage::Text { .. } => name.to_owned(),
        Storage::Uuid | Storage::Json { .. } => format!("cast({name} as char)"),
        Storage::Integer { .. } | Storage::Boolean { .. } => format!("cast({name} as signed)"),
        Storage::Moment { .. } => format!("timestampdiff(microsecond, '1970-01-01', {name}) div 1000"),
        Storage::Formatted(format) if format.is_number() => format!("cast({name} as signed)"),
        Storage::Formatted(_) => name.to_owned(),
    }
}

/// The present moment, as the column holds it. Sessions are in UTC.
pub(super) fn now(storage: Storage) -> &'static str {
    match storage {
        Storage::Formatted(MomentFormat::Milliseconds) => "cast(unix_timestamp(sysdate(3)) * 1000 as signed)",
        Storage::Formatted(MomentFormat::Seconds) => "cast(floor(unix_timestamp(sysdate(3))) as signed)",
        Storage::Formatted(MomentFormat::Iso) => {
            "concat(left(date_format(sysdate(3), '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')"
        }
        Storage::Formatted(MomentFormat::Sql) => "left(date_format(sysdate(3), '%Y-%m-%d %H:%i:%s.%f'), 23)",
        _ => "sysdate(3)",
    }
}

/// A column's name for SQL.
pub(super) fn name(name: &str) -> String {
    quoted(name, '`')
}
