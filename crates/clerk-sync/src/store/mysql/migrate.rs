//! The schema on MySQL and MariaDB. Their DDL commits by itself, so every statement can run again.

use super::{
    MySqlStore,
    errors::{is_index_there, storing},
};
use crate::{
    mapping::{Column, Kind, Mapping, MomentFormat, Source, quoted},
    store::{
        SchemaState, StoreError, StoreErrorKind,
        dialect::Dialect,
        fit::{extras, fit},
        judge::Fit,
        schema::{
            Definitions, Migration, UsersTable, judge_users_table, newer_than, statements, too_new,
            users_table_findings,
        },
        session::Session,
    },
};
use sqlx::{AssertSqlSafe, MySqlConnection, Row as _};

const MIGRATIONS: [Migration; 3] = [
    Migration {
        version: 1,
        name: "the mirror",
        sql: include_str!("../../../migrations/mysql/0001_mirror.sql"),
    },
    Migration {
        version: 2,
        name: "reconciling",
        sql: include_str!("../../../migrations/mysql/0002_reconcile.sql"),
    },
    Migration {
        version: 3,
        name: "deletions held back",
        sql: include_str!("../../../migrations/mysql/0003_pending_deletions.sql"),
    },
];

const KNOWN: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

const DOING: &str = "migrating the schema";

const DEFINITIONS: Definitions =
    Definitions { dialect: Dialect::MySql, mapped: |column| definition(column, ""), extra };

impl MySqlStore {
    pub(super) async fn run_migrations(&self) -> Result<Vec<String>, StoreError> {
        // With nothing to do no lock is needed, which not every host gives.
        if self.read_schema().await.is_ok_and(|schema| schema.is_ready()) {
            return Ok(Vec::new());
        }
        let mut session = Session::acquire(&self.pool).await.map_err(storing(DOING))?;
        let lock = "select cast(coalesce(get_lock(concat('clerk_sync.', coalesce(database(), '')), 30), 0) as signed)";
        let row = sqlx::query(lock).fetch_one(&mut *session).await.map_err(storing(DOING))?;
        if row.try_get::<i64, _>(0).map_err(storing(DOING))? != 1 {
            let detail = "another clerk-sync has been migrating for 30 s";
            return Err(StoreError::new(StoreErrorKind::Unavailable, DOING, detail));
        }
        let result = self.migrate_locked(&mut session).await;
        let unlock = "select release_lock(concat('clerk_sync.', coalesce(database(), '')))";
        // Otherwise the lock goes with its session.
        if sqlx::query(unlock).execute(&mut *session).await.is_ok() {
            session.give_back();
        }
        result
    }

    async fn migrate_locked(&self, connection: &mut MySqlConnection) -> Result<Vec<String>, StoreError> {
        let mut done = Vec::new();
        let (found, ours) = version(connection).await?;
        if found > KNOWN {
            return Err(too_new(found, KNOWN));
        }
        for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
            for statement in statements(migration.sql) {
                execute_again(connection, statement).await?;
            }
            execute(
                connection,
                &format!("update clerk_sync_meta set schema_version = {}", migration.version),
            )
            .await?;
            done.push(format!("schema {}: {}", migration.version, migration.name));
        }
        let shape = self.users_shape(connection).await?;
        match judge_users_table(&self.mapping, shape.as_ref(), ours.as_deref(), Dialect::MySql)? {
            UsersTable::Ready => {}
            UsersTable::Missing => {
                // First the claim, then the table: a crash between them leaves a table to be made, not one to refuse.
                execute(connection, &record_table(&self.mapping)).await?;
                execute(connection, &create_table(&self.mapping)).await?;
                done.push(format!("created table {}", self.mapping.table()));
            }
            UsersTable::Lacks(columns) => {
                for (name, statement) in DEFINITIONS.additions(&self.mapping, &columns) {
                    execute(connection, &statement).await?;
                    done.push(format!("added column {name} to {}", self.mapping.table()));
                }
            }
        }
        Ok(done)
    }

    pub(super) async fn read_schema(&self) -> Result<SchemaState, StoreError> {
        let mut session = Session::acquire(&self.pool).await.map_err(storing("checking the schema"))?;
        let (found, ours) = version(&mut session).await?;
        let shape = self.users_shape(&mut session).await?;
        session.give_back();
        let (shape, ours) = (shape.as_ref(), ours.as_deref());
        let users_table = users_table_findings(&self.mapping, shape, ours, &DEFINITIONS);
        Ok(SchemaState { found, known: KNOWN, users_table })
    }

    /// How the mapping is written into the table that is there.
    pub(super) async fn fit_to_table(&self) -> Result<Fit, StoreError> {
        let mut session = Session::acquire(&self.pool).await.map_err(storing(DOING))?;
        let shape = self.users_shape(&mut session).await?;
        session.give_back();
        match shape {
            Some(shape) => fit(&self.mapping, &shape, Dialect::MySql),
            None => Ok(self.fit.clone()),
        }
    }
}

/// The version found and the users table we made, if any.
async fn version(connection: &mut MySqlConnection) -> Result<(i32, Option<String>), StoreError> {
    let there = "select count(*) from information_schema.tables \
         where table_schema = database() and table_name = 'clerk_sync_meta'";
    let row =
        sqlx::query(there).persistent(false).fetch_one(&mut *connection).await.map_err(storing(DOING))?;
    if row.try_get::<i64, _>(0).map_err(storing(DOING))? == 0 {
        return Ok((0, None));
    }
    let query =
        sqlx::query("select schema_version, users_table from clerk_sync_meta where id = 1").persistent(false);
    match query.fetch_optional(connection).await.map_err(storing(DOING))? {
        Some(row) => Ok((row.try_get(0).map_err(storing(DOING))?, row.try_get(1).map_err(storing(DOING))?)),
        // A first migration that was cut short.
        None => Ok((0, None)),
    }
}

async fn execute(connection: &mut MySqlConnection, sql: &str) -> Result<(), StoreError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(|_| ()).map_err(storing(DOING))
}

/// A statement of a migration that may have been cut short: there is no `create index if not exists` in MySQL.
async fn execute_again(connection: &mut MySqlConnection, sql: &str) -> Result<(), StoreError> {
    match sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await {
        Err(error) if is_index_there(&error) => Ok(()),
        result => result.map(|_| ()).map_err(storing(DOING)),
    }
}

fn definition(column: &Column, key: &str) -> String {
    let kind = match (column.kind, column.format) {
        (Kind::Text, _) => text_type(&column.source),
        (_, Some(MomentFormat::Milliseconds | MomentFormat::Seconds)) => "bigint",
        (_, Some(MomentFormat::Iso | MomentFormat::Sql)) => "varchar(24)",
        (kind, None) => type_of(kind),
    };
    let collation = match column.kind {
        Kind::Text => " character set utf8mb4 collate utf8mb4_bin",
        _ => "",
    };
    format!("{} {kind}{collation}{key}", quoted(&column.name, '`'))
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "varchar(255)",
        Kind::Integer => "bigint",
        Kind::Boolean => "boolean",
        Kind::Timestamp => "datetime(3)",
        Kind::Json => "json",
    }
}

/// Short enough to index what people look users up by; room enough for the rest.
fn text_type(source: &Source) -> &'static str {
    match source {
        source if source.is_id() => "varchar(255)",
        Source::PrimaryEmailAddress | Source::PrimaryPhoneNumber | Source::PrimaryWeb3Wallet => {
            "varchar(512)"
        }
        Source::Path(path) if path.len() == 1 && matches!(path[0].as_str(), "username" | "external_id") => {
            "varchar(512)"
        }
        _ => "mediumtext",
    }
}

fn extra(name: &str, kind: Kind) -> String {
    format!("{} {}", quoted(name, '`'), type_of(kind))
}

fn create_table(mapping: &Mapping) -> String {
    let columns = mapping.columns().iter().enumerate();
    let columns = columns
        .map(|(i, column)| definition(column, if i == mapping.key_position() { " primary key" } else { "" }));
    let extras = extras(mapping).into_iter().map(|(name, kind)| extra(name, kind));
    format!(
        "create table {} (\n    {}\n) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin",
        mapping.table().quoted('`'),
        columns.chain(extras).collect::<Vec<_>>().join(",\n    ")
    )
}

fn record_table(mapping: &Mapping) -> String {
    let name = mapping.table().to_string().replace('\\', "\\\\");
    format!("update clerk_sync_meta set users_table = {}", quoted(&name, '\''))
}

/// Everything for an empty database, or for one that holds only the app's tables.
pub(super) fn script(mapping: &Mapping) -> String {
    let mut script = newer_than(&MIGRATIONS, 0);
    if mapping.creates() {
        script.push_str(&format!("{};\n\n{};\n", record_table(mapping), create_table(mapping)));
    }
    script
}

/// What is newer than a version, for a database that has been brought to it.
pub(super) fn script_from(version: i32) -> String {
    newer_than(&MIGRATIONS, version)
}
