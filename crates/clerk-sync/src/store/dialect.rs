//! The statements that mend a users table, in each database's words.

use super::shape::ColumnShape;
use crate::mapping::{Kind, Mapping, TableName, quoted};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    MySql,
    Sqlite,
}

impl Dialect {
    /// Whether text can hold U+0000.
    pub(super) fn holds_nul(self) -> bool {
        self != Self::Postgres
    }

    /// A column's name for SQL.
    pub(super) fn name(self, name: &str) -> String {
        quoted(name, self.quote())
    }

    /// A table's name for SQL.
    pub(super) fn table(self, table: &TableName) -> String {
        table.quoted(self.quote())
    }

    /// A text in SQL.
    pub(super) fn literal(self, text: &str) -> String {
        let text = if self == Self::MySql { text.replace('\\', "\\\\") } else { text.to_owned() };
        quoted(&text, '\'')
    }

    /// Texts one behind the other.
    pub(super) fn concatenated(self, parts: &[String]) -> String {
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| *part != "''").collect();
        match (self, parts.len()) {
            (_, 0) => "''".to_owned(),
            (Self::MySql, 2..) => format!("concat({})", parts.join(", ")),
            _ => parts.join(" || "),
        }
    }

    fn quote(self) -> char {
        if self == Self::MySql { '`' } else { '"' }
    }

    fn type_of(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::MySql, Kind::Text) => "varchar(255)",
            (_, Kind::Text) => "text",
            (Self::Sqlite, Kind::Integer | Kind::Boolean) => "integer",
            (_, Kind::Integer) => "bigint",
            (_, Kind::Boolean) => "boolean",
            (Self::Postgres, Kind::Timestamp) => "timestamptz(3)",
            (Self::MySql, Kind::Timestamp) => "datetime(3)",
            (Self::Sqlite, Kind::Timestamp | Kind::Json) => "text",
            (Self::Postgres, Kind::Json) => "jsonb",
            (Self::MySql, Kind::Json) => "json",
        }
    }

    fn alter(self, table: &TableName) -> String {
        format!("alter table {}", self.table(table))
    }

    pub(super) fn add_column(self, table: &TableName, column: &str, kind: Kind) -> String {
        self.add_defined(table, &format!("{} {}", self.name(column), self.type_of(kind)))
    }

    /// `definition`: the column's name and type, in SQL.
    pub(super) fn add_defined(self, table: &TableName, definition: &str) -> String {
        format!("{} add column {definition}", self.alter(table))
    }

    pub(super) fn change_type(self, table: &TableName, column: &str, kind: Kind) -> String {
        let (alter, column, kind) = (self.alter(table), self.name(column), self.type_of(kind));
        match self {
            Self::Postgres => format!("{alter} alter column {column} type {kind} using {column}::{kind}"),
            Self::MySql => format!("{alter} modify column {column} {kind}"),
            Self::Sqlite => format!("a new table with {column} {kind}: SQLite changes no types"),
        }
    }

    pub(super) fn add_unique(self, table: &TableName, column: &str) -> String {
        match self {
            Self::Sqlite => {
                let index = self.name(&format!("{}_{column}_key", table.name));
                // The schema stands before the index's name, and not before the table's.
                let schema = table.schema.as_deref().map(|schema| format!("{}.", self.name(schema)));
                format!(
                    "create unique index {}{index} on {} ({})",
                    schema.unwrap_or_default(),
                    self.name(&table.name),
                    self.name(column)
                )
            }
            _ => format!("{} add unique ({})", self.alter(table), self.name(column)),
        }
    }

    pub(super) fn drop_not_null(self, table: &TableName, column: &ColumnShape) -> String {
        let (alter, name) = (self.alter(table), self.name(&column.name));
        match self {
            Self::Postgres => format!("{alter} alter column {name} drop not null"),
            Self::MySql => format!("{alter} modify column {name} {} null", column.type_name),
            Self::Sqlite => format!("a new table in which {name} may be null: SQLite changes no columns"),
        }
    }

    pub(super) fn grant(self, table: &TableName, statements: &[&str]) -> String {
        format!("grant {} on {} to <this database user>", statements.join(", "), self.table(table))
    }

    /// What makes the table as the settings describe it, for a table to be made by other means.
    pub(super) fn missing_table_todo(self, mapping: &Mapping) -> String {
        format!(
            "correct [users] table, set create = true to have it made, or make it yourself with the columns {}",
            mapping.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
        )
    }
}
