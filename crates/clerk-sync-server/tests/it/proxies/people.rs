//! People who come with a browser.

use super::{
    Kind::{self, Caddy, Nginx},
    Manner::{self, Development, Production},
    Scene,
    browser::Browser,
};
use clerk_emulator::{DeliveryState, Fault, FaultKind, HandshakeFormat, TokenOptions};
use rstest::rstest;

const HANDSHAKE: &str = "/v1/client/handshake";

/// The promise of flow D: no webhook, no visit to `/clerk/after-sign-up`, and the first request finds its row.
#[rstest]
#[tokio::test]
async fn the_first_request_of_a_new_user_finds_its_row(
    #[values(Nginx, Caddy)] kind: Kind,
    #[values(Development, Production)] manner: Manner,
    #[values(HandshakeFormat::Nonce, HandshakeFormat::Token)] format: HandshakeFormat,
) {
    let scene = Scene::start(kind, manner).await;
    scene.clerk.set_handshake_format(format);
    scene.clerk.add_fault(Fault::new(FaultKind::WebhookDrop));
    let mut browser = Browser::new();
    let target =
        url::form_urlencoded::byte_serialize(scene.url("/?a=1&b=%20").as_bytes()).collect::<String>();
    let sign_up = format!("{}/sign-up?redirect_url={target}", scene.clerk.url());
    let page = browser.submit(&sign_up, &[("email_address", "ada@example.com")]).await;

    let user = scene.only_user();
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains(&format!("<code id=\"user\">{user}</code>")), "{page:?}");
    assert_eq!(page.url.as_str().replace("%20", "+"), scene.url("/?a=1&b=+"), "clean of Clerk's parameters");
    assert_eq!(page.visits(HANDSHAKE), 1, "{:#?}", page.trail);
    let told = scene.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].row, "the app was asked before the row was there");
    assert_eq!(told[0].user, user);

    // Every cookie has reached the browser, so nothing has to be done twice.
    let held = browser.cookies();
    // Clerk writes both spellings for those who know both; a new development browser begins with the plain ones.
    let suffix = if manner == Production {
        format!("_{}", scene.clerk.config().cookie_suffix())
    } else {
        String::new()
    };
    for name in ["__session", "__client_uat"] {
        assert!(held.contains(&name) && held.contains(&&*format!("{name}{suffix}")), "{held:?}");
    }
    assert!(!held.iter().any(|name| name.starts_with("__clerk_handshake")), "{held:?}");
    let requests = scene.clerk.stats().requests;
    let again = browser.open(&scene.url("/")).await;
    assert_eq!((again.status, again.trail.len()), (200, 1));
    assert!(again.headers.get("set-cookie").is_none());
    assert_eq!(scene.clerk.stats().requests, requests, "a warm request asks Clerk for nothing");
}

#[rstest]
#[tokio::test]
async fn a_stranger_is_sent_to_sign_in_and_comes_back_signed_up(
    #[values(Nginx, Caddy)] kind: Kind,
    #[values(Development, Production)] manner: Manner,
) {
    let scene = Scene::start(kind, manner).await;
    let mut browser = Browser::new();
    let page = scene.sign_up(&mut browser, "ada@example.com").await;
    let user = scene.only_user();
    assert_eq!((page.status, page.url.as_str()), (200, &*scene.url("/")), "{page:?}");
    assert!(page.body.contains(&user), "{page:?}");
    assert_eq!(
        page.visits("/clerk/after-sign-up"),
        if manner == Development { 3 } else { 2 },
        "{:#?}",
        page.trail
    );
    assert!(scene.told().iter().all(|told| told.row));

    // Their own row, and the webhook, come through the proxy as well.
    let me = browser.fetch(reqwest::Method::GET, &scene.url("/clerk/me"), &[], None).await;
    assert_eq!(me.status, 200, "{me:?}");
    assert!(me.body.contains("ada@example.com"), "{me:?}");
    scene.clerk.deliveries_settled().await;
    let deliveries = scene.clerk.deliveries();
    let created = deliveries.iter().find(|delivery| delivery.event_type == "user.created").unwrap();
    assert_eq!(created.state, DeliveryState::Delivered);

    // A form of the app, and the address that a stranger asked for, parameters and all.
    let noted = browser.submit(&scene.url("/notes"), &[("text", "milk & <bread>")]).await;
    assert!(noted.body.contains("<li>milk &#38; &#60;bread&#62;</li>"), "{noted:?}");
    let other = Browser::new().open(&scene.url("/deep?a=1&b=2")).await;
    let back = other.url.query_pairs().find(|(name, _)| name == "redirect_url").unwrap().1;
    let wish = url::Url::parse(&back).unwrap();
    let wish = wish.query_pairs().find(|(name, _)| name == "redirect_url").unwrap().1.into_owned();
    assert_eq!(wish, scene.url("/deep?a=1&b=2"));
}

#[rstest]
#[tokio::test]
async fn an_expired_token_costs_one_handshake(
    #[values(Nginx, Caddy)] kind: Kind,
    #[values(Development, Production)] manner: Manner,
) {
    let scene = Scene::start(kind, manner).await;
    let mut browser = Browser::new();
    scene.sign_up(&mut browser, "ada@example.com").await;
    let claims = browser.cookie("__session").unwrap().split('.').nth(1).unwrap().to_owned();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let old = TokenOptions::new().authorized_party(scene.url("")).issued_at(claims["iat"].as_i64().unwrap());
    let old = old.expires_in_seconds(-30);
    let expired = scene.clerk.session_token(claims["sid"].as_str().unwrap(), &old).await.unwrap();
    let suffix = scene.clerk.config().cookie_suffix();
    for name in ["__session".to_owned(), format!("__session_{suffix}")] {
        browser.set_cookie(&name, &expired);
    }

    let fetched = browser.fetch(reqwest::Method::GET, &scene.url("/api/notes"), &[], None).await;
    assert_eq!(fetched.status, 401, "a script cannot go round by Clerk: {fetched:?}");
    let page = browser.open(&scene.url("/")).await;
    assert_eq!((page.status, page.visits(HANDSHAKE)), (200, 1), "{page:?}");
    assert_ne!(browser.cookie("__session"), Some(&*expired));
    let again = browser.open(&scene.url("/")).await;
    assert_eq!((again.status, again.trail.len()), (200, 1));
}

/// Though the token is good for most of a minute.
#[rstest]
#[tokio::test]
async fn a_deleted_user_is_refused_within_a_second(#[values(Nginx, Caddy)] kind: Kind) {
    let scene = Scene::start(kind, Production).await;
    let mut browser = Browser::new();
    scene.sign_up(&mut browser, "ada@example.com").await;
    let (api, user) = (scene.url("/api/notes"), scene.only_user());
    assert_eq!(browser.fetch(reqwest::Method::GET, &api, &[], None).await.status, 200);
    scene.told();

    scene.clerk.delete_user(&user).unwrap();
    let deleted = crate::harness::now_ms();
    scene.clerk.deliveries_settled().await;
    let refused = browser.fetch(reqwest::Method::GET, &api, &[], None).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(crate::harness::now_ms() - deleted < 1_000, "it took longer than a second");
    // A person is told, and not sent round in circles.
    let page = browser.open(&scene.url("/")).await;
    assert_eq!((page.status, page.url.path()), (404, "/clerk/after-sign-up"), "{page:?}");
    assert!(page.body.contains("does not exist"), "{page:?}");
    assert!(scene.told().is_empty(), "the app hears nothing of it");
    assert!(scene.database.users().await.is_empty());
}
