//! What a doctor wants to know of a database, beyond what every store must tell.

/// The server, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// Its version.
    pub version: String,
    /// Whether it refuses to write: a replica, or a session that is told to read only.
    pub is_read_only: bool,
    /// The schema in which tables without one are made; `None` where there is none, or none that may be used. Databases
    /// without schemas name the database.
    pub schema: Option<String>,
}

/// What the user whom we sign in as may not do, on tables that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Which rights are lacking on which table: `select`, `insert`, `update`, `delete`.
    pub lacking: Vec<(String, Vec<String>)>,
    /// Tables of which row-level security may hide rows from this user.
    pub hidden: Vec<String>,
}

/// Our own tables, each with a column of it.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) const OUR_TABLES: [(&str, &str); 8] = [
    ("clerk_sync_users", "user_id"),
    ("clerk_sync_changes", "number"),
    ("clerk_sync_dead_letters", "number"),
    ("clerk_sync_pending_deletions", "user_id"),
    ("clerk_sync_runs", "run"),
    ("clerk_sync_lease", "id"),
    ("clerk_sync_shares", "process"),
    ("clerk_sync_meta", "id"),
];
