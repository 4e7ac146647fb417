//! `GET /v1/users/{id}` and what can become of it.

use crate::bench::{Bench, NOON, client};
use clerk_emulator::FaultKind;
use clerk_sync::{
    clerk::{ClerkErrorKind, Lane, Reads},
    mapping::{Mapping, MappingSpec},
};
use rstest::rstest;
use serde_json::json;
use std::{sync::Arc, time::Duration};

fn answer(status: u16, code: Option<&str>, body: Option<serde_json::Value>) -> FaultKind {
    FaultKind::UserAnswer { status, code: code.map(str::to_owned), body }
}

#[tokio::test]
async fn a_user_is_read_with_the_date_of_the_answer() {
    let bench = Bench::start().await;
    let id = bench.create("ada");
    bench.clock.advance(Duration::from_millis(2_900));
    let answer = bench.read(&id).await.unwrap();
    assert_eq!(answer.date_ms, Some(NOON + 2_000), "Clerk's clock, cut to the second");
    let mapping = Mapping::try_new(MappingSpec::default()).unwrap();
    let mapped = mapping.read_user(&answer.user.unwrap()).unwrap();
    assert_eq!((mapped.id.as_str(), mapped.updated_at, mapped.created_at), (id.as_str(), NOON, Some(NOON)));
}

#[tokio::test]
async fn a_user_that_is_not_there_is_an_answer_and_no_error() {
    let bench = Bench::start().await;
    let answer = bench.read("user_nobody").await.unwrap();
    assert_eq!((answer.user, answer.date_ms), (None, Some(NOON)));
}

#[rstest]
#[case(answer(404, Some("odd_code"), None))]
#[case(answer(404, None, Some(json!({ "message": "no Clerk at this address" }))))]
#[case(answer(404, None, Some(json!("<html>not found</html>"))))]
#[case(answer(422, Some("form_param_unknown"), None))]
#[case(answer(302, None, Some(json!({}))))]
#[case(answer(204, None, Some(json!({}))))]
#[tokio::test]
async fn any_other_answer_says_nothing_about_the_user(#[case] kind: FaultKind) {
    let bench = Bench::start().await;
    let id = bench.create("ada");
    bench.fault(kind);
    let error = bench.read(&id).await.unwrap_err();
    assert_eq!(*error.kind(), ClerkErrorKind::Unexpected, "{error}");
}

#[rstest]
#[case(FaultKind::ApiUnavailable { status: 503 })]
#[case(FaultKind::ApiUnavailable { status: 500 })]
#[case(FaultKind::ApiDisconnect)]
#[case(FaultKind::ApiAnswerLost)]
#[tokio::test]
async fn an_outage_is_no_answer(#[case] kind: FaultKind) {
    let bench = Bench::start().await;
    let id = bench.create("ada");
    bench.fault(kind);
    let error = bench.read(&id).await.unwrap_err();
    assert_eq!(*error.kind(), ClerkErrorKind::Unavailable, "{error}");
    assert!(!error.to_string().contains(&id), "no id in {error}");
    bench.emulator.clear_faults();
    assert!(bench.read(&id).await.unwrap().user.is_some(), "and then it is back");
}

/// It takes the client's whole time, 8 s: less than the 15 s that a webhook's sender waits.
#[tokio::test]
async fn a_clerk_that_never_answers_is_given_up() {
    let bench = Bench::start().await;
    bench.fault(FaultKind::ApiHang);
    let read = tokio::time::timeout(Duration::from_secs(12), bench.read("user_1"));
    let error = read.await.expect("it does not hang").unwrap_err();
    assert_eq!(*error.kind(), ClerkErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("in time"), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_an_outage() {
    let bench = Bench::start().await;
    let clerk = client(&bench.emulator.url(), "sk_test_1");
    bench.emulator.clear_faults();
    let Bench { emulator, budget, .. } = bench;
    emulator.shutdown().await;
    let permit = budget.permit(Lane::Person, Duration::ZERO).await.unwrap();
    let error = clerk_sync::clerk::ClerkApi::instance(&clerk, permit).await.unwrap_err();
    assert_eq!(*error.kind(), ClerkErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_429_says_when_to_come_back_and_everyone_obeys() {
    let bench = Bench::start().await;
    let id = bench.create("ada");
    bench.fault(FaultKind::ApiTooManyRequests { retry_after: 7 });
    let error = bench.read(&id).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

    let reads = Reads::new(Arc::clone(&bench.clerk) as Arc<_>, Arc::clone(&bench.budget));
    let user = crate::bench::user(&id);
    let read = || reads.read(&user, clerk_sync::clerk::Freshness::Unsent, Lane::Person, Duration::ZERO);
    assert_eq!(read().await.unwrap_err().retry_after(), Some(Duration::from_secs(7)));
    let asked = bench.emulator.stats().too_many_requests;
    let told = read().await.unwrap_err().retry_after().unwrap();
    assert!(told > Duration::from_secs(5) && told <= Duration::from_secs(7), "{told:?}");
    assert_eq!(bench.emulator.stats().too_many_requests, asked, "nothing is sent before that");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_swallowed() {
    let bench = Bench::start().await;
    let id = bench.create("ada");
    let user = |bytes| json!({ "id": id, "updated_at": NOON, "padding": "x".repeat(bytes) });
    // It travels compressed and counts unpacked.
    bench.fault(answer(200, None, Some(user(4 * 1024 * 1024))));
    let error = bench.read(&id).await.unwrap_err();
    assert_eq!(*error.kind(), ClerkErrorKind::Unexpected, "{error}");
    bench.emulator.clear_faults();
    bench.fault(answer(200, None, Some(user(4 * 1024 * 1024 - 1_000))));
    assert!(bench.read(&id).await.unwrap().user.is_some());
}

#[tokio::test]
async fn a_key_that_clerk_does_not_accept_is_refused() {
    let bench = Bench::start().await;
    let id = bench.create("ada");
    let stranger = client(&bench.emulator.url(), "sk_test_wrong");
    let error = bench.read_by(&stranger, &id).await.unwrap_err();
    assert_eq!(*error.kind(), ClerkErrorKind::Refused, "{error}");
    assert!(
        !error.to_string().contains("sk_test_wrong") && error.to_string().contains("CLERK_SECRET_KEY"),
        "{error}"
    );
}

#[rstest]
#[case("../instance")]
#[case("user_1/../../instance")]
#[case("user_1?x=1")]
#[case("user_1#x")]
#[case("%2e%2e%2finstance")]
#[tokio::test]
async fn an_id_is_never_more_than_one_segment_of_the_address(#[case] id: &str) {
    let bench = Bench::start().await;
    let answer = bench.read(id).await.unwrap();
    assert_eq!(answer.user, None, "no other route was reached");
    assert_eq!(bench.emulator.stats().count("GET /v1/users/{user_id}"), 1);
}
