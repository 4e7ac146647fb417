//! A database and the instance that it mirrors.

use crate::bench::{Bench, client};
use clerk_auth::clock::SystemClock;
use clerk_emulator::FaultKind;
use clerk_sync::{
    instance::{BindError, bind},
    store::{Store, conformance, memory::MemoryStore},
};
use secrecy::SecretString;
use std::sync::Arc;

fn store() -> MemoryStore {
    MemoryStore::new(conformance::mapping(), Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn the_first_key_binds_and_then_needs_no_call() {
    let bench = Bench::start().await;
    let store = store();
    let ours = bench.emulator.config().instance_id.clone();
    let key = bench.key();
    let bound = bind(&store, bench.clerk.as_ref(), &bench.budget, &key).await.unwrap();
    assert_eq!(bound, ours);
    bench.fault(FaultKind::ApiUnavailable { status: 503 });
    let again = bind(&store, bench.clerk.as_ref(), &bench.budget, &key).await.unwrap();
    assert_eq!(again, ours);
    assert_eq!(bench.emulator.stats().count("GET /v1/instance"), 1);
}

#[tokio::test]
async fn a_rotated_key_of_the_same_instance_is_asked_for_once() {
    let old = Bench::start().await;
    let store = store();
    bind(&store, old.clerk.as_ref(), &old.budget, &old.key()).await.unwrap();
    let rotated = Bench::start_with(|config| config.secret_key = "sk_test_rotated".to_owned()).await;
    assert_eq!(rotated.emulator.config().instance_id, old.emulator.config().instance_id);
    for _ in 0..2 {
        bind(&store, rotated.clerk.as_ref(), &rotated.budget, &rotated.key()).await.unwrap();
    }
    assert_eq!(rotated.emulator.stats().count("GET /v1/instance"), 1);
}

#[tokio::test]
async fn the_key_of_another_instance_is_refused() {
    let ours = Bench::start().await;
    let store = store();
    let bound = bind(&store, ours.clerk.as_ref(), &ours.budget, &ours.key()).await.unwrap();
    let other = Bench::start_with(|config| {
        config.instance_id = "ins_other".to_owned();
        config.secret_key = "sk_test_other".to_owned();
    })
    .await;
    let error = bind(&store, other.clerk.as_ref(), &other.budget, &other.key()).await.unwrap_err();
    assert!(matches!(&error, BindError::OtherInstance { found, .. } if found == "ins_other"), "{error}");
    assert_eq!(store.binding().await.unwrap().unwrap().instance_id, bound);
}

#[tokio::test]
async fn while_clerk_is_away_a_new_database_stays_unbound() {
    let bench = Bench::start().await;
    let store = store();
    bench.fault(FaultKind::ApiUnavailable { status: 503 });
    let error = bind(&store, bench.clerk.as_ref(), &bench.budget, &bench.key()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(store.binding().await.unwrap(), None);
    bench.emulator.clear_faults();
    bind(&store, bench.clerk.as_ref(), &bench.budget, &bench.key()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_binds_nothing() {
    let bench = Bench::start().await;
    let store = store();
    let wrong = client(&bench.emulator.url(), "sk_test_wrong");
    let key = SecretString::from("sk_test_wrong");
    let error = bind(&store, &wrong, &bench.budget, &key).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert_eq!(store.binding().await.unwrap(), None);
}
