//! The keys that sign session tokens.

use super::bench::{Bench, client};
use clerk_emulator::FaultKind;
use clerk_sync::clerk::ClerkErrorKind;

#[tokio::test]
async fn the_instances_signing_key_is_read_by_its_id() {
    let bench = Bench::start().await;
    let keys = bench.clerk.jwks().await.unwrap();
    let instance = bench.emulator.config().instance_id.clone();
    let key = keys.find(&instance).expect("the instance's key");
    assert_eq!((key.id(), key.modulus().len()), (instance.as_str(), 256));
    assert!(keys.find("ins_other").is_none());
}

#[tokio::test]
async fn an_outage_and_a_wrong_key_are_told_apart() {
    let bench = Bench::start().await;
    let refused = client(&bench.emulator.url(), "sk_test_wrong").jwks().await.unwrap_err();
    assert_eq!(*refused.kind(), ClerkErrorKind::Refused);
    bench.fault(FaultKind::ApiUnavailable { status: 503 });
    assert_eq!(*bench.clerk.jwks().await.unwrap_err().kind(), ClerkErrorKind::Unavailable);
}
