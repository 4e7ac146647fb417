//! URLs of SQLite databases: `sqlite://path`, `sqlite:path`, `sqlite::memory:`.

use std::path::PathBuf;

use super::authority::decode;
use super::error::{DatabaseUrlError, Part};
use super::target::{SqliteLocation, SqliteTarget};

/// Parses what follows `sqlite:`.
pub(super) fn parse(rest: &str) -> Result<SqliteTarget, DatabaseUrlError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut target =
        SqliteTarget { location: location(path.strip_prefix("//").unwrap_or(path))?, create: true };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("mode", "rwc") => {}
            ("mode", "rw") => target.create = false,
            ("mode", "memory") => target.location = SqliteLocation::Memory,
            ("mode", "ro") => {
                let advice = "the database is written to; leave `mode` out";
                return Err(DatabaseUrlError::Unsupported { name: "mode", advice });
            }
            ("mode", _) => {
                let expected = "`rwc` (make the file if it is missing), `rw` or `memory`";
                return Err(DatabaseUrlError::Value { name: "mode", expected });
            }
            (name, _) => {
                let name = super::parameters::printable(name);
                return Err(DatabaseUrlError::UnknownParameter { name, nearest: Some("mode") });
            }
        }
    }
    Ok(target)
}

fn location(path: &str) -> Result<SqliteLocation, DatabaseUrlError> {
    if path == ":memory:" {
        return Ok(SqliteLocation::Memory);
    }
    let path = decode(path, Part::Path)?;
    if path.is_empty() {
        return Err(DatabaseUrlError::NoFile);
    }
    if path.ends_with('/') {
        return Err(DatabaseUrlError::File { advice: "it ends with a slash; add the file's name" });
    }
    if path.starts_with('~') {
        return Err(DatabaseUrlError::File { advice: "`~` is not expanded here; write the whole path" });
    }
    Ok(SqliteLocation::File(PathBuf::from(path)))
}
