//! What MySQL's and MariaDB's error numbers mean to us. No value of a row gets into a message.

use crate::store::{DENIED, StoreError, StoreErrorKind, driver_failure};
use sqlx::mysql::MySqlDatabaseError;

/// Turns a driver's error into ours, for `map_err`.
pub(super) fn storing(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| {
        let number =
            error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
        let (kind, detail) = number.map_or_else(|| driver_failure(&error), by_number);
        StoreError::new(kind, doing, detail)
    }
}

/// The name of the key that a duplicate violates: `PRIMARY`, or an index.
pub(super) fn duplicate_key(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    (error.number() == 1062).then(|| key_name(error.message())).flatten()
}

/// Whether an index of this name is there already.
pub(super) fn is_index_there(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| error.number() == 1061)
}

/// Whether the server, or the session, refuses to write.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| matches!(error.number(), 1290 | 1792 | 1836))
}

/// The rights that a statement would have needed: `select`, `insert`, `update`, `delete`. Empty for any other error.
pub(super) fn denied_rights(error: &sqlx::Error) -> Vec<String> {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    let denied = error.filter(|error| matches!(error.number(), 1044 | 1142 | 1143));
    denied.map(|error| rights_in(error.message())).unwrap_or_default()
}

/// `SELECT, UPDATE command denied to user ...`: the words in front, if they are words of that kind.
fn rights_in(message: &str) -> Vec<String> {
    let words = message.split_once(" command denied").map_or("every", |(words, _)| words);
    words.split(',').map(|word| word.trim().to_lowercase()).collect()
}

fn by_number(error: &MySqlDatabaseError) -> (StoreErrorKind, String) {
    let number = error.number();
    let plain = format!("error {number}");
    match number {
        // Deadlock; lock wait timeout; record changed since it was read.
        1213 | 1205 | 1020 => (StoreErrorKind::Contended, plain),
        // Other rows refer to the one that is deleted.
        1451 | 1217 => (StoreErrorKind::Referenced { constraint: foreign_key(error.message()) }, plain),
        // Duplicate, null, foreign keys, checks, cut or wrong values: their messages quote values.
        1062 | 1586 => (StoreErrorKind::Rejected { constraint: key_name(error.message()) }, plain),
        // And a value that its column's character set does not have, compared with it.
        1267 | 1270 | 1271 | 1048 | 1138 | 1216 | 1264 | 1265 | 1292 | 1364 | 1366 | 1406 | 1416 | 1442
        | 1452 | 1557 | 1644 | 1690 | 3140 | 3141 | 3156 | 3819 | 3903 | 4025 => {
            (StoreErrorKind::Rejected { constraint: None }, plain)
        }
        1044 | 1142 | 1143 | 1227 | 1370 => {
            (StoreErrorKind::Schema, format!("{} (error {number}){DENIED}", error.message()))
        }
        // Missing tables and columns; syntax.
        1054 | 1064 | 1103 | 1136 | 1146 | 1305 => {
            (StoreErrorKind::Schema, format!("{} (error {number})", error.message()))
        }
        // Sign-in, unknown database, too many connections, shutdown, read-only.
        1040 | 1045 | 1049 | 1053 | 1129 | 1130 | 1203 | 1226 | 1290 | 1792 | 1836 => {
            (StoreErrorKind::Unavailable, format!("{} (error {number})", error.message()))
        }
        _ => (StoreErrorKind::Unavailable, plain),
    }
}

/// `Duplicate entry '…' for key 'users.email'`: the last quoted word, without the table.
fn key_name(message: &str) -> Option<String> {
    let quoted = message.trim_end().strip_suffix('\'')?;
    let name = quoted.rsplit('\'').next()?;
    Some(name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// ``... fails (`app`.`orders`, CONSTRAINT `orders_of_user` FOREIGN KEY ...``: the word behind, where the server tells it.
fn foreign_key(message: &str) -> Option<String> {
    let (_, name) = message.split_once(" CONSTRAINT `")?;
    name.split_once("` FOREIGN KEY").map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_named_as_the_server_names_them() {
        assert_eq!(rights_in("UPDATE command denied to user 'a'@'b' for table `d`.`t`"), ["update"]);
        assert_eq!(rights_in("SELECT, DELETE command denied to user 'a'@'b'"), ["select", "delete"]);
        assert_eq!(rights_in("Access denied for user 'a'@'b' to database 'd'"), ["every"]);
    }

    #[test]
    fn the_foreign_key_is_named_where_the_server_tells_it() {
        let told = "Cannot delete or update a parent row: a foreign key constraint fails (`app`.`orders`, CONSTRAINT \
                    `orders_of_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`clerk_id`))";
        assert_eq!(foreign_key(told).as_deref(), Some("orders_of_user"));
        assert_eq!(foreign_key("Cannot delete or update a parent row: a foreign key constraint fails"), None);
    }

    #[test]
    fn the_key_is_named_and_the_value_is_not() {
        assert_eq!(
            key_name("Duplicate entry 'ada@x.example' for key 'users.email'").as_deref(),
            Some("email")
        );
        assert_eq!(key_name("Duplicate entry 'it's' for key 'PRIMARY'").as_deref(), Some("PRIMARY"));
        assert_eq!(key_name("no quotes"), None);
    }
}
