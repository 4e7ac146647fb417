//! What a doctor wants to know of SQLite: whether the file can be written.

use super::{SqliteStore, errors::storing};
use crate::store::{Server, StoreError};
use sqlx::Row as _;

impl SqliteStore {
    /// Asked in a transaction that may write: for a file that may not be written it cannot begin, and says so.
    pub(super) async fn read_server(&self) -> Result<Server, StoreError> {
        const DOING: &str = "beginning to write";
        let mut tx = self.begin(DOING).await?;
        let row = sqlx::query("select sqlite_version()").fetch_one(&mut *tx).await.map_err(storing(DOING))?;
        let version = row.try_get(0).map_err(storing(DOING))?;
        tx.rollback().await.map_err(storing(DOING))?;
        Ok(Server { version, is_read_only: false, schema: Some("main".to_owned()) })
    }
}
