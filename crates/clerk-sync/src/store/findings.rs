//! What is wrong with a users table, and what to do about it.

use std::fmt;

/// One thing that a mapping and its table disagree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFinding {
    /// What.
    pub problem: TableProblem,
    /// What to do, with the statement to run where there is one.
    pub todo: String,
    /// Whether nothing can be written before it is mended; otherwise it is a warning.
    pub blocks: bool,
}

/// What can be wrong with a users table. Each names the column as the settings spell it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableProblem {
    /// There is no such table.
    #[error("there is no table {table}")]
    MissingTable {
        /// The table.
        table: String,
    },
    /// A table of this name is there, was not made by us, and is not to be adopted.
    #[error("there is a table {table} already, and clerk-sync did not make it")]
    Foreign {
        /// The table.
        table: String,
    },
    /// It has no such column.
    #[error("the table has no column {column}")]
    MissingColumn {
        /// The column.
        column: String,
    },
    /// The database makes the column's value, and takes none.
    #[error("the column {column} cannot be written")]
    NotWritable {
        /// The column.
        column: String,
    },
    /// Its type cannot hold what is mapped to it.
    #[error("the column {column} has the type {type_name}, which cannot hold {what}")]
    WrongType {
        /// The column.
        column: String,
        /// Its type.
        type_name: String,
        /// What it should hold.
        what: String,
    },
    /// It is not null, and Clerk may have nothing for it: such users become dead letters.
    #[error("the column {column} must not be null, and Clerk may have nothing for it")]
    MayBeNull {
        /// The column.
        column: String,
    },
    /// Two rows could hold one user.
    #[error("the column {column} holds the user's id and is not unique by itself")]
    NotUnique {
        /// The column.
        column: String,
    },
    /// The id's column takes no id of Clerk's.
    #[error("the column {column} holds the user's id and takes only {chars} characters")]
    KeyTooShort {
        /// The column.
        column: String,
        /// Its length.
        chars: u32,
    },
    /// It must not be null, has no default, and nothing is mapped to it.
    #[error("the column {column} must not be null, has no default, and nothing fills it")]
    Unfilled {
        /// The column.
        column: String,
    },
    /// Rows stay after their users, at least for a while, and nobody else can have what is in this column meanwhile.
    #[error(
        "the column {column} is unique and must not be null, so that a row that stays after its user keeps others from its \
         value"
    )]
    HeldValue {
        /// The column.
        column: String,
    },
    /// Several rows could be one user's: none of them becomes it, and the user is refused.
    #[error("the column {column} tells whose row it is, and several rows may hold the same")]
    LinkNotUnique {
        /// The column.
        column: String,
    },
    /// The same, and looking for a row reads the whole table.
    #[error("the column {column} tells whose row it is, and is neither unique nor in an index")]
    LinkNotIndexed {
        /// The column.
        column: String,
    },
    /// There can be no row without a user, and so none to link.
    #[error("the column {column} must not be null, so that no row waits for its user")]
    NobodysRow {
        /// The column of the user's id.
        column: String,
    },
    /// Our role may not ask the counter that fills a column.
    #[error("the column {column} is filled by the sequence {sequence}, which this database user may not use")]
    DeniedSequence {
        /// The column.
        column: String,
        /// The sequence, quoted for SQL.
        sequence: String,
    },
    /// Our role lacks rights on the table.
    #[error("this database user may not {} it", statements.join(", "))]
    Denied {
        /// The statements.
        statements: Vec<&'static str>,
    },
}

impl fmt::Display for TableFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem, self.todo)
    }
}
