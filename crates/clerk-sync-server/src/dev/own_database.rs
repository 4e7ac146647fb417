//! The database file of `dev`: emptied at each start, and never under another `dev` that still works on it.

use anyhow::{Context as _, bail};
use std::{
    fs::{self, File, TryLockError},
    io::ErrorKind,
};

const FILE: &str = "clerk-sync-dev.db";

/// The right to empty the file, for as long as this lives.
#[derive(Debug)]
pub(super) struct OwnDatabase {
    _lock: Option<File>,
}

impl OwnDatabase {
    /// Takes the file for this process.
    pub(super) fn claim() -> anyhow::Result<Self> {
        // The directory is locked: a lock on the file itself could get in the way of SQLite's, and one beside it would
        // stay behind.
        let Ok(directory) = File::open(".") else { return Ok(Self { _lock: None }) };
        match directory.try_lock() {
            Err(TryLockError::WouldBlock) => bail!(
                "another clerk-sync dev works on {FILE} in this directory: stop it, start this one in another \
                 directory, or name another database with --database-url"
            ),
            // Some file systems lock no directories. People start one `dev` at a time all the same.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _lock: Some(directory) }),
        }
    }

    /// As in `DATABASE_URL`.
    pub(super) fn url() -> String {
        format!("sqlite://{FILE}")
    }

    /// Removes what an earlier start left, for the local Clerk forgot its users too.
    pub(super) fn empty(&self) -> anyhow::Result<()> {
        for suffix in ["", "-wal", "-shm"] {
            let file = format!("{FILE}{suffix}");
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("emptying {file} of an earlier start"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
