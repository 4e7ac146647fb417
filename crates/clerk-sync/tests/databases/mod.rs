//! Real databases for tests, one fresh database, schema or file each.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test helper panics, and asks the environment for the servers"
)]

use clerk_sync::{
    database_url::DatabaseUrl,
    mapping::{DeletionSpec, Mapping},
    store::{
        self, Store,
        conformance::{self, Fixture},
    },
};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, SqliteConnection};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// A store on a database of its own.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) store: Arc<dyn Store>,
    /// Where to reach the same database by other means.
    pub(crate) url: String,
    _directory: Option<tempfile::TempDir>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

fn fresh_name() -> String {
    format!("clerk_sync_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The server's address. A database that is missing fails the run; it never skips.
pub(crate) fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run ./scripts/test, which starts the databases itself")
    })
}

/// The same tables as `store`'s, by a store that deletes as `deletion` says.
pub(crate) async fn deleting(url: &str, store: &dyn Store, deletion: DeletionSpec) -> Arc<dyn Store> {
    let mapping = Arc::new(store.mapping().deleting(deletion).expect("a mapping"));
    let store = store::open(&DatabaseUrl::parse(url).expect("a URL"), mapping).await.expect("a store");
    store.fitted().await.expect("it fits").unwrap_or(store)
}

impl Database {
    /// A store that has nothing but its address yet.
    async fn at(url: String, directory: Option<tempfile::TempDir>, mapping: Arc<Mapping>) -> Self {
        let store = store::open(&DatabaseUrl::parse(&url).expect("a URL"), mapping).await.expect("a store");
        Self { store, url, _directory: directory }
    }

    async fn migrated(self) -> Self {
        self.store.migrate().await.expect("the schema is made");
        self
    }
}

pub(crate) async fn sqlite() -> Database {
    sqlite_of(conformance::mapping()).await.migrated().await
}

pub(crate) async fn postgres() -> Database {
    postgres_of(conformance::mapping()).await.migrated().await
}

pub(crate) async fn mysql() -> Database {
    mysql_of(conformance::mapping()).await.migrated().await
}

/// A file without any table.
pub(crate) async fn sqlite_of(mapping: Arc<Mapping>) -> Database {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    Database::at(url, Some(directory), mapping).await
}

/// A schema without any table.
pub(crate) async fn postgres_of(mapping: Arc<Mapping>) -> Database {
    let server = server("TEST_POSTGRES_URL");
    let schema = fresh_name();
    let mut connection = PgConnection::connect(&server).await.expect("PostgreSQL answers");
    connection.execute(AssertSqlSafe(format!("create schema {schema}"))).await.expect("a schema");
    let separator = if server.contains('?') { '&' } else { '?' };
    Database::at(format!("{server}{separator}schema={schema}"), None, mapping).await
}

/// A database without any table.
pub(crate) async fn mysql_of(mapping: Arc<Mapping>) -> Database {
    let server = server("TEST_MYSQL_URL");
    let name = fresh_name();
    let mut connection = MySqlConnection::connect(&server).await.expect("MySQL answers");
    // A collation that ignores case: ours must not depend on the default.
    let create = format!("create database {name} character set utf8mb4 collate utf8mb4_general_ci");
    connection.execute(AssertSqlSafe(create)).await.expect("a database");
    let (base, _) = server.rsplit_once('/').expect("a database in the URL");
    Database::at(format!("{base}/{name}"), None, mapping).await
}

#[async_trait::async_trait]
impl Fixture for Database {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    async fn require_unique(&self, column: &str) -> bool {
        self.run_sql(&format!("create unique index users_by_{column} on users ({column})")).await
    }

    async fn deleting(&self, deletion: DeletionSpec) -> Arc<dyn Store> {
        deleting(&self.url, self.store.as_ref(), deletion).await
    }

    async fn run_sql(&self, sql: &str) -> bool {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let done = match self.url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres") => {
                let (server, schema) = self.url.rsplit_once("schema=").expect("a schema");
                let mut connection =
                    PgConnection::connect(server.trim_end_matches(['?', '&'])).await.expect("connected");
                let path = AssertSqlSafe(format!("set search_path = {schema}"));
                connection.execute(path).await.expect("a search path");
                sql.execute(&mut connection).await.map(|_| ())
            }
            Some("mysql") => {
                let mut connection = MySqlConnection::connect(&self.url).await.expect("connected");
                sql.execute(&mut connection).await.map(|_| ())
            }
            _ => {
                let mut connection = SqliteConnection::connect(&self.url).await.expect("connected");
                sql.execute(&mut connection).await.map(|_| ())
            }
        };
        done.expect("the statement runs");
        true
    }
}
