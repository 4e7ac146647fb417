//! What PostgreSQL's error codes mean to us. No value of a row gets into a message.

use crate::store::{DENIED, StoreError, StoreErrorKind, driver_failure};
use sqlx::error::DatabaseError;

/// Turns a driver's error into ours, for `map_err`.
pub(super) fn storing(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| {
        let (kind, detail) = error.as_database_error().map_or_else(|| driver_failure(&error), by_code);
        StoreError::new(kind, doing, detail)
    }
}

/// The foreign key that a deletion would leave pointing nowhere; its name where the error says one.
pub(super) fn reference(error: &sqlx::Error) -> Option<Option<String>> {
    let error = error.as_database_error()?;
    let is_reference = matches!(error.code().as_deref(), Some("23503" | "23001"));
    is_reference.then(|| error.constraint().map(str::to_owned))
}
const UNTOLD_POOLER: &str =
    "; a pooler gives each transaction another session: add pgbouncer=true to DATABASE_URL";

/// By SQLSTATE (PostgreSQL manual, appendix A).
fn by_code(error: &dyn DatabaseError) -> (StoreErrorKind, String) {
    let code = error.code().unwrap_or_default().into_owned();
    let with_message = || format!("{} (SQLSTATE {code})", error.message());
    let without_message = format!("SQLSTATE {code}");
    match code.get(..2).unwrap_or_default() {
        // Serialization failure and deadlock; lock not available.
        "40" => (StoreErrorKind::Contended, without_message),
        "55" if code == "55P03" => (StoreErrorKind::Contended, without_message),
        // Data exceptions and integrity constraints may quote values in their message.
        "22" | "23" | "P0" | "44" => {
            let constraint = error.constraint().map(str::to_owned);
            (StoreErrorKind::Rejected { constraint }, without_message)
        }
        // A prepared statement that is there although we did not make it, or is not although we did.
        "42" | "26" if matches!(&*code, "42P05" | "26000") => {
            (StoreErrorKind::Schema, with_message() + UNTOLD_POOLER)
        }
        "42" if code == "42501" => (StoreErrorKind::Schema, with_message() + DENIED),
        // A missing table or column.
        "42" | "3F" | "0A" => (StoreErrorKind::Schema, with_message()),
        // Connection, resources, operator intervention, system, read-only, sign-in, unknown database.
        "08" | "53" | "57" | "58" | "25" | "28" | "3D" => (StoreErrorKind::Unavailable, with_message()),
        // Ends of transactions, snapshots, configuration, foreign data, internal errors.
        "0B" | "2D" | "26" | "55" | "72" | "F0" | "HV" | "XX" => {
            (StoreErrorKind::Unavailable, without_message)
        }
        // A trigger's own, which may quote values; or a limit that this row exceeds.
        _ => (StoreErrorKind::Rejected { constraint: None }, without_message),
    }
}
