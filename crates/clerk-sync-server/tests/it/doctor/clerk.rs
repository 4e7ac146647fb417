//! Clerk: away, refusing, throttling, another instance's, of another time.

use super::Report;
use crate::harness::{Clerk, Database, Instance, Kind, Setup, Site, now_ms};
use axum::{Json, Router, routing::get};
use clerk_emulator::{Fault, FaultKind, ManualClock};
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;

/// A database that is ready; what else is wrong with such a setup is that nothing serves.
async fn setup(clerk: &Clerk) -> (Setup, Database) {
    let database = Database::sqlite();
    let setup = Setup::new(clerk, &database);
    setup.output(&["migrate"]).await;
    (setup, database)
}

const ELSEWHERE: &str = "public address";

#[rstest]
#[case::refused(FaultKind::ApiUnavailable { status: 401 }, "does not accept CLERK_SECRET_KEY", "copy the secret key")]
#[case::away(FaultKind::ApiUnavailable { status: 503 }, "cannot be reached", "status.clerk.com")]
#[case::cut(FaultKind::ApiDisconnect, "cannot be reached", "firewall")]
#[case::elsewhere(FaultKind::ApiUnavailable { status: 404 }, "not understood", "CLERK_API_URL")]
#[tokio::test]
async fn a_clerk_that_does_not_answer_well_is_named(
    #[case] fault: FaultKind,
    #[case] found: &str,
    #[case] todo: &str,
) {
    let clerk = Clerk::start().await;
    let (setup, _database) = setup(&clerk).await;
    clerk.add_fault(Fault::new(fault).path("/v1"));
    let report = Report::of(&setup).await;
    report.says("clerk", "problem", &[found, todo]);
    assert_eq!(report.problems(), ["clerk", ELSEWHERE], "{report:#?}");
    for check in ["clock", "session keys", "instance"] {
        report.says(check, "note", &["not checked: Clerk does not answer"]);
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_by_clerk() {
    let clerk = Clerk::start().await;
    let (setup, _database) = setup(&clerk).await;
    let report = Report::of(&setup.set("CLERK_SECRET_KEY", "sk_test_ofnobodyatall")).await;
    report.says("clerk", "problem", &["does not accept CLERK_SECRET_KEY"]);
}

#[tokio::test]
async fn nobody_listens_where_clerk_should() {
    let clerk = Clerk::start().await;
    let (setup, _database) = setup(&clerk).await;
    let report = Report::of(&setup.set("CLERK_API_URL", "http://127.0.0.1:9")).await;
    report.says("clerk", "problem", &["http://127.0.0.1:9/", "no connection"]);
}

#[tokio::test]
async fn a_rate_limit_that_is_used_up_passes() {
    let clerk = Clerk::start().await;
    let (setup, _database) = setup(&clerk).await;
    clerk.add_fault(Fault::new(FaultKind::ApiTooManyRequests { retry_after: 30 }).path("/v1"));
    let report = Report::of(&setup).await;
    report.says("clerk", "note", &["rate limit", "try again in a while"]);
    assert_eq!(report.problems(), [ELSEWHERE], "{report:#?}");
}

#[rstest]
#[case::behind(3_600_000, "behind Clerk's")]
#[case::ahead(-60_000, "ahead of Clerk's")]
#[tokio::test]
async fn a_clock_that_is_wrong_is_measured(#[case] clerks_is_later_by: i64, #[case] found: &str) {
    let clock = Arc::new(ManualClock::at(now_ms() + clerks_is_later_by));
    let clerk = Clerk::start_with(|config| config.clock = clock).await;
    let (setup, _database) = setup(&clerk).await;
    let report = Report::of(&setup).await;
    report.says("clock", "problem", &[found, "session tokens", "NTP"]);
    assert_eq!(report.problems(), ["clock", ELSEWHERE], "{report:#?}");
}

#[rstest]
#[tokio::test]
async fn another_instances_database_is_not_ours(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let server = setup.serve().await;
    server.logged("this database mirrors the instance").await;
    server.stop().await;
    Report::of(&setup).await.says("instance", "ok", &[&clerk.config().instance_id]);

    let other = Clerk::start_with(|config| config.instance_id = "ins_other".to_owned()).await;
    let report = Report::of(&Setup::new(&other, &database)).await;
    let bound = &clerk.config().instance_id;
    report.says("instance", "problem", &[bound, "ins_other", "use another database"]);
    assert_eq!(report.problems(), ["instance", ELSEWHERE], "{report:#?}");
}

#[tokio::test]
async fn a_publishable_key_of_another_instance_is_found_by_its_keys() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let _server = site.serve().await;
    let other = Clerk::start_with(|config| {
        config.instance_id = "ins_other".to_owned();
        config.seed = 8;
    })
    .await;
    let report = Report::of(&site.setup.clone().set("CLERK_PROXY_URL", &other.url())).await;
    report.only("publishable key", &["signs with other keys", "same instance"]);
    let report = Report::of(&site.setup.clone().set("CLERK_PROXY_URL", "http://127.0.0.1:9")).await;
    report.says("publishable key", "note", &["could not be compared", "refused"]);
    assert_eq!(report.code, Some(0), "{report:#?}");
}

/// Something that speaks like Clerk and has nothing to sign with.
#[tokio::test]
async fn an_instance_without_keys_is_noticed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new()
        .route("/v1/instance", get(async || Json(json!({"id": "ins_1"}))))
        .route("/v1/jwks", get(async || Json(json!({"keys": []}))));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let clerk = Clerk::start().await;
    let (setup, _database) = setup(&clerk).await;
    let report = Report::of(&setup.set("CLERK_API_URL", &address)).await;
    report.says("session keys", "problem", &["no key", "CLERK_API_URL"]);
    assert_eq!(report.problems(), [ELSEWHERE, "session keys"], "{report:#?}");
}
