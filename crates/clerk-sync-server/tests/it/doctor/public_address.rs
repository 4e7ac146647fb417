//! The public address: nobody there, redirected, swallowed by the app, or really ours.

use super::Report;
use crate::harness::{Database, Instance, Kind, Nginx, Site};
use axum::{
    Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use rstest::rstest;

const NAME: &str = "public address";

/// What stands at the public address instead of us.
async fn site_with(answer: fn() -> Response) -> Site {
    let site = Site::with(Instance::Development, Database::sqlite(), |_| {}).await;
    site.setup.output(&["migrate"]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().fallback(move || async move { answer() });
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    site.set("CLERK_SYNC_PUBLIC_URL", &origin)
}

#[rstest]
#[case::to_https(
    || Redirect::permanent("https://app.example/clerk/webhooks?token=hunter2").into_response(),
    &["is redirected (308) to https://app.example/clerk/webhooks", "follow no redirect", "CLERK_SYNC_PUBLIC_URL"]
)]
#[case::to_sign_in(|| Redirect::to("/sign-in").into_response(), &["is redirected (303) to /sign-in", "sign-in"])]
#[case::apps_404(
    || (StatusCode::NOT_FOUND, Html("<h1>Not found</h1>")).into_response(),
    &["something else answers", "status 404 (text/html)", "pass /clerk/ on"]
)]
#[case::apps_page(|| Html("<h1>Sign in</h1>").into_response(), &["something else answers", "status 200"])]
#[case::json_of_others(
    || (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], r#"{"error":"x"}"#).into_response(),
    &["something else answers", "status 400 (application/json)"]
)]
#[case::unauthorized(|| StatusCode::UNAUTHORIZED.into_response(), &["something else answers", "status 401"])]
#[case::bad_gateway(|| StatusCode::BAD_GATEWAY.into_response(), &["the proxy", "502", "start clerk-sync serve"])]
#[tokio::test]
async fn what_answers_instead_of_us_is_described(#[case] answer: fn() -> Response, #[case] words: &[&str]) {
    let site = site_with(answer).await;
    let report = Report::of(&site.setup).await;
    report.only(NAME, words);
    assert!(!format!("{report:?}").contains("hunter2"), "{report:#?}");
}

#[tokio::test]
async fn where_nobody_answers_it_says_what_to_start() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    site.setup.output(&["migrate"]).await;
    let report = Report::of(&site.setup).await;
    report.only(NAME, &[&site.origin, "cannot be reached", "refused", "start clerk-sync serve"]);

    // The service runs, and the public address is another one.
    let server = site.serve().await;
    let report = Report::of(&site.setup.clone().set("CLERK_SYNC_PUBLIC_URL", "http://127.0.0.1:9")).await;
    report.only(NAME, &["cannot be reached", &format!("something listens on {}", server.address)]);
}

#[tokio::test]
async fn behind_nginx_it_is_ours_until_the_service_stops() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    let nginx = Nginx::before(server.address).await;
    let setup = site.setup.clone().set("CLERK_SYNC_PUBLIC_URL", &format!("http://{}", nginx.address));
    Report::of(&setup).await.says(NAME, "ok", &["/clerk/webhooks is ours"]);
    server.stop().await;
    Report::of(&setup).await.only(NAME, &["the proxy", "answers 502", "start clerk-sync serve"]);
}

/// Another process serves, with other settings.
#[tokio::test]
async fn a_service_without_a_signing_secret_is_noticed_from_outside() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let _server = site.setup.clone().unset("CLERK_WEBHOOK_SIGNING_SECRET").serve().await;
    let report = Report::of(&site.setup).await;
    report.only(NAME, &["runs without CLERK_WEBHOOK_SIGNING_SECRET", "restart"]);
}

#[tokio::test]
async fn localhost_by_its_name_will_do() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    let setup = site
        .setup
        .clone()
        .set("CLERK_SYNC_PUBLIC_URL", &format!("http://localhost:{}", server.address.port()));
    Report::of(&setup).await.says(NAME, "ok", &["http://localhost:", "is ours"]);
    let log = server.log_text();
    assert!(log.contains("a webhook was refused"), "{log}");
    assert!(server.metrics().await.contains(r#"clerk_sync_webhook_refusals_total{reason="headers"} 1"#));
}
