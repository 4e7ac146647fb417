//! Versions of our own tables, and the making of the users table.

use super::{
    StoreError, StoreErrorKind,
    dialect::Dialect,
    findings::{TableFinding, TableProblem},
    fit::{extras, fit},
    judge::judge,
    shape::TableShape,
};
use crate::mapping::{Column, Kind, Mapping, TableName};

/// One step of the schema, never edited once released. A database for which a step has nothing to do goes without it.
pub(super) struct Migration {
    /// The version it leads to.
    pub(super) version: i32,
    /// What it does, for people.
    pub(super) name: &'static str,
    /// Its statements.
    pub(super) sql: &'static str,
}

/// The statements of the migrations behind a version.
pub(super) fn newer_than(migrations: &[Migration], version: i32) -> String {
    let newer = migrations.iter().filter(|migration| migration.version > version).map(|migration| {
        format!("{}\nupdate clerk_sync_meta set schema_version = {};\n\n", migration.sql, migration.version)
    });
    newer.collect()
}

/// What is to be done about the users table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UsersTable {
    /// It takes every column.
    Ready,
    /// It is not there, and we make it.
    Missing,
    /// We made it, and the mapping has columns since then.
    Lacks(Vec<Lacking>),
}

/// A column that our table does not have yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lacking {
    /// A mapped one, by its position.
    Mapped(usize),
    /// Another one.
    Extra {
        /// Its name.
        name: String,
        /// What it holds.
        kind: Kind,
    },
}

/// The columns of our table in the words of a database: a name and a type in SQL.
pub(super) struct Definitions {
    pub(super) dialect: Dialect,
    /// Of a mapped one that is not the key.
    pub(super) mapped: fn(&Column) -> String,
    /// Of another one.
    pub(super) extra: fn(&str, Kind) -> String,
}

impl Definitions {
    /// The name of a column that lacks, and the statement that adds it.
    fn addition(&self, mapping: &Mapping, table: &TableName, lacking: &Lacking) -> Option<(String, String)> {
        let (name, definition) = match lacking {
            Lacking::Mapped(position) => {
                let column = mapping.columns().get(*position)?;
                (column.name.clone(), (self.mapped)(column))
            }
            Lacking::Extra { name, kind } => (name.clone(), (self.extra)(name, *kind)),
        };
        Some((name, self.dialect.add_defined(table, &definition)))
    }

    /// For each column that lacks, its name and the statement that adds it.
    pub(super) fn additions(&self, mapping: &Mapping, lacking: &[Lacking]) -> Vec<(String, String)> {
        lacking.iter().filter_map(|lacking| self.addition(mapping, mapping.table(), lacking)).collect()
    }
}

const LOOKING: &str = "looking at the users table";

/// Compares the users table with the mapping. `shape`: `None` without a table; `ours`: the table that meta says we made.
///
/// # Errors
/// Where nothing can be done about it by us.
pub(super) fn judge_users_table(
    mapping: &Mapping,
    shape: Option<&TableShape>,
    ours: Option<&str>,
    dialect: Dialect,
) -> Result<UsersTable, StoreError> {
    let refuse =
        |finding: TableFinding| StoreError::new(StoreErrorKind::Schema, LOOKING, finding.to_string());
    let Some(shape) = shape else {
        if mapping.creates() {
            return Ok(UsersTable::Missing);
        }
        return Err(refuse(missing_table(mapping, dialect)));
    };
    if !mapping.creates() {
        return fit(mapping, shape, dialect).map(|_| UsersTable::Ready);
    }
    if ours != Some(mapping.table().to_string().as_str()) {
        return Err(refuse(foreign(mapping)));
    }
    let lacking = lacking(mapping, shape);
    if lacking.is_empty() {
        return Ok(UsersTable::Ready);
    }
    if lacking.contains(&Lacking::Mapped(mapping.key_position())) {
        let detail = format!(
            "the table {} has no column {}: the key cannot be added to a table with rows; \
             set [users] table to another name",
            mapping.table(),
            mapping.key().name
        );
        return Err(StoreError::new(StoreErrorKind::Schema, LOOKING, detail));
    }
    Ok(UsersTable::Lacks(lacking))
}

/// The same for people and programs: everything that is wrong, and what is worth a warning.
pub(super) fn users_table_findings(
    mapping: &Mapping,
    shape: Option<&TableShape>,
    ours: Option<&str>,
    definitions: &Definitions,
) -> Vec<TableFinding> {
    let dialect = definitions.dialect;
    let Some(shape) = shape else { return vec![missing_table(mapping, dialect)] };
    if mapping.creates() {
        if ours != Some(mapping.table().to_string().as_str()) {
            return vec![foreign(mapping)];
        }
        let lacking = lacking(mapping, shape);
        if !lacking.is_empty() {
            let missing = lacking.iter().filter_map(|lacking| {
                let (column, statement) = definitions.addition(mapping, &shape.name, lacking)?;
                let todo =
                    format!("run clerk-sync migrate, which adds it; or as the table's owner: {statement}");
                Some(TableFinding { problem: TableProblem::MissingColumn { column }, todo, blocks: true })
            });
            return missing.collect();
        }
    }
    match judge(mapping, shape, dialect) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    }
}

fn missing_table(mapping: &Mapping, dialect: Dialect) -> TableFinding {
    let todo = match mapping.creates() {
        true => "run clerk-sync migrate, which makes it".to_owned(),
        false => dialect.missing_table_todo(mapping),
    };
    let table = mapping.table().to_string();
    TableFinding { problem: TableProblem::MissingTable { table }, todo, blocks: true }
}

fn foreign(mapping: &Mapping) -> TableFinding {
    let todo = "to keep your users in it, set create = false in [users] and name its columns in [users.columns]; to have \
                a table made, set [users] table to another name";
    let table = mapping.table().to_string();
    TableFinding { problem: TableProblem::Foreign { table }, todo: todo.to_owned(), blocks: true }
}

fn lacking(mapping: &Mapping, shape: &TableShape) -> Vec<Lacking> {
    let is_missing = |name: &str| shape.column(name).is_none();
    let columns = mapping.columns().iter().enumerate();
    let mapped = columns.filter(|(_, column)| is_missing(&column.name)).map(|(i, _)| Lacking::Mapped(i));
    let extras = extras(mapping).into_iter().filter(|(name, _)| is_missing(name));
    mapped.chain(extras.map(|(name, kind)| Lacking::Extra { name: name.to_owned(), kind })).collect()
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
