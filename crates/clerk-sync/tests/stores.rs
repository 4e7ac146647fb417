//! Every store of ours keeps every promise of the suite.

mod databases;
mod upgrade;

use clerk_auth::clock::SystemClock;
use clerk_sync::{
    database_url::DatabaseUrl,
    mapping::DeletionSpec,
    store::{
        self, Store,
        conformance::{self, Fixture},
        memory::MemoryStore,
    },
};
use databases::Database;
use std::sync::Arc;

#[derive(Debug)]
struct Memory(Arc<MemoryStore>);

#[async_trait::async_trait]
#[expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]
impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }

    async fn require_unique(&self, column: &str) -> bool {
        self.0.require_unique(column)
    }

    async fn deleting(&self, deletion: DeletionSpec) -> Arc<dyn Store> {
        let mapping = self.0.mapping().deleting(deletion).expect("a mapping");
        Arc::new(self.0.with_mapping(Arc::new(mapping)))
    }

    async fn run_sql(&self, _sql: &str) -> bool {
        false
    }
}

async fn memory() -> Memory {
    Memory(Arc::new(MemoryStore::new(conformance::mapping(), Arc::new(SystemClock::new()))))
}

/// PostgreSQL behind a real PgBouncer in transaction mode: sessions belong to nobody, and there are few for many tests.
#[derive(Debug)]
struct Pooled {
    database: Database,
    store: Arc<dyn Store>,
    url: String,
}

#[async_trait::async_trait]
impl Fixture for Pooled {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    async fn require_unique(&self, column: &str) -> bool {
        self.database.require_unique(column).await
    }

    async fn deleting(&self, deletion: DeletionSpec) -> Arc<dyn Store> {
        databases::deleting(&self.url, self.store.as_ref(), deletion).await
    }

    async fn run_sql(&self, sql: &str) -> bool {
        self.database.run_sql(sql).await
    }
}

#[expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]
async fn pooled() -> Pooled {
    let database = databases::postgres().await;
    let (_, schema) = database.url.rsplit_once("schema=").expect("a schema");
    // Migrating goes through the pooler too.
    database.run_sql(&format!("drop schema {schema} cascade; create schema {schema}")).await;
    let pooler = databases::server("TEST_PGBOUNCER_URL");
    let separator = if pooler.contains('?') { '&' } else { '?' };
    let url = format!("{pooler}{separator}schema={schema}&pgbouncer=true");
    let parsed = DatabaseUrl::parse(&url).expect("a URL");
    let store = store::open(&parsed, conformance::mapping()).await.expect("a store");
    store.migrate().await.expect("the schema is made");
    Pooled { database, store, url }
}

mod memory_store {
    use super::memory;
    clerk_sync::store_promises!(memory());
}

mod sqlite_store {
    use super::databases::sqlite;
    clerk_sync::store_promises!(sqlite());
}

mod postgres_store {
    use super::databases::postgres;
    clerk_sync::store_promises!(postgres());
}

mod pooled_postgres_store {
    use super::pooled;
    clerk_sync::store_promises!(pooled());
}

mod mysql_store {
    use super::databases::mysql;
    clerk_sync::store_promises!(mysql());
}
