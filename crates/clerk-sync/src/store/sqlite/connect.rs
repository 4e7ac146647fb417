//! From a path to connections.

use super::errors::storing;
use crate::{
    database_url::{SqliteLocation, SqliteTarget},
    store::StoreError,
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::time::Duration;

const READERS: u32 = 4;

/// The writer's pool and the readers'.
pub(super) async fn pools(target: &SqliteTarget) -> Result<(SqlitePool, SqlitePool), StoreError> {
    const DOING: &str = "opening the database file";
    let options = SqliteConnectOptions::new()
        .foreign_keys(true)
        // Another process may hold the write lock for a moment.
        .busy_timeout(Duration::from_secs(5))
        // An answer of 2xx means that the row survives a power cut.
        .synchronous(SqliteSynchronous::Full);
    // A pool that closes an idle connection would lose a database in memory, and the writer its prepared statements.
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(5))
    };
    match &target.location {
        SqliteLocation::Memory => {
            let only = pool(1).connect_with(options.in_memory(true)).await.map_err(storing(DOING))?;
            Ok((only.clone(), only))
        }
        SqliteLocation::File(path) => {
            let options =
                options.filename(path).create_if_missing(target.create).journal_mode(SqliteJournalMode::Wal);
            let writer = pool(1).connect_with(options.clone()).await.map_err(storing(DOING))?;
            Ok((writer, pool(READERS).connect_lazy_with(options.create_if_missing(false))))
        }
    }
}
