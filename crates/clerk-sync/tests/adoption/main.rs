//! Tables that somebody else made are written as they are, on real databases.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests stop where something is wrong")]

#[path = "../databases/mod.rs"]
mod databases;
mod deletions;
mod frameworks;
mod linking;
mod refused;
mod tables;
mod types;

use clerk_sync::{
    mapping::{Mapping, MappingSpec},
    store::{
        StoreError,
        conformance::{self, Fixture as _},
    },
};
use databases::{Database, mysql_of, postgres_of, sqlite_of};
use std::sync::Arc;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Mysql,
    Sqlite,
}

/// A database with a table of somebody else's.
async fn with_table(kind: Kind, ddl: &str, spec: MappingSpec) -> Database {
    let mapping = Arc::new(Mapping::try_new(MappingSpec { create: false, ..spec }).expect("a mapping"));
    let database = match kind {
        Kind::Postgres => postgres_of(mapping).await,
        Kind::Mysql => mysql_of(mapping).await,
        Kind::Sqlite => sqlite_of(mapping).await,
    };
    database.run_sql(ddl).await;
    database
}

/// The same, adopted.
async fn adopting(kind: Kind, ddl: &str, spec: MappingSpec) -> Database {
    try_adopting(kind, ddl, spec).await.expect("the table fits")
}

async fn try_adopting(kind: Kind, ddl: &str, spec: MappingSpec) -> Result<Database, StoreError> {
    let mut database = with_table(kind, ddl, spec).await;
    database.store.migrate().await?;
    database.store = database.store.fitted().await?.expect("a fitted store");
    Ok(database)
}

async fn adopted(kind: Kind, ddl: &str) -> Database {
    adopting(kind, ddl, tables::spec(conformance::spec())).await
}

/// Every promise of a store holds for a table that is adopted.
mod promises_on_postgres {
    use super::{Kind, adopted, tables};
    clerk_sync::store_promises!(adopted(Kind::Postgres, tables::POSTGRES));
}

mod promises_on_mysql {
    use super::{Kind, adopted, tables};
    clerk_sync::store_promises!(adopted(Kind::Mysql, tables::MYSQL));
}

mod promises_on_sqlite {
    use super::{Kind, adopted, tables};
    clerk_sync::store_promises!(adopted(Kind::Sqlite, tables::SQLITE));
}
