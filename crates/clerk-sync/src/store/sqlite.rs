//! SQLite: write-ahead log, full synchronisation, one writer.
//!
//! Every transaction that may write begins as such (`begin immediate`): one that begins as a reader and wants to
//! write later fails at once when another was faster.

mod catalogue;
mod column;
mod commit;
mod connect;
mod coordination;
mod dead_letters;
mod errors;
mod examine;
mod inventory;
mod linking;
mod meta;
mod migrate;
mod pending;
mod read;
mod unique;

use super::{
    Applied, Binding, DeadLetter, Deletions, Entry, FeedPage, Gauges, NewDeadLetter, Notes, Presence,
    SchemaState, Server, Store, StoreError, Summary, dialect::Dialect, judge::Fit,
};
use crate::{
    database_url::SqliteTarget,
    mapping::{Mapping, Row},
    observation::Observation,
    user_id::UserId,
};
use async_trait::async_trait;
use errors::storing;
use sqlx::{AssertSqlSafe, Sqlite, SqlitePool, Transaction, query::Query, sqlite::SqliteArguments};
use std::sync::Arc;

/// A transaction in progress.
type Tx = Transaction<'static, Sqlite>;
type LiteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// See the module.
#[derive(Debug)]
pub struct SqliteStore {
    /// The one connection that writes.
    writer: SqlitePool,
    /// Connections that only read; for a database in memory, the writer's.
    readers: SqlitePool,
    mapping: Arc<Mapping>,
    fit: Fit,
    sql: commit::RowSql,
}

impl SqliteStore {
    /// Opens the database file, and makes it unless the URL says no.
    ///
    /// # Errors
    /// [`super::StoreErrorKind::Unavailable`] where the file cannot be opened.
    pub async fn open(target: &SqliteTarget, mapping: Arc<Mapping>) -> Result<Self, StoreError> {
        let (writer, readers) = connect::pools(target).await?;
        let fit = Fit::made_by_us(&mapping, Dialect::Sqlite);
        let sql = commit::RowSql::new(&mapping, &fit);
        Ok(Self { writer, readers, sql, mapping: Arc::new(mapping.stored_in(fit.storages())), fit })
    }

    async fn begin(&self, doing: &'static str) -> Result<Tx, StoreError> {
        const BEGIN: &str = "begin immediate";
        let begun = match self.writer.begin_with(BEGIN).await {
            // SQLite ended the last transaction by itself, as on a full disk or a failed write. The driver still counts
            // it, and would refuse every later one on this connection.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                let spoilt = self.writer.acquire().await.map_err(storing(doing))?;
                spoilt.close().await.map_err(storing(doing))?;
                self.writer.begin_with(BEGIN).await
            }
            begun => begun,
        };
        begun.map_err(storing(doing))
    }
}

fn built_query<'q>(sql: String) -> LiteQuery<'q> {
    sqlx::query(AssertSqlSafe(sql))
}

#[async_trait]
impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    fn concurrent_commits(&self) -> usize {
        1
    }

    async fn commit_noting(&self, batch: &[Observation], notes: &Notes) -> Result<Vec<Applied>, StoreError> {
        self.commit_batch(batch, notes).await
    }

    async fn presence(&self, user: &UserId) -> Result<Presence, StoreError> {
        self.read_presence(user).await
    }

    async fn entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError> {
        self.read_entry(user).await
    }

    async fn row(&self, user: &UserId) -> Result<Option<Row>, StoreError> {
        self.read_row(user).await
    }

    async fn rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.read_rows(after, limit).await
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError> {
        self.read_changes(after, limit).await
    }

    async fn deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError> {
        self.read_deletions(after, limit).await
    }

    async fn bury(&self, letter: &NewDeadLetter) -> Result<i64, StoreError> {
        self.insert_dead_letter(letter).await
    }

    async fn dead_letters(&self, after: i64, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.list_dead_letters(after, limit).await
    }

    async fn dead_letter(&self, number: i64) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.list_dead_letters(number - 1, 1).await?.pop().filter(|letter| letter.number == number))
    }

    async fn drop_dead_letter(&self, number: i64) -> Result<bool, StoreError> {
        self.delete_dead_letter(number).await
    }

    async fn binding(&self) -> Result<Option<Binding>, StoreError> {
        self.read_binding().await
    }

    async fn bind(&self, binding: &Binding) -> Result<Binding, StoreError> {
        self.write_binding(binding).await
    }

    async fn note_event(&self, now_ms: i64) -> Result<(), StoreError> {
        self.write_event_time(now_ms).await
    }

    async fn purge_tombstones(&self, as_of: i64) -> Result<u64, StoreError> {
        self.delete_tombstones(as_of).await
    }

    async fn gauges(&self) -> Result<Gauges, StoreError> {
        self.read_gauges().await
    }

    async fn summary(&self) -> Result<Summary, StoreError> {
        self.read_summary().await
    }

    async fn schema(&self) -> Result<SchemaState, StoreError> {
        self.read_schema().await
    }

    async fn server(&self) -> Result<Server, StoreError> {
        self.read_server().await
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.run_migrations().await
    }

    async fn fitted(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let fit = self.fit_to_table().await?;
        let mapping = Arc::new(self.mapping.stored_in(fit.storages()));
        let sql = commit::RowSql::new(&mapping, &fit);
        let (writer, readers) = (self.writer.clone(), self.readers.clone());
        Ok(Some(Arc::new(Self { writer, readers, sql, mapping, fit })))
    }

    fn migration_sql(&self) -> String {
        migrate::script(&self.mapping)
    }

    fn migration_sql_from(&self, version: i32) -> String {
        migrate::script_from(version)
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
