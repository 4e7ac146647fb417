//! Requests of programs, of liars, and in bad times.

use super::{
    Kind::{self, Caddy, Nginx},
    Manner::Development,
    Scene,
    browser::Browser,
};
use clerk_emulator::{Fault, FaultKind, NewUser, TokenOptions};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

/// A new user's token, as a script or a phone would send it.
async fn token(scene: &Scene) -> (String, String) {
    let user = scene.clerk.create_user(NewUser::new().email("ada@example.com")).unwrap();
    let user = user["id"].as_str().unwrap().to_owned();
    let options = TokenOptions::new().authorized_party(scene.url(""));
    let token = scene.clerk.token_for(&user, &options).await.unwrap();
    (user, format!("Bearer {token}"))
}

#[rstest]
#[tokio::test]
async fn what_a_browser_says_about_itself_never_reaches_the_app(#[values(Nginx, Caddy)] kind: Kind) {
    let scene = Scene::start(kind, Development).await;
    let lies = [
        ("x-clerk-user-id", "user_evil"),
        ("X_Clerk_User_Id", "user_evil"),
        ("X-Clerk_User-Id", "user_evil"),
        ("x_clerk-user_id", "user_evil"),
        ("x-clerk-session-id", "sess_evil"),
        ("x-clerk-org-id", "org_evil"),
        ("x_clerk_org_id", "org_evil"),
    ];
    let mut browser = Browser::new();
    let refused = browser.fetch(Method::GET, &scene.url("/api/notes"), &lies, None).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(refused.headers.get("location").is_none(), "{refused:?}");
    assert!(scene.told().is_empty());

    let (user, bearer) = token(&scene).await;
    let headers: Vec<_> = lies.into_iter().chain([("authorization", &*bearer)]).collect();
    let answer = browser.fetch(Method::GET, &scene.url("/api/notes"), &headers, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()["user"], json!(user));
    let [told] = &scene.told()[..] else { panic!("one request") };
    // No organization is active, so there is none to tell of.
    let names: Vec<&str> = told.clerk.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 2, "{told:?}");
    assert!(names.contains(&"x-clerk-user-id") && names.contains(&"x-clerk-session-id"), "{told:?}");
    assert!(told.clerk.iter().all(|(_, value)| !value.contains("evil")), "{told:?}");
}

#[rstest]
#[tokio::test]
async fn the_active_organization_is_told(#[values(Nginx, Caddy)] kind: Kind) {
    let scene = Scene::start(kind, Development).await;
    let (user, _) = token(&scene).await;
    let organization = scene.clerk.create_organization("Acme", Some(&user)).unwrap();
    let organization = organization["id"].as_str().unwrap();
    let session = scene.clerk.start_session(&user, Some(organization)).unwrap();
    let options = TokenOptions::new().authorized_party(scene.url(""));
    let token = format!("Bearer {}", scene.clerk.session_token(&session, &options).await.unwrap());
    let lie = ("x-clerk-org-id", "org_evil");
    let headers = [("authorization", &*token), lie];
    let answer = Browser::new().fetch(Method::GET, &scene.url("/api/notes"), &headers, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = scene.told().pop().unwrap();
    assert!(told.clerk.contains(&("x-clerk-org-id".to_owned(), organization.to_owned())), "{told:?}");
}

#[rstest]
#[tokio::test]
async fn a_request_with_a_body_passes_unharmed(#[values(Nginx, Caddy)] kind: Kind) {
    let scene = Scene::start(kind, Development).await;
    let (_, bearer) = token(&scene).await;
    let headers = [("authorization", &*bearer)];
    let mut browser = Browser::new();
    let text = "Grüße, ".repeat(40_000);
    let body = json!({ "text": text }).to_string();
    let made = browser.fetch(Method::POST, &scene.url("/api/notes"), &headers, Some(body.clone())).await;
    assert_eq!((made.status, &made.body), (201, &body));
    let kept = browser.fetch(Method::GET, &scene.url("/api/notes"), &headers, None).await;
    let kept: serde_json::Value = serde_json::from_str(&kept.body).unwrap();
    assert_eq!(kept["notes"], json!([text]));
    assert!(scene.told().iter().all(|told| told.row));

    let refused = browser.fetch(Method::POST, &scene.url("/api/notes"), &[], Some(body)).await;
    assert_eq!(refused.status, 401);
}

#[rstest]
#[tokio::test]
async fn while_clerk_is_away_people_are_told_to_come_back(#[values(Nginx, Caddy)] kind: Kind) {
    let scene = Scene::start(kind, Development).await;
    let (_, bearer) = token(&scene).await;
    scene.clerk.deliveries_settled().await;
    scene.database.run("delete from users; delete from clerk_sync_users;").await;
    // The signing keys are known; users cannot be read.
    scene.clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 503 }).path("/v1/users"));
    let headers = [("authorization", &*bearer)];
    let answer = Browser::new().fetch(Method::GET, &scene.url("/api/notes"), &headers, None).await;
    assert_eq!(answer.status, 503, "{answer:?}\n{}", scene.server.log_text());
    assert!(answer.headers.get("retry-after").is_some(), "{answer:?}");
    assert!(scene.told().is_empty(), "no row, no request");
    scene.clerk.clear_faults();
}

#[rstest]
#[tokio::test]
async fn nobody_but_the_proxy_can_ask_who_is_asking(#[values(Nginx, Caddy)] kind: Kind) {
    let scene = Scene::start(kind, Development).await;
    for path in ["/clerk/verify", "/_clerk_verify", "/metrics", "/clerk/webhooks/../verify"] {
        let answer = Browser::new().fetch(Method::GET, &scene.url(path), &[], None).await;
        // Like any address of the app: 404 of nginx's own, or a stranger's 401.
        assert!(matches!(answer.status, 401 | 404), "{path}: {answer:?}");
        assert!(answer.headers.get("x-clerk-user-id").is_none());
    }
    assert!(scene.told().is_empty());
}
