//! Some of the worlds on SQLite: its types, its transactions, its errors.
//!
//! Its own clock is not the simulated one, so leases and shares are kept beside it in memory, and are not what these worlds
//! try: there is one process, and nobody kills it.

use super::{
    check::{self, Report},
    paused,
    plan::Plan,
    world::World,
};
use crate::{
    database_url::DatabaseUrl,
    engine::testing::mapping,
    reconcile::testing::store::awake,
    store::{self, Store},
};
use std::sync::Arc;

const SEEDS: u64 = 40;

fn simulate(seed: u64) -> Result<Report, String> {
    let directory = tempfile::tempdir().expect("a directory");
    paused().block_on(async {
        let store = open(&directory).await;
        let plan = Plan {
            processes: 1,
            kills: false,
            night: false,
            shares: false,
            hands: false,
            ..Plan::of(seed, None)
        };
        check::run(World::new(plan, Some(store))).await
    })
}

async fn open(directory: &tempfile::TempDir) -> Arc<dyn Store> {
    let _awake = awake();
    let url = format!("sqlite://{}", directory.path().join("world.db").display());
    let url = DatabaseUrl::parse(&url).expect("a URL");
    let store = store::open(&url, mapping()).await.expect("a store");
    store.migrate().await.expect("the schema is made");
    store
}

#[test]
fn on_sqlite_too_the_table_ends_equal_to_clerk() {
    for seed in 0..SEEDS {
        if let Err(error) = simulate(seed) {
            panic!("seed {seed}: {error}");
        }
    }
}
