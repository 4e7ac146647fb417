//! How one column is written and read, by what holds it.

use crate::{
    mapping::{MomentFormat, Storage, quoted},
    store::judge::Held,
};

/// The type of the array in which values come.
pub(super) fn array_type(storage: Storage) -> &'static str {
    match storage {
        Storage::Text { .. } | Storage::Uuid | Storage::Json { .. } => "text",
        Storage::Formatted(format) if !format.is_number() => "text",
        Storage::Integer { .. } | Storage::Formatted(_) | Storage::Boolean { native: false } => "bigint",
        Storage::Boolean { native: true } => "boolean",
        Storage::Moment { .. } => "timestamptz",
    }
}

/// The value of the array's column `alias`, as the table takes it.
pub(super) fn written(held: &Held, alias: &str) -> String {
    match (held.storage, held.cast.as_str()) {
        (Storage::Moment { zoned: false, .. }, _) => format!("{alias} at time zone 'UTC'"),
        (Storage::Json { native: true, .. }, "") => format!("{alias}::jsonb"),
        (Storage::Text { .. } | Storage::Uuid | Storage::Json { native: true, .. }, cast)
            if !cast.is_empty() =>
        {
            format!("{alias}::{cast}")
        }
        _ => alias.to_owned(),
    }
}

/// The same, to be compared with the column: in its own type, so that an index serves.
pub(super) fn compared(held: &Held, alias: &str) -> String {
    match (held.storage, held.cast.as_str()) {
        // Text is assigned without a cast, and compares with another type than this one.
        (Storage::Text { padded: true, .. }, "") => format!("{alias}::bpchar"),
        _ => written(held, alias),
    }
}

/// The column as text or a 64-bit integer.
pub(super) fn read(name: &str, storage: Storage) -> String {
    match storage {
        Storage::Text { .. } | Storage::Uuid | Storage::Json { .. } => format!("{name}::text"),
        Storage::Integer { .. } => format!("{name}::bigint"),
        Storage::Boolean { native: true } => format!("{name}::integer::bigint"),
        Storage::Boolean { native: false } => format!("{name}::bigint"),
        // What is infinite is no moment, and is written anew.
        Storage::Moment { .. } => {
            format!("case when isfinite({name}) then (extract(epoch from {name}) * 1000)::bigint end")
        }
        Storage::Formatted(format) if format.is_number() => format!("{name}::bigint"),
        Storage::Formatted(_) => format!("{name}::text"),
    }
}

/// The present moment, as the column holds it.
pub(super) fn now(storage: Storage) -> &'static str {
    match storage {
        Storage::Moment { zoned: false, .. } => "clock_timestamp() at time zone 'UTC'",
        Storage::Formatted(MomentFormat::Milliseconds) => {
            "(extract(epoch from clock_timestamp()) * 1000)::bigint"
        }
        Storage::Formatted(MomentFormat::Seconds) => "extract(epoch from clock_timestamp())::bigint",
        Storage::Formatted(MomentFormat::Iso) => {
            "to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        }
        Storage::Formatted(MomentFormat::Sql) => {
            "to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')"
        }
        _ => "clock_timestamp()",
    }
}

/// A column's name for SQL.
pub(super) fn name(name: &str) -> String {
    quoted(name, '"')
}
