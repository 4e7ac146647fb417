//! The engine with the emulated Clerk behind it.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic")]

use crate::bench::{Bench, NOON, PATIENCE, user};
use clerk_auth::clock::{Clock, ManualClock};
use clerk_emulator::{Fault, FaultKind, UserChange};
use clerk_sync::{
    clerk::{ClerkErrorKind, Reads},
    engine::{DoorOptions, Engine, Receipt, Reread, RereadError},
    mapping::Value,
    metrics::Metrics,
    store::{conformance, memory::MemoryStore},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

fn engine(bench: &Bench) -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOON));
    let store = Arc::new(MemoryStore::new(conformance::mapping(), Arc::clone(&clock)));
    let reads = Reads::new(Arc::clone(&bench.clerk) as Arc<_>, Arc::clone(&bench.budget));
    let engine = Engine::start(store, reads, clock, Arc::new(Metrics::default()), DoorOptions::default());
    engine.bound_to(bench.emulator.config().instance_id.clone());
    engine
}

async fn username(engine: &Engine, id: &str) -> Option<Value> {
    engine.store().row(&user(id)).await.unwrap().map(|row| row[1].clone())
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

#[tokio::test]
async fn a_user_is_synced_changed_and_missed() {
    let bench = Bench::start().await;
    let engine = engine(&bench);
    let id = bench.create("ada");
    engine.sync(&user(&id), false, PATIENCE).await.unwrap();
    assert_eq!(username(&engine, &id).await, text("ada"));
    bench.clock.advance(Duration::from_secs(1));
    bench.emulator.update_user(&id, UserChange::new().username("augusta")).unwrap();
    engine.sync(&user(&id), false, PATIENCE).await.unwrap();
    assert_eq!(username(&engine, &id).await, text("augusta"));
    // Not even ten minutes old: it must be missed twice, a minute apart by Clerk's clock.
    bench.emulator.delete_user(&id).unwrap();
    assert_eq!(engine.sync(&user(&id), false, PATIENCE).await.unwrap(), Reread::AbsentNotYet);
    assert_eq!(username(&engine, &id).await, text("augusta"));
    bench.clock.advance(Duration::from_secs(60));
    let missed = engine.sync(&user(&id), false, PATIENCE).await.unwrap();
    assert!(matches!(missed, Reread::Applied { present: false, .. }));
    assert_eq!(username(&engine, &id).await, None);
}

#[tokio::test]
async fn another_users_body_changes_neither_of_them() {
    let bench = Bench::start().await;
    let engine = engine(&bench);
    let (ada, eve) = (bench.create("ada"), bench.create("eve"));
    let body = bench.emulator.user(&eve);
    bench.emulator.add_fault(Fault::new(FaultKind::UserAnswer { status: 200, code: None, body }).user(&ada));
    let error = engine.sync(&user(&ada), false, PATIENCE).await.unwrap_err();
    assert!(matches!(error, RereadError::Clerk(error) if *error.kind() == ClerkErrorKind::Unexpected));
    assert_eq!((username(&engine, &ada).await, username(&engine, &eve).await), (None, None));
}

#[tokio::test]
async fn an_event_that_must_be_healed_waits_for_clerk() {
    let bench = Bench::start().await;
    let engine = engine(&bench);
    let id = bench.create("ada");
    let body = json!({
        "type": "user.updated", "instance_id": bench.emulator.config().instance_id, "timestamp": NOON,
        "data": { "id": id, "username": "poison", "updated_at": NOON + 7_200_000 },
    })
    .to_string();
    bench.emulator.add_fault(Fault::new(FaultKind::ApiDisconnect).times(1));
    let receipt = engine.receive("msg_1", body.as_bytes()).await;
    assert!(matches!(receipt, Receipt::TryLater { .. }), "{receipt:?}");
    assert_eq!(username(&engine, &id).await, None);
    assert_eq!(engine.receive("msg_1", body.as_bytes()).await, Receipt::Accepted);
    assert_eq!(username(&engine, &id).await, text("ada"));
}
