//! The two layers together, as an app has them in front of its routes.

use super::*;
use crate::{
    clerk::ClerkErrorKind,
    engine::testing::{NOON, deleted, person},
};
use clerk_auth::{
    Authenticator, Backend, BackendError, ClerkLayer, RefreshFailure, RefreshRequest, Who,
    clock::ManualClock, jwks::JwkSet, testing,
};
use http::{Request, Response, StatusCode};
use serde_json::json;
use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering},
};
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneService};

/// Answers with the keys, and counts.
#[derive(Debug, Default)]
struct Keys {
    asked: AtomicU64,
}

#[async_trait::async_trait]
impl Backend for Keys {
    async fn signing_keys(&self) -> Result<JwkSet, BackendError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(testing::instance().jwks())
    }

    async fn handshake_payload(&self, _nonce: &str) -> Result<Vec<String>, BackendError> {
        Err(BackendError::NotFound)
    }

    async fn refresh(&self, _request: &RefreshRequest) -> Result<Vec<String>, RefreshFailure> {
        Err(RefreshFailure::Unreachable)
    }
}

struct App {
    bench: Bench,
    keys: Arc<Keys>,
    service: BoxCloneService<Request<()>, Response<String>, Infallible>,
}

/// Says who is asking, and nothing else.
async fn handler(request: Request<()>) -> Result<Response<String>, Infallible> {
    let who = request.extensions().get::<Who>().and_then(Who::session);
    Ok(Response::new(who.map_or("nobody", |session| session.user_id()).to_owned()))
}

impl App {
    async fn new() -> Self {
        let (bench, keys) = (Bench::new().await, Arc::new(Keys::default()));
        let authenticator = Authenticator::builder(testing::settings("live"))
            .backend(Arc::clone(&keys) as Arc<dyn Backend>)
            .clock(Arc::new(ManualClock::at(testing::NOW_MS)))
            .build()
            .expect("an authenticator");
        let service = ServiceBuilder::new()
            .layer(ClerkLayer::new(authenticator))
            .layer(EnsureUserLayer::new(bench.users.clone()))
            .service_fn(handler);
        Self { bench, keys, service: BoxCloneService::new(service) }
    }

    async fn get(&mut self, token: Option<&str>) -> Response<String> {
        let mut request = Request::get("/").header("host", "app.example");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let service = self.service.ready().await.expect("ready");
        service.call(request.body(()).expect("a request")).await.expect("an answer")
    }

    async fn status(&mut self, id: &str) -> StatusCode {
        self.get(Some(&token_of(id))).await.status()
    }
}

fn token_of(id: &str) -> String {
    let mut claims = testing::claims();
    claims["sub"] = json!(id);
    testing::instance().token(&claims)
}

#[tokio::test]
async fn a_million_warm_requests_ask_neither_clerk_nor_the_database() {
    let mut app = App::new().await;
    app.bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    let token = token_of("user_1");
    assert_eq!(app.get(Some(&token)).await.body(), "user_1");
    let rig = &app.bench.rig;
    let before = (rig.store.looks(), rig.clerk.all_calls(), rig.store.begun());
    for _ in 0..1_000_000 {
        let answer = app.get(Some(&token)).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let rig = &app.bench.rig;
    assert_eq!((rig.store.looks(), rig.clerk.all_calls(), rig.store.begun()), before);
    assert_eq!(app.keys.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_row_is_there_before_the_handler_runs() {
    let mut app = App::new().await;
    app.bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert_eq!(app.get(Some(&token_of("user_1"))).await.body(), "user_1");
    assert_eq!(app.bench.rig.username("user_1").await.as_deref(), Some("ada"));
    assert_eq!(app.get(None).await.body(), "nobody", "turning strangers away is another layer's business");
}

#[tokio::test]
async fn a_deleted_user_is_refused_though_its_token_is_good() {
    let mut app = App::new().await;
    app.bench.rig.clerk.shows("user_1", &person("user_1", NOON, "ada"));
    assert_eq!(app.status("user_1").await, StatusCode::OK);
    app.bench.rig.receive(&deleted("user_1", NOON + 1)).await;
    assert_eq!(app.status("user_1").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_has_no_row_is_told_why_and_when_to_come_back() {
    let mut app = App::new().await;
    app.bench.rig.clerk.misses("user_nobody");
    assert_eq!(app.status("user_nobody").await, StatusCode::UNAUTHORIZED);
    assert_eq!(app.status("").await, StatusCode::UNAUTHORIZED);
    app.bench.rig.clerk.fails("user_2", ClerkErrorKind::Unavailable);
    let away = app.get(Some(&token_of("user_2"))).await;
    assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(away.headers().contains_key("retry-after") && away.headers()["cache-control"] == "no-store");
}

#[tokio::test]
async fn without_the_outer_layer_nothing_passes() {
    let bench = Bench::new().await;
    let mut alone =
        ServiceBuilder::new().layer(EnsureUserLayer::new(bench.users.clone())).service_fn(handler);
    let answer = alone.ready().await.expect("ready").call(Request::new(())).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
