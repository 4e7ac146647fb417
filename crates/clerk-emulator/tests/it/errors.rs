use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::Clerk;

#[tokio::test]
async fn the_key_is_checked_before_the_route() {
    let clerk = Clerk::start().await;
    for path in ["/v1/users", "/v1/nowhere", "/nowhere"] {
        let none = clerk.send(clerk.stranger(Method::GET, path)).await;
        assert_eq!((none.status, none.code()), (401, "authorization_header_format_invalid"), "{path}");
        let wrong = clerk.send(clerk.stranger(Method::GET, path).bearer_auth("sk_test_wrong")).await;
        assert_eq!((wrong.status, wrong.code()), (401, "clerk_key_invalid"), "{path}");
    }
    let basic = clerk.stranger(Method::GET, "/v1/users").header("authorization", "Basic YTpi");
    assert_eq!(clerk.send(basic).await.code(), "authorization_header_format_invalid");
}

#[tokio::test]
async fn errors_have_a_trace_id_in_body_and_header() {
    let clerk = Clerk::start().await;
    let reply = clerk.get("/v1/users/user_nobody").await;
    assert_eq!(reply.status, 404);
    let trace_id = reply.body["clerk_trace_id"].as_str().unwrap();
    assert_eq!(trace_id.len(), 32);
    assert_eq!(reply.headers["x-clerk-trace-id"], trace_id);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(
        reply.body["errors"],
        json!([{
            "message": "not found",
            "long_message": "No user was found with id user_nobody",
            "code": "resource_not_found",
        }])
    );
}

#[tokio::test]
async fn unknown_routes_and_methods_are_not_found() {
    let clerk = Clerk::start().await;
    for (method, path) in
        [(Method::GET, "/v1/nowhere"), (Method::PUT, "/v1/users"), (Method::POST, "/v1/jwks")]
    {
        let reply = clerk.send(clerk.request(method, path)).await;
        assert_eq!((reply.status, reply.code()), (404, "resource_not_found"), "{path}");
    }
}

#[tokio::test]
async fn bodies_are_refused_by_kind() {
    let clerk = Clerk::start().await;
    let post = |content_type: &'static str, body: String| {
        clerk.request(Method::POST, "/v1/users").header("content-type", content_type).body(body)
    };
    let large = format!("{{\"first_name\":\"{}\"}}", "x".repeat(2 << 20));
    for (content_type, body, status, code) in [
        ("text/plain", "{}".to_owned(), 415, "unsupported_content_type"),
        ("application/json", "{".to_owned(), 400, "request_body_invalid"),
        ("application/json", "[]".to_owned(), 400, "request_body_invalid"),
        ("application/json", large, 413, "request_body_too_large"),
    ] {
        let reply = clerk.send(post(content_type, body)).await;
        assert_eq!((reply.status, reply.code()), (status, code));
    }
    let reply = clerk.send(post("application/json; charset=utf-8", "{}".to_owned())).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn fields_are_refused_by_name() {
    let clerk = Clerk::start().await;
    for (body, code, param) in [
        (json!({ "email_address": "a@example.com" }), "form_param_format_invalid", "email_address"),
        (json!({ "email_address": ["nobody"] }), "form_param_format_invalid", "email_address"),
        (json!({ "phone_number": ["555-0100"] }), "form_param_format_invalid", "phone_number"),
        (json!({ "first_name": 1 }), "form_param_format_invalid", "first_name"),
        (json!({ "public_metadata": [] }), "form_param_format_invalid", "public_metadata"),
        (json!({ "created_at": 1_767_225_600 }), "form_param_format_invalid", "created_at"),
        (json!({ "created_at": "yesterday" }), "form_param_invalid_time", "created_at"),
        (json!({ "username": "a b" }), "form_username_invalid_length", "username"),
        (json!({ "password": "short" }), "form_password_length_too_short", "password"),
        (json!({ "favourite": "blue" }), "form_param_unknown", "favourite"),
        (
            json!({ "public_metadata": { "x": "y".repeat(9_000) } }),
            "form_param_max_length_exceeded",
            "public_metadata",
        ),
    ] {
        let reply = clerk.post("/v1/users", body.clone()).await;
        assert_eq!((reply.status, reply.code(), reply.param()), (422, code, param), "{body}");
    }
}

#[tokio::test]
async fn an_identifier_belongs_to_one_user() {
    let clerk = Clerk::start().await;
    for (body, again, param) in [
        (
            json!({ "email_address": ["a@example.com"] }),
            json!({ "email_address": ["A@example.com"] }),
            "email_address",
        ),
        (
            json!({ "phone_number": ["+15555550100"] }),
            json!({ "phone_number": ["+15555550100"] }),
            "phone_number",
        ),
        (json!({ "username": "ada_l" }), json!({ "username": "Ada_L" }), "username"),
        (json!({ "external_id": "1" }), json!({ "external_id": "1" }), "external_id"),
    ] {
        assert_eq!(clerk.post("/v1/users", body).await.status, 200);
        let reply = clerk.post("/v1/users", again).await;
        assert_eq!((reply.status, reply.code(), reply.param()), (422, "form_identifier_exists", param));
    }
    let twice = json!({ "email_address": ["b@example.com", "B@example.com"] });
    assert_eq!(clerk.post("/v1/users", twice).await.code(), "form_identifier_exists");
    assert_eq!(clerk.user_count(), 4);
}

#[tokio::test]
async fn the_version_is_given_once_and_known() {
    let clerk = Clerk::start().await;
    let get = |path: &str| clerk.request(Method::GET, path);
    let version = "clerk-api-version";
    for (request, status) in [
        (get("/v1/users").header(version, "2026-05-12"), 200),
        (get("/v1/users?__clerk_api_version=2021-02-05"), 200),
        (get("/v1/users").header(version, "2025-03-12"), 400),
        (get("/v1/users?__clerk_api_version=2026-05-12").header(version, "2026-05-12"), 400),
    ] {
        let reply = clerk.send(request).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.code(), if status == 200 { "" } else { "api_version_invalid" });
    }
}

#[tokio::test]
async fn the_limit_is_per_ten_seconds_and_spares_the_key_set() {
    let clock = std::sync::Arc::new(clerk_emulator::ManualClock::at(crate::harness::NOON));
    let given = std::sync::Arc::clone(&clock);
    let clerk = Clerk::start_with(move |config| {
        config.clock = given;
        config.requests_per_10s = Some(3);
    })
    .await;
    for _ in 0..3 {
        assert_eq!(clerk.get("/v1/users").await.status, 200);
    }
    clock.advance(Duration::from_millis(2_500));
    let refused = clerk.get("/v1/users").await;
    assert_eq!((refused.status, refused.code()), (429, "too_many_requests"));
    assert_eq!(refused.headers["retry-after"], "8");
    assert_eq!(clerk.get("/v1/jwks").await.status, 200);
    clock.advance(Duration::from_millis(7_500));
    assert_eq!(clerk.get("/v1/users").await.status, 200);
    let stats = clerk.stats();
    assert_eq!((stats.requests, stats.too_many_requests), (6, 1));
    assert_eq!(stats.count("GET /v1/users"), 5);
    assert_eq!(stats.routes["GET /v1/users"][&429], 1);
}

#[tokio::test]
async fn answers_carry_the_emulators_date_and_are_compressed_on_request() {
    let (clerk, _clock) = Clerk::at_noon().await;
    let plain = clerk.get("/v1/users/count").await;
    assert_eq!(plain.headers["date"], "Thu, 01 Jan 2026 12:00:00 GMT");
    clerk.import_users((0..50).map(|_| clerk_emulator::NewUser::new())).unwrap();
    // A client that unpacks would hide that there was anything to unpack.
    let http = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let asked = http.get(format!("{}/v1/users?limit=50", clerk.url())).header("accept-encoding", "gzip");
    let asked = asked.bearer_auth(&clerk.config().secret_key);
    let response = asked.send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.bytes().await.unwrap().len() < 10_000);
}

#[tokio::test]
async fn a_dropped_emulator_answers_no_more_even_on_open_connections() {
    let clerk = Clerk::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/healthz", clerk.url());
    assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
    drop(clerk);
    assert!(http.get(&url).send().await.is_err());
}

#[tokio::test]
async fn health_needs_no_key() {
    let clerk = Clerk::start().await;
    assert_eq!(clerk.send(clerk.stranger(Method::GET, "/healthz")).await.status, 200);
    clerk.stop().await;
}
