//! Real databases, one fresh database, schema or file for each test.

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, Row as _, SqliteConnection};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Mysql,
}

impl Kind {
    /// The newest version of our tables.
    pub(crate) fn schema(self) -> i32 {
        if self == Self::Postgres { 4 } else { 3 }
    }
}

pub(crate) struct Database {
    pub(crate) kind: Kind,
    /// As in `DATABASE_URL`.
    pub(crate) url: String,
    /// What a driver connects to, and the schema to look in.
    server: String,
    schema: Option<String>,
    directory: Option<tempfile::TempDir>,
}

/// A cell as text; `None` is null.
pub(crate) type Cell = Option<String>;

enum Session {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

static NEXT: AtomicU32 = AtomicU32::new(0);

fn fresh_name() -> String {
    format!("clerk_sync_it_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The server's address. A database that is missing fails the run; it never skips.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where databases are")]
fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests with scripts/with-databases, which starts the databases")
    })
}

impl Database {
    pub(crate) async fn fresh(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::sqlite(),
            Kind::Postgres => Self::postgres_on(&server("TEST_POSTGRES_URL")).await,
            Kind::Mysql => Self::mysql().await,
        }
    }

    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        let server = format!("{url}?mode=rwc");
        Self { kind: Kind::Sqlite, url, server, schema: None, directory: Some(directory) }
    }

    pub(crate) async fn postgres_on(server: &str) -> Self {
        let schema = fresh_name();
        let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
        connection.execute(AssertSqlSafe(format!("create schema {schema}"))).await.unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}schema={schema}");
        Self { kind: Kind::Postgres, url, server: server.to_owned(), schema: Some(schema), directory: None }
    }

    /// PostgreSQL behind a PgBouncer in transaction mode, which the URL says. The test itself looks directly.
    pub(crate) async fn behind_pgbouncer() -> Self {
        let direct = Self::postgres_on(&server("TEST_POSTGRES_URL")).await;
        let pooler = server("TEST_PGBOUNCER_URL");
        let separator = if pooler.contains('?') { '&' } else { '?' };
        let schema = direct.name();
        let url = format!("{pooler}{separator}schema={schema}&pgbouncer=true");
        Self { url, ..direct }
    }

    async fn mysql() -> Self {
        let server = server("TEST_MYSQL_URL");
        let name = fresh_name();
        let mut connection = MySqlConnection::connect(&server).await.expect("MariaDB answers");
        let create = format!("create database {name} character set utf8mb4 collate utf8mb4_general_ci");
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        let (base, _) = server.rsplit_once('/').expect("a database in the URL");
        let url = format!("{base}/{name}");
        Self { kind: Kind::Mysql, server: url.clone(), url, schema: None, directory: None }
    }

    /// The file of an SQLite database.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.as_ref().expect("a file").path().join("test.db")
    }

    /// What the schema is called on PostgreSQL, and the database on MySQL.
    pub(crate) fn name(&self) -> String {
        let last = || self.url.rsplit('/').next().expect("a database in the URL").to_owned();
        self.schema.clone().unwrap_or_else(last)
    }

    /// The same database as another user of it. The test itself stays who it is.
    pub(crate) fn with_user(mut self, user: &str, password: &str) -> Self {
        let (scheme, rest) = self.url.split_once("://").expect("a URL");
        let (_, rest) = rest.split_once('@').expect("a user in the URL");
        self.url = format!("{scheme}://{user}:{password}@{rest}");
        self
    }

    /// `host:port` of the server, and the same URL through another port of this machine.
    pub(crate) fn through(&self, port: u16) -> (String, String) {
        let (front, rest) = self.url.split_once('@').expect("a user in the URL");
        let (address, path) = rest.split_once('/').expect("a database in the URL");
        (address.to_owned(), format!("{front}@127.0.0.1:{port}/{path}"))
    }

    async fn session(&self) -> Session {
        match self.kind {
            Kind::Sqlite => Session::Sqlite(SqliteConnection::connect(&self.server).await.unwrap()),
            Kind::Mysql => Session::Mysql(MySqlConnection::connect(&self.server).await.unwrap()),
            Kind::Postgres => {
                let mut connection = PgConnection::connect(&self.server).await.unwrap();
                let schema = self.schema.as_deref().expect("a schema");
                let path = AssertSqlSafe(format!("set search_path = {schema}"));
                connection.execute(path).await.unwrap();
                Session::Postgres(connection)
            }
        }
    }

    /// Runs one or several statements.
    pub(crate) async fn run(&self, sql: &str) {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self.session().await {
            Session::Sqlite(mut session) => query.execute(&mut session).await.map(drop),
            Session::Postgres(mut session) => query.execute(&mut session).await.map(drop),
            Session::Mysql(mut session) => query.execute(&mut session).await.map(drop),
        }
        .unwrap_or_else(|error| panic!("{error} in {sql}"));
    }

    /// Every cell as text.
    pub(crate) async fn select(&self, columns: &[&str], rest: &str) -> Vec<Vec<Cell>> {
        macro_rules! cells {
            ($session:expr, $sql:expr) => {{
                let rows = sqlx::raw_sql($sql).fetch_all(&mut $session).await;
                let rows = rows.unwrap_or_else(|error| panic!("{error} in {rest}"));
                rows.iter().map(|row| (0..columns.len()).map(|i| row.get::<Cell, _>(i)).collect()).collect()
            }};
        }
        let kind = if self.kind == Kind::Mysql { "char" } else { "text" };
        let list: Vec<String> = columns.iter().map(|column| format!("cast({column} as {kind})")).collect();
        let sql = AssertSqlSafe(format!("select {} {rest}", list.join(", ")));
        match self.session().await {
            Session::Sqlite(mut session) => cells!(session, sql),
            Session::Postgres(mut session) => cells!(session, sql),
            Session::Mysql(mut session) => cells!(session, sql),
        }
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let (expression, rest) = sql.split_once(" from ").expect("a from");
        let rows = self.select(&[expression], &format!("from {rest}")).await;
        rows[0][0].as_deref().expect("a number").parse().unwrap()
    }

    /// First names by user.
    pub(crate) async fn users(&self) -> BTreeMap<String, String> {
        let rows = self.select(&["clerk_id", "first_name"], "from users").await;
        rows.into_iter()
            .map(|mut row| (row[0].take().expect("an id"), row[1].take().unwrap_or_default()))
            .collect()
    }

    pub(crate) async fn first_name(&self, user: &str) -> Option<String> {
        self.users().await.remove(user)
    }

    /// Makes a table `orders` whose only row refers to a user's, by the key `orders_of_user`.
    pub(crate) async fn refer_to(&self, user: &str) {
        let text = match self.kind {
            Kind::Mysql => "varchar(255) character set utf8mb4 collate utf8mb4_bin",
            _ => "text",
        };
        let ddl = format!(
            "create table orders (number integer primary key, user_id {text} not null, \
             constraint orders_of_user foreign key (user_id) references users (clerk_id))"
        );
        self.run(&ddl).await;
        self.run(&format!("insert into orders values (1, '{user}')")).await;
    }

    pub(crate) async fn letters(&self) -> i64 {
        self.number("count(*) from clerk_sync_dead_letters").await
    }

    /// The feed as `(user, change)`, in order. Its numbers must have no gap.
    pub(crate) async fn feed(&self) -> Vec<(String, String)> {
        let change = if self.kind == Kind::Mysql { "`change`" } else { "\"change\"" };
        let columns = ["number", "user_id", change];
        let rows = self.select(&columns, "from clerk_sync_changes order by clerk_sync_changes.number").await;
        let last = self.number("last_change from clerk_sync_meta").await;
        assert_eq!(i64::try_from(rows.len()).unwrap(), last, "the feed and its counter");
        let text = |cell: &Cell| cell.clone().expect("a value");
        for (position, row) in (1_i64..).zip(&rows) {
            assert_eq!(text(&row[0]), position.to_string(), "the feed has a gap");
        }
        rows.iter().map(|row| (text(&row[1]), text(&row[2]))).collect()
    }

    pub(crate) async fn tables(&self) -> Vec<String> {
        let rows = match self.kind {
            Kind::Sqlite => {
                self.select(&["name"], "from sqlite_schema where type = 'table' order by name").await
            }
            Kind::Postgres => {
                self.select(&["tablename"], "from pg_tables where schemaname = current_schema() order by 1")
                    .await
            }
            Kind::Mysql => {
                let rest = "from information_schema.tables where table_schema = database() order by 1";
                self.select(&["table_name"], rest).await
            }
        };
        rows.into_iter().flatten().flatten().filter(|name| !name.starts_with("sqlite_")).collect()
    }

    pub(crate) async fn columns(&self, table: &str) -> Vec<String> {
        let rest = match self.kind {
            Kind::Sqlite => {
                let rest = format!("from pragma_table_info('{table}') order by cid");
                return self.select(&["name"], &rest).await.into_iter().flatten().flatten().collect();
            }
            Kind::Postgres => format!("where table_schema = current_schema() and table_name = '{table}'"),
            Kind::Mysql => format!("where table_schema = database() and table_name = '{table}'"),
        };
        let rest = format!("from information_schema.columns {rest} order by ordinal_position");
        self.select(&["column_name"], &rest).await.into_iter().flatten().flatten().collect()
    }

    /// All tables of data with every cell, as text, but the time of the last event.
    pub(crate) async fn dump(&self) -> String {
        let mut dump = String::new();
        for table in self.tables().await {
            // Who reconciles, and who may call how often, is no data.
            if ["clerk_sync_lease", "clerk_sync_shares"].contains(&table.as_str()) {
                continue;
            }
            let columns = self.columns(&table).await;
            let quoted: Vec<String> = columns
                .iter()
                .filter(|name| *name != "last_event_at")
                .map(|name| self.readable(&table, name))
                .collect();
            let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
            dump.push_str(&format!("{table} {columns:?}\n"));
            for row in self.select(&quoted, &format!("from {table} order by 1")).await {
                dump.push_str(&format!("{row:?}\n"));
            }
        }
        dump
    }

    /// A column as an expression that can be cast to text.
    fn readable(&self, table: &str, column: &str) -> String {
        match self.kind {
            Kind::Postgres => format!("\"{column}\""),
            // Bytes need not be text.
            Kind::Sqlite if column == "digest" => "hex(digest)".to_owned(),
            Kind::Mysql if column == "digest" && table == "clerk_sync_users" => "hex(digest)".to_owned(),
            Kind::Sqlite => format!("\"{column}\""),
            Kind::Mysql => format!("`{column}`"),
        }
    }
}
