use super::*;
use crate::{
    authenticate::RefreshRequest,
    backend::{Backend, BackendError},
    clock::ManualClock,
    guard::RequireLayer,
    jwks::JwkSet,
    reason::RefreshFailure,
    testing::{self, NOW_MS, NOW_S},
};
use async_trait::async_trait;
use axum::{Router, body::Body, routing::get};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;

#[derive(Debug, Default)]
struct Clerk {
    key_fetches: AtomicUsize,
}

#[async_trait]
impl Backend for Clerk {
    async fn signing_keys(&self) -> Result<JwkSet, BackendError> {
        self.key_fetches.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(testing::instance().jwks())
    }

    async fn handshake_payload(&self, nonce: &str) -> Result<Vec<String>, BackendError> {
        if nonce != "n" {
            return Err(BackendError::NotFound);
        }
        let token = testing::instance().token(&testing::claims());
        Ok(vec!["__client_uat=5; Path=/".to_owned(), format!("__session={token}; Path=/")])
    }

    async fn refresh(&self, _request: &RefreshRequest) -> Result<Vec<String>, RefreshFailure> {
        Err(RefreshFailure::Unreachable)
    }
}

fn app(environment: &str) -> (Router, Arc<Clerk>) {
    let clerk = Arc::new(Clerk::default());
    let authenticator = Authenticator::builder(testing::settings(environment))
        .backend(Arc::clone(&clerk) as Arc<dyn Backend>)
        .clock(Arc::new(ManualClock::at(NOW_MS)))
        .build()
        .unwrap();
    let admins = Router::new().route("/admin", get(async || "admin")).layer(RequireLayer::role("org:admin"));
    let signed_in = Router::new().route("/in", get(async || "in")).layer(RequireLayer::signed_in());
    let app = Router::new()
        .route("/me", get(async |session: Session| session.user_id().to_owned()))
        .route("/maybe", get(async |session: Option<Session>| format!("{}", session.is_some())))
        .merge(admins)
        .merge(signed_in)
        .layer(ClerkLayer::new(authenticator).public_origin("https://app.example/"));
    (app, clerk)
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

async fn send(app: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path).header("host", "inner");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn bearer(changes: &[(&str, Value)]) -> String {
    let mut claims = testing::claims();
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    format!("Bearer {}", testing::instance().token(&claims))
}

#[tokio::test]
async fn handlers_know_who_is_asking() {
    let (app, clerk) = app("live");
    let token = bearer(&[]);
    for _ in 0..3 {
        let answer = send(&app, "/me", &[("authorization", &token)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "user_1"));
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("x-clerk")));
    }
    assert_eq!(clerk.key_fetches.load(Ordering::SeqCst), 1);
    let nobody = send(&app, "/me", &[]).await;
    assert_eq!((nobody.status, nobody.body.as_str()), (401, "Sign in first.\n"));
    assert_eq!(nobody.headers["x-clerk-auth-reason"], "session-token-and-uat-missing");
    assert_eq!(nobody.headers["x-clerk-auth-status"], "signed-out");
    assert_eq!(send(&app, "/maybe", &[]).await.body, "false");
    let pending = bearer(&[("sts", json!("pending"))]);
    assert_eq!(send(&app, "/me", &[("authorization", &pending)]).await.status, 401);
    assert_eq!(send(&app, "/maybe", &[("authorization", &pending)]).await.body, "false");
}

#[tokio::test]
async fn guards_turn_people_away() {
    let (app, _) = app("live");
    let admin = bearer(&[("o", json!({"id": "org_1", "rol": "admin"}))]);
    let member = bearer(&[("o", json!({"id": "org_1", "rol": "member"}))]);
    for (path, token, expected) in [
        ("/admin", Some(&admin), 200),
        ("/admin", Some(&member), 403),
        ("/admin", None, 401),
        ("/in", Some(&member), 200),
        ("/in", None, 401),
    ] {
        let headers: Vec<(&str, &str)> =
            token.iter().map(|token| ("authorization", token.as_str())).collect();
        assert_eq!(send(&app, path, &headers).await.status, expected, "{path}");
    }
    let bare = Router::new()
        .route("/", get(async || ""))
        .route("/session", get(async |_: Session| ""))
        .route_layer(RequireLayer::signed_in());
    assert_eq!(send(&bare, "/", &[]).await.status, 500);
}

#[tokio::test]
async fn a_page_that_needs_clerk_is_sent_there() {
    let (app, _) = app("live");
    let page = [("cookie", "__client_uat=5"), ("sec-fetch-dest", "document")];
    let answer = send(&app, "/me?a=1", &page).await;
    assert_eq!(answer.status, 307);
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.contains("redirect_url=https%3A%2F%2Fapp.example%2Fme%3Fa%3D1&"), "{location}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn a_finished_handshake_adds_its_cookies_and_keeps_caches_away() {
    let (app, _) = app("live");
    let answer = send(&app, "/me", &[("cookie", "__clerk_handshake_nonce=n")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "user_1"));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let unknown = send(&app, "/maybe", &[("cookie", "__clerk_handshake_nonce=other")]).await;
    assert_eq!((unknown.status, unknown.body.as_str()), (200, "false"));
}

#[tokio::test]
async fn development_comes_back_to_a_clean_address() {
    let (app, _) = app("test");
    let answer = send(&app, "/me?x=1&__clerk_handshake_nonce=n", &[]).await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.headers["location"], "https://app.example/me?x=1");
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    let broken = send(&app, "/me?__clerk_handshake=junk", &[]).await;
    assert_eq!(broken.status, 500);
    assert!(broken.body.contains("clear this site's cookies"), "{}", broken.body);
    assert_eq!(broken.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn sixty_four_cold_requests_fetch_the_keys_once() {
    let (app, clerk) = app("live");
    let requests: Vec<_> = (0..64)
        .map(|number| {
            let (app, token) = (app.clone(), bearer(&[("sub", json!(format!("user_{number}")))]));
            tokio::spawn(async move { send(&app, "/me", &[("authorization", &token)]).await.body })
        })
        .collect();
    for (number, request) in requests.into_iter().enumerate() {
        assert_eq!(request.await.unwrap(), format!("user_{number}"));
    }
    assert_eq!(clerk.key_fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_remembered_token_is_judged_anew_each_time() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let authenticator = Authenticator::builder(testing::settings("live"))
        .backend(Arc::new(Clerk::default()))
        .clock(Arc::clone(&clock) as Arc<dyn crate::clock::Clock>)
        .build()
        .unwrap();
    let token = bearer(&[("exp", json!(NOW_S + 50))]);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", token.parse().unwrap());
    let head = RequestHead::new(http::Method::GET, "https://app.example", "/", &headers);
    assert!(authenticator.authenticate_now(&head).is_err(), "the key is not there yet");
    assert!(authenticator.authenticate(&head).await.session().is_some());
    assert!(authenticator.authenticate_now(&head).unwrap().session().is_some());
    clock.advance(std::time::Duration::from_secs(55));
    assert!(authenticator.authenticate_now(&head).unwrap().session().is_none());
}
