//! Versions of our own tables, and the making of the users table.

use super::{StoreError, StoreErrorKind};
use crate::mapping::Mapping;

/// One step of the schema, never edited once released.
pub(super) struct Migration {
    /// The version it leads to.
    pub(super) version: i32,
    /// What it does, for people.
    pub(super) name: &'static str,
    /// Its statements.
    pub(super) sql: &'static str,
}

/// What is to be done about the users table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UsersTable {
    /// It is there with every column.
    Ready,
    /// It is not there.
    Missing,
    /// We made it, and the mapping has columns since then.
    Lacks(Vec<usize>),
}

/// Compares the users table with the mapping. `columns`: those that are there, `None` without a table;
/// `ours`: the table that meta says we made.
pub(super) fn judge_users_table(
    mapping: &Mapping,
    columns: Option<&[String]>,
    ours: Option<&str>,
) -> Result<UsersTable, StoreError> {
    let table = mapping.table();
    let Some(columns) = columns else { return Ok(UsersTable::Missing) };
    if ours != Some(table.to_string().as_str()) {
        let detail = format!(
            "a table named {table} is there already and was not made by clerk-sync, so it is left alone; \
             set [users] table to another name (adopting an existing table comes in a later version)"
        );
        return Err(StoreError::new(StoreErrorKind::Schema, "looking at the users table", detail));
    }
    let has = |name: &str| columns.iter().any(|column| column == name);
    let lacking: Vec<usize> = mapping
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, column)| !has(&column.name))
        .map(|(i, _)| i)
        .collect();
    match lacking {
        lacking if lacking.is_empty() => Ok(UsersTable::Ready),
        lacking if lacking.contains(&mapping.key_position()) => {
            let detail = format!(
                "the table {table} has no column {}: the key cannot be added to a table with rows; \
                 set [users] table to another name",
                mapping.key().name
            );
            Err(StoreError::new(StoreErrorKind::Schema, "looking at the users table", detail))
        }
        lacking => Ok(UsersTable::Lacks(lacking)),
    }
}

pub(super) fn too_new(found: i32, known: i32) -> StoreError {
    let detail = format!(
        "the schema is version {found} and this program knows {known}: run a newer clerk-sync, or restore a backup"
    );
    StoreError::new(StoreErrorKind::Schema, "checking the schema", detail)
}

/// The script's statements; ours hold no semicolon inside a statement.
#[cfg(feature = "mysql")]
pub(super) fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(';').map(str::trim).filter(|statement| {
        statement.lines().any(|line| !line.trim_start().starts_with("--") && !line.trim().is_empty())
    })
}
