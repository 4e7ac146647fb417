//! What SQLite's result codes mean to us. No value of a row gets into a message.

use crate::store::{StoreError, StoreErrorKind, driver_failure};
use sqlx::error::DatabaseError;

/// Turns a driver's error into ours, for `map_err`.
pub(super) fn storing(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| {
        let (kind, detail) = error.as_database_error().map_or_else(|| driver_failure(&error), by_code);
        StoreError::new(kind, doing, detail)
    }
}

/// Of a statement that only deletes: which constraint refused it is known, for no other can.
pub(super) fn as_reference(error: StoreError) -> StoreError {
    match error.kind() {
        StoreErrorKind::Rejected { constraint: None } => {
            StoreError::new(StoreErrorKind::Referenced { constraint: None }, "writing users", "")
        }
        _ => error,
    }
}

/// By result code (sqlite.org/rescode.html). The low byte is the primary code.
fn by_code(error: &dyn DatabaseError) -> (StoreErrorKind, String) {
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let with_message = || format!("{} (code {code})", error.message());
    match code & 0xff {
        // Busy and locked: the timeout has passed already.
        5 | 6 => (StoreErrorKind::Unavailable, with_message()),
        // Too big, constraint, datatype mismatch. `UNIQUE constraint failed: users.email` names no value.
        18..=20 => {
            // Those that name columns. A trigger's text is its author's, and may hold anything.
            let names =
                matches!(code, 2067 | 1555 | 1299 | 275).then(|| error.message().split_once(": ")).flatten();
            let constraint = names.map(|(_, names)| names.to_owned());
            (StoreErrorKind::Rejected { constraint }, format!("code {code}"))
        }
        // No such table or column.
        1 | 17 => (StoreErrorKind::Schema, with_message()),
        _ => (StoreErrorKind::Unavailable, with_message()),
    }
}
