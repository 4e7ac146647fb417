//! The schema on SQLite: one transaction, so it is either there or not.

use super::{SqliteStore, Tx, errors::storing};
use crate::{
    mapping::{Column, Kind, Mapping, MomentFormat, quoted},
    store::{
        SchemaState, StoreError,
        dialect::Dialect,
        fit::{extras, fit},
        judge::Fit,
        schema::{
            Definitions, Migration, UsersTable, judge_users_table, newer_than, too_new, users_table_findings,
        },
    },
};
use sqlx::{AssertSqlSafe, Row as _};

const MIGRATIONS: [Migration; 3] = [
    Migration {
        version: 1,
        name: "the mirror",
        sql: include_str!("../../../migrations/sqlite/0001_mirror.sql"),
    },
    Migration {
        version: 2,
        name: "reconciling",
        sql: include_str!("../../../migrations/sqlite/0002_reconcile.sql"),
    },
    Migration {
        version: 3,
        name: "deletions held back",
        sql: include_str!("../../../migrations/sqlite/0003_pending_deletions.sql"),
    },
];

const KNOWN: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

const DOING: &str = "migrating the schema";

const DEFINITIONS: Definitions =
    Definitions { dialect: Dialect::Sqlite, mapped: |column| definition(column, ""), extra };

impl SqliteStore {
    pub(super) async fn run_migrations(&self) -> Result<Vec<String>, StoreError> {
        let mut tx = self.begin(DOING).await?;
        let mut done = Vec::new();
        let (found, ours) = version(&mut tx).await?;
        if found > KNOWN {
            return Err(too_new(found, KNOWN));
        }
        for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
            execute(&mut tx, migration.sql).await?;
            execute(&mut tx, &format!("update clerk_sync_meta set schema_version = {}", migration.version))
                .await?;
            done.push(format!("schema {}: {}", migration.version, migration.name));
        }
        let shape = self.users_shape(&mut tx).await?;
        match judge_users_table(&self.mapping, shape.as_ref(), ours.as_deref(), Dialect::Sqlite)? {
            UsersTable::Ready => {}
            UsersTable::Missing => {
                execute(&mut tx, &create_table(&self.mapping)).await?;
                execute(&mut tx, &record_table(&self.mapping)).await?;
                done.push(format!("created table {}", self.mapping.table()));
            }
            UsersTable::Lacks(columns) => {
                for (name, statement) in DEFINITIONS.additions(&self.mapping, &columns) {
                    execute(&mut tx, &statement).await?;
                    done.push(format!("added column {name} to {}", self.mapping.table()));
                }
            }
        }
        tx.commit().await.map_err(storing(DOING))?;
        Ok(done)
    }

    pub(super) async fn read_schema(&self) -> Result<SchemaState, StoreError> {
        let mut tx = self.begin("checking the schema").await?;
        let (found, ours) = version(&mut tx).await?;
        let shape = self.users_shape(&mut tx).await?;
        let (shape, ours) = (shape.as_ref(), ours.as_deref());
        let users_table = users_table_findings(&self.mapping, shape, ours, &DEFINITIONS);
        Ok(SchemaState { found, known: KNOWN, users_table })
    }

    /// How the mapping is written into the table that is there.
    pub(super) async fn fit_to_table(&self) -> Result<Fit, StoreError> {
        let mut tx = self.begin(DOING).await?;
        let shape = self.users_shape(&mut tx).await?;
        tx.rollback().await.map_err(storing(DOING))?;
        match shape {
            Some(shape) => fit(&self.mapping, &shape, Dialect::Sqlite),
            None => Ok(self.fit.clone()),
        }
    }
}

/// The version found and the users table we made, if any.
async fn version(tx: &mut Tx) -> Result<(i32, Option<String>), StoreError> {
    let there = sqlx::query("select 1 from sqlite_master where type = 'table' and name = 'clerk_sync_meta'");
    if there.fetch_optional(&mut **tx).await.map_err(storing(DOING))?.is_none() {
        return Ok((0, None));
    }
    let query = sqlx::query("select schema_version, users_table from clerk_sync_meta where id = 1");
    let row = query.fetch_one(&mut **tx).await.map_err(storing(DOING))?;
    Ok((row.try_get(0).map_err(storing(DOING))?, row.try_get(1).map_err(storing(DOING))?))
}

async fn execute(tx: &mut Tx, sql: &str) -> Result<(), StoreError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **tx).await.map(|_| ()).map_err(storing(DOING))
}

fn definition(column: &Column, key: &str) -> String {
    let kind = match column.format {
        Some(MomentFormat::Milliseconds | MomentFormat::Seconds) => "integer",
        _ => type_of(column.kind),
    };
    format!("{} {kind}{key}", quoted(&column.name, '"'))
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        // A moment is ISO 8601 text in UTC.
        Kind::Text | Kind::Timestamp | Kind::Json => "text",
        Kind::Integer | Kind::Boolean => "integer",
    }
}

fn extra(name: &str, kind: Kind) -> String {
    format!("{} {}", quoted(name, '"'), type_of(kind))
}

fn create_table(mapping: &Mapping) -> String {
    let columns = mapping.columns().iter().enumerate();
    let columns = columns.map(|(i, column)| {
        definition(column, if i == mapping.key_position() { " primary key not null" } else { "" })
    });
    let extras = extras(mapping).into_iter().map(|(name, kind)| extra(name, kind));
    format!(
        "create table {} (\n    {}\n)",
        mapping.table().quoted('"'),
        columns.chain(extras).collect::<Vec<_>>().join(",\n    ")
    )
}

fn record_table(mapping: &Mapping) -> String {
    format!("update clerk_sync_meta set users_table = {}", quoted(&mapping.table().to_string(), '\''))
}

/// Everything for an empty database, or for one that holds only the app's tables.
pub(super) fn script(mapping: &Mapping) -> String {
    let mut script = format!("begin;\n\n{}", newer_than(&MIGRATIONS, 0));
    if mapping.creates() {
        script.push_str(&format!("{};\n\n{};\n\n", create_table(mapping), record_table(mapping)));
    }
    script + "commit;\n"
}

/// What is newer than a version, for a database that has been brought to it.
pub(super) fn script_from(version: i32) -> String {
    match newer_than(&MIGRATIONS, version) {
        nothing if nothing.is_empty() => nothing,
        newer => format!("begin;\n\n{newer}commit;\n"),
    }
}
