//! What can go wrong in a store, and what to do about it.

use std::fmt;

/// What a caller can do about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The database cannot be reached or cannot answer now. Try again later.
    Unavailable,
    /// Others were faster, several times over. Try again at once.
    Contended,
    /// The database refuses a row for what it holds. The constraint's name, where it says one.
    Rejected {
        /// The constraint.
        constraint: Option<String>,
    },
    /// The database does not delete a row, because rows of another table refer to it. The constraint's name, where it
    /// says one.
    Referenced {
        /// The constraint.
        constraint: Option<String>,
    },
    /// Several rows of before could be this user's.
    Ambiguous {
        /// The column that tells whose row it is.
        column: String,
    },
    /// Another process has taken the lease over. Stop what was done under it.
    Overtaken,
    /// Tables, columns or privileges are not as they must be. An operator acts.
    Schema,
    /// A row of ours holds what we never wrote.
    Corrupt,
}

/// A failure of a store. Holds no value of any row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    kind: StoreErrorKind,
    doing: &'static str,
    detail: String,
}

impl StoreError {
    /// A failure while `doing` something; `detail` says what the database said, without values.
    pub fn new(kind: StoreErrorKind, doing: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, doing, detail: detail.into() }
    }

    /// What to do about it.
    pub fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }

    /// Whether a row was refused for what it holds.
    pub fn is_rejection(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Rejected { .. }
                | StoreErrorKind::Referenced { .. }
                | StoreErrorKind::Ambiguous { .. }
        )
    }

    /// Whether a row was not deleted because others refer to it.
    pub(crate) fn is_reference(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Referenced { .. })
    }

    /// Whether several rows of before could be the user's.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Ambiguous { .. })
    }

    /// Whether the same call may work soon without anyone's help.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Contended)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.kind {
            StoreErrorKind::Unavailable => "the database cannot answer now",
            StoreErrorKind::Contended => "too many writers at once",
            StoreErrorKind::Rejected { .. } => "the database refused the row",
            StoreErrorKind::Referenced { .. } => {
                "rows of another table refer to the row, which therefore stays: delete them, let them be deleted with it, \
                 or choose [users] on_delete_refused"
            }
            StoreErrorKind::Ambiguous { .. } => {
                "several rows that belong to nobody hold what tells whose row it is: keep one of them, or write the user's \
                 Clerk id into the right one"
            }
            StoreErrorKind::Overtaken => "another process has taken over",
            StoreErrorKind::Schema => "the database is not as it must be",
            StoreErrorKind::Corrupt => "a row of ours cannot be read",
        };
        write!(f, "{}: {what}", self.doing)?;
        if let StoreErrorKind::Rejected { constraint: Some(constraint) }
        | StoreErrorKind::Referenced { constraint: Some(constraint) } = &self.kind
        {
            write!(f, " (constraint {constraint})")?;
        }
        if let StoreErrorKind::Ambiguous { column } = &self.kind {
            write!(f, " (column {column})")?;
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for StoreError {}

/// What to do where the database's user may not do something.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) const DENIED: &str = "; this user lacks a right, clerk-sync doctor says which. Tables can also be made by their \
     owner, with what clerk-sync migrate --print prints";

/// What a failure of the driver itself means; the same for every database.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) fn driver_failure(error: &sqlx::Error) -> (StoreErrorKind, String) {
    let unavailable = |detail: &str| (StoreErrorKind::Unavailable, detail.to_owned());
    match error {
        sqlx::Error::PoolTimedOut => unavailable("no connection became free in time"),
        sqlx::Error::PoolClosed => unavailable("the connections are closed"),
        sqlx::Error::Io(error) => unavailable(&error.to_string()),
        sqlx::Error::Tls(_) => {
            unavailable("TLS: the server's certificate or the URL's settings were not accepted")
        }
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => {
            unavailable("the connection broke")
        }
        sqlx::Error::Configuration(_) => {
            (StoreErrorKind::Schema, "the connection's settings cannot be used".to_owned())
        }
        sqlx::Error::ColumnDecode { index, .. } => (StoreErrorKind::Corrupt, format!("column {index}")),
        sqlx::Error::ColumnNotFound(column) => {
            (StoreErrorKind::Schema, format!("column {column} is missing"))
        }
        _ => unavailable("the driver failed"),
    }
}
