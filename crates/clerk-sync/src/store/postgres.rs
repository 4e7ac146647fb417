//! PostgreSQL.
//!
//! Sessions are set up once with limits and search path. Behind a pooler in transaction mode, where sessions belong to
//! nobody, every transaction brings them along instead.

mod bell;
mod bind;
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
mod write;

use super::{
    Applied, Bell, Binding, DeadLetter, Deletions, Entry, FeedPage, Gauges, NewDeadLetter, Notes, Presence,
    Rights, SchemaState, Server, Store, StoreError, Summary, dialect::Dialect, judge::Fit,
    session::Transaction,
};
use crate::{
    database_url::ServerTarget,
    mapping::{Mapping, Row},
    observation::Observation,
    user_id::UserId,
};
use async_trait::async_trait;
use errors::storing;
use sqlx::{AssertSqlSafe, PgPool, Postgres};
use std::sync::Arc;

/// A transaction in progress.
type Tx = Transaction<Postgres>;

/// See the module.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    mapping: Arc<Mapping>,
    fit: Fit,
    begin: Arc<str>,
    /// How scripts for other means begin.
    begin_script: Arc<str>,
    sql: write::WriteSql,
    /// Whether statements may be prepared once and kept by name.
    keeps_statements: bool,
    /// Whether sessions are ours alone and carry our limits.
    sets_up_sessions: bool,
}

impl PostgresStore {
    /// A store on `target`. Connects when it is first used.
    ///
    /// # Errors
    /// [`super::StoreErrorKind::Schema`] where a certificate file of the URL cannot be read.
    pub fn new(target: &ServerTarget, mapping: Arc<Mapping>) -> Result<Self, StoreError> {
        let fit = Fit::made_by_us(&mapping, Dialect::Postgres);
        Ok(Self {
            pool: connect::pool(target)?,
            begin: connect::begin_sql(target).into(),
            begin_script: connect::begin_script(target).into(),
            sql: write::WriteSql::new(&mapping, &fit),
            keeps_statements: target.keeps_prepared_statements(),
            sets_up_sessions: connect::sets_up_sessions(target),
            mapping: Arc::new(mapping.stored_in(fit.storages())),
            fit,
        })
    }

    async fn begin(&self, doing: &'static str) -> Result<Tx, StoreError> {
        let begin = AssertSqlSafe(Arc::clone(&self.begin));
        Transaction::begin(&self.pool, begin).await.map_err(storing(doing))
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    fn concurrent_commits(&self) -> usize {
        2
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

    fn bell(&self) -> Option<Box<dyn Bell>> {
        self.sets_up_sessions.then(|| -> Box<dyn Bell> { Box::new(bell::PostgresBell::new(&self.pool)) })
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

    async fn rights(&self) -> Result<Rights, StoreError> {
        self.read_rights().await
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.run_migrations().await
    }

    async fn fitted(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let fit = self.fit_to_table().await?;
        let mapping = Arc::new(self.mapping.stored_in(fit.storages()));
        Ok(Some(Arc::new(Self {
            pool: self.pool.clone(),
            begin: Arc::clone(&self.begin),
            begin_script: Arc::clone(&self.begin_script),
            sql: write::WriteSql::new(&mapping, &fit),
            keeps_statements: self.keeps_statements,
            sets_up_sessions: self.sets_up_sessions,
            mapping,
            fit,
        })))
    }

    fn migration_sql(&self) -> String {
        migrate::script(&self.begin_script, &self.mapping)
    }

    fn migration_sql_from(&self, version: i32) -> String {
        migrate::script_from(&self.begin_script, version)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
