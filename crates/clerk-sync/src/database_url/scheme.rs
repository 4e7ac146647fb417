//! The word before the colon, and what to tell people who bring another tool's.

use super::error::DatabaseUrlError;

/// A kind of database, by the scheme of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Postgres,
    MySql,
    Sqlite,
}

/// Takes the scheme off; what follows begins after the colon.
pub(super) fn split(text: &str) -> Result<(Scheme, &str), DatabaseUrlError> {
    let (written, rest) = text.split_once(':').ok_or(DatabaseUrlError::NotAUrl)?;
    if written.is_empty() || !written.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)) {
        return Err(DatabaseUrlError::NotAUrl);
    }
    let scheme = match written.to_ascii_lowercase().as_str() {
        "postgres" | "postgresql" => Scheme::Postgres,
        "mysql" | "mariadb" => Scheme::MySql,
        "sqlite" => Scheme::Sqlite,
        other => return Err(refusal(other, rest)),
    };
    Ok((scheme, rest))
}

fn refusal(scheme: &str, rest: &str) -> DatabaseUrlError {
    let advice = match scheme {
        "file" => file_advice(rest),
        "prisma" | "prisma+postgres" => {
            "it is the address of a proxy that only Prisma's client speaks; use the database's own URL \
             (DIRECT_URL), which begins with postgres:// or mysql://"
                .to_owned()
        }
        "jdbc" => "remove the leading `jdbc:` and write user and password before the host".to_owned(),
        "sqlite3" => "write sqlite://path/to/file.db".to_owned(),
        "libsql" => {
            "write sqlite://path/to/file.db for a local file; remote libSQL is not supported".to_owned()
        }
        "postgis" | "pg" | "psql" | "pgsql" | "cockroachdb" | "cockroach" => "write postgres://".to_owned(),
        "mysql2" => "write mysql://".to_owned(),
        dialect if dialect.starts_with("postgresql+") || dialect.starts_with("postgres+") => {
            "write postgres://, without the driver's name".to_owned()
        }
        dialect if dialect.starts_with("mysql+") || dialect.starts_with("mariadb+") => {
            "write mysql://, without the driver's name".to_owned()
        }
        // Without `//` this may be `user:password@host` or `host:port`; its first word stays unprinted.
        _ if !rest.starts_with("//") => return DatabaseUrlError::NotAUrl,
        _ => "use postgres://, mysql:// or sqlite://".to_owned(),
    };
    DatabaseUrlError::Scheme { scheme: scheme.chars().take(24).collect(), advice }
}

/// Prisma writes `file:./dev.db`, meaning a path relative to its schema file.
fn file_advice(rest: &str) -> String {
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let path = path.strip_prefix("//").unwrap_or(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if path.is_empty() || path.len() > 200 || !path.chars().all(plain) {
        return "write sqlite://path/to/file.db".to_owned();
    }
    if path.starts_with('/') {
        return format!("write sqlite://{path}");
    }
    format!(
        "write sqlite://{path} (relative to the working directory; Prisma's own path is relative to its \
         schema.prisma)"
    )
}
