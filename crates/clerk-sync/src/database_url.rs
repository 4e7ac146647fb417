//! The address of a database: `postgres://`, `mysql://` or `sqlite://`, parsed into plain data.
//!
//! We parse it ourselves because people bring the URL that their ORM or their host gave them, and every one of
//! those adds parameters of its own. What is known is understood, what is not is refused by name, and the
//! password is never printed: neither by `Display` and `Debug` nor in an error.

mod authority;
mod error;
mod nearest;
mod options;
mod parameters;
mod scheme;
mod server;
mod sqlite;
mod target;
mod tls;

#[cfg(test)]
mod tests;

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use self::error::{DatabaseUrlError, Part};
pub use self::target::{
    Address, ClientCertificate, ServerTarget, SqliteLocation, SqliteTarget, Tls, TlsMode,
};

use self::scheme::Scheme;

/// Where the `users` table lives.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// PostgreSQL, or a service that speaks its protocol.
    Postgres(ServerTarget),
    /// MySQL or MariaDB.
    MySql(ServerTarget),
    /// SQLite, in a file or in memory.
    Sqlite(SqliteTarget),
}

impl DatabaseUrl {
    /// Reads a URL as people write it, surrounding white space aside.
    ///
    /// # Errors
    ///
    /// One sentence that says what was wrong and what to write instead. It never contains the password, nor the
    /// value of any parameter.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(DatabaseUrlError::Empty);
        }
        if text.starts_with(['"', '\'', '`']) {
            return Err(DatabaseUrlError::Quoted);
        }
        if text.chars().any(char::is_control) {
            return Err(DatabaseUrlError::ControlCharacter);
        }
        let (scheme, rest) = scheme::split(text)?;
        match scheme {
            Scheme::Postgres => server::parse(rest, server::Engine::Postgres).map(Self::Postgres),
            Scheme::MySql => server::parse(rest, server::Engine::MySql).map(Self::MySql),
            Scheme::Sqlite => sqlite::parse(rest).map(Self::Sqlite),
        }
    }

    /// `PostgreSQL`, `MySQL` or `SQLite`, for messages.
    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::MySql(_) => "MySQL",
            Self::Sqlite(_) => "SQLite",
        }
    }

    /// Remarks on parameters that were accepted but do not mean what they say elsewhere; for `doctor`.
    #[must_use]
    pub fn notes(&self) -> &[&'static str] {
        match self {
            Self::Postgres(target) | Self::MySql(target) => &target.notes,
            Self::Sqlite(_) => &[],
        }
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// What stays readable in a printed name.
const PRINTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The same in a printed path.
const PRINTED_PATH: &AsciiSet = &PRINTED.remove(b'/').remove(b':');

/// The URL without password and parameters: `postgres://app@db.example:5432/app`.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(target) => write_server(out, "postgres", target),
            Self::MySql(target) => write_server(out, "mysql", target),
            Self::Sqlite(SqliteTarget { location: SqliteLocation::Memory, .. }) => {
                out.write_str("sqlite://:memory:")
            }
            Self::Sqlite(SqliteTarget { location: SqliteLocation::File(path), .. }) => {
                write!(out, "sqlite://{}", utf8_percent_encode(&path.to_string_lossy(), PRINTED_PATH))
            }
        }
    }
}

fn write_server(out: &mut fmt::Formatter<'_>, scheme: &str, target: &ServerTarget) -> fmt::Result {
    write!(out, "{scheme}://")?;
    if let Some(user) = &target.user {
        write!(out, "{}@", utf8_percent_encode(user, PRINTED))?;
    }
    match &target.address {
        Address::Tcp { host, port } if host.contains(':') => write!(out, "[{host}]:{port}")?,
        Address::Tcp { host, port } => write!(out, "{host}:{port}")?,
        Address::Socket { .. } => out.write_str("localhost")?,
    }
    if let Some(database) = &target.database {
        write!(out, "/{}", utf8_percent_encode(database, PRINTED))?;
    }
    if let Address::Socket { path, .. } = &target.address {
        let parameter = if scheme == "mysql" { "socket" } else { "host" };
        write!(out, "?{parameter}={}", utf8_percent_encode(&path.to_string_lossy(), PRINTED_PATH))?;
    }
    Ok(())
}
