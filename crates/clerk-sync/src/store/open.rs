//! From a database URL to a store.

use super::{Store, StoreError};
use crate::{database_url::DatabaseUrl, mapping::Mapping};
use std::sync::Arc;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This build has no support for the database.
    #[error("this build of clerk-sync has no support for {0}")]
    NotBuiltIn(&'static str),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the store that `url` names. No connection is made yet, but for SQLite.
///
/// # Errors
/// See [`OpenError`].
pub async fn open(url: &DatabaseUrl, mapping: Arc<Mapping>) -> Result<Arc<dyn Store>, OpenError> {
    match url {
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(target) => Ok(Arc::new(super::postgres::PostgresStore::new(target, mapping)?)),
        #[cfg(feature = "mysql")]
        DatabaseUrl::MySql(target) => Ok(Arc::new(super::mysql::MySqlStore::new(target, mapping)?)),
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(target) => Ok(Arc::new(super::sqlite::SqliteStore::open(target, mapping).await?)),
        #[cfg(not(all(feature = "postgres", feature = "mysql", feature = "sqlite")))]
        other => {
            let _ = mapping;
            Err(OpenError::NotBuiltIn(other.engine_name()))
        }
    }
}
