//! Every store of ours keeps every promise of the suite.

mod databases;
mod upgrade;

use clerk_auth::clock::SystemClock;
use clerk_sync::store::{
    Store,
    conformance::{self, Fixture},
    memory::MemoryStore,
};
use std::sync::Arc;

#[derive(Debug)]
struct Memory(Arc<dyn Store>);

#[async_trait::async_trait]
impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0)
    }

    async fn require_unique(&self, _column: &str) -> bool {
        false
    }

    async fn run_sql(&self, _sql: &str) -> bool {
        false
    }
}

async fn memory() -> Memory {
    Memory(Arc::new(MemoryStore::new(conformance::mapping(), Arc::new(SystemClock::new()))))
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

mod mysql_store {
    use super::databases::mysql;
    clerk_sync::store_promises!(mysql());
}
