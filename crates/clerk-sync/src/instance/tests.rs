use super::*;
use crate::{
    engine::testing::{FakeClerk, INSTANCE, NOON, mapping, until},
    store::{StoreErrorKind, memory::MemoryStore},
};
use clerk_auth::clock::{Clock, ManualClock};
use std::sync::Arc;

#[derive(Debug)]
struct Bench {
    store: MemoryStore,
    clerk: Arc<FakeClerk>,
    budget: Budget,
}

fn bench() -> Bench {
    let clock = Arc::new(ManualClock::at(NOON));
    let clerk = FakeClerk::new(Arc::clone(&clock));
    let clock: Arc<dyn Clock> = clock;
    let store = MemoryStore::new(mapping(), Arc::clone(&clock));
    Bench { store, clerk, budget: Budget::new(100, clock) }
}

impl Bench {
    async fn bind(&self, key: &str) -> Result<String, BindError> {
        bind(&self.store, self.clerk.as_ref(), &self.budget, &SecretString::from(key)).await
    }
}

#[tokio::test]
async fn a_new_database_is_bound_to_the_keys_instance() {
    let bench = bench();
    bench.clerk.is_instance(Ok(INSTANCE));
    assert_eq!(bench.bind("sk_test_1").await.expect("bound"), INSTANCE);
    let binding = bench.store.binding().await.expect("readable").expect("a binding");
    assert_eq!(binding.instance_id, INSTANCE);
    assert!(!binding.key_fingerprint.contains("sk_test"), "the key itself is not kept");
    assert_eq!(binding.key_fingerprint.len(), 16);
}

#[tokio::test]
async fn a_known_key_needs_no_call_so_clerk_may_be_away() {
    let bench = bench();
    bench.clerk.is_instance(Ok(INSTANCE));
    bench.bind("sk_test_1").await.expect("bound");
    bench.clerk.is_instance(Err(ClerkErrorKind::Unavailable));
    assert_eq!(bench.bind("sk_test_1").await.expect("known"), INSTANCE);
    assert_eq!(bench.clerk.instance_calls(), 1);
}

#[tokio::test]
async fn a_rotated_key_of_the_same_instance_is_taken_over() {
    let bench = bench();
    bench.clerk.is_instance(Ok(INSTANCE));
    bench.bind("sk_test_1").await.expect("bound");
    assert_eq!(bench.bind("sk_test_2").await.expect("the same instance"), INSTANCE);
    assert_eq!(bench.clerk.instance_calls(), 2);
    bench.bind("sk_test_2").await.expect("known now");
    assert_eq!(bench.clerk.instance_calls(), 2);
}

#[tokio::test]
async fn another_instances_key_is_refused_by_name_for_good() {
    let bench = bench();
    bench.clerk.is_instance(Ok(INSTANCE));
    bench.bind("sk_test_1").await.expect("bound");
    bench.clerk.is_instance(Ok("ins_other"));
    let error = bench.bind("sk_test_2").await.expect_err("refused");
    assert!(
        matches!(&error, BindError::OtherInstance { bound, found } if bound == INSTANCE && found == "ins_other")
    );
    assert!(!error.is_transient());
    assert!(error.to_string().contains("CLERK_SECRET_KEY"), "{error}");
    assert_eq!(bench.bind("sk_test_1").await.expect("the first still holds"), INSTANCE);
}

#[tokio::test]
async fn while_clerk_is_away_nothing_is_bound() {
    let bench = bench();
    bench.clerk.is_instance(Err(ClerkErrorKind::Unavailable));
    let error = bench.bind("sk_test_1").await.expect_err("unknown");
    assert!(error.is_transient());
    assert_eq!(bench.store.binding().await.expect("readable"), None);
    bench.clerk.is_instance(Ok(INSTANCE));
    bench.bind("sk_test_1").await.expect("bound");
}

#[tokio::test]
async fn a_key_that_clerk_refuses_is_for_a_person_to_set_right() {
    let bench = bench();
    bench.clerk.is_instance(Err(ClerkErrorKind::Refused));
    assert!(!bench.bind("sk_test_wrong").await.expect_err("refused").is_transient());
    assert_eq!(bench.store.binding().await.expect("readable"), None);
}

#[tokio::test]
async fn of_two_replicas_with_keys_of_two_instances_the_second_is_refused() {
    let bench = bench();
    bench.clerk.is_instance(Ok("ins_other"));
    bench.clerk.hold();
    let (late, ()) = tokio::join!(bench.bind("sk_test_2"), async {
        until("Clerk is asked", || bench.clerk.instance_calls() == 1).await;
        let first = Binding { instance_id: INSTANCE.to_owned(), key_fingerprint: "another".to_owned() };
        bench.store.bind(&first).await.expect("bound");
        bench.clerk.release();
    });
    assert!(matches!(late, Err(BindError::OtherInstance { bound, .. }) if bound == INSTANCE));
}

#[test]
fn a_database_that_is_away_is_transient_and_one_that_is_wrong_is_not() {
    let store = |kind| BindError::Store(StoreError::new(kind, "testing", ""));
    assert!(store(StoreErrorKind::Unavailable).is_transient());
    assert!(!store(StoreErrorKind::Schema).is_transient());
}
