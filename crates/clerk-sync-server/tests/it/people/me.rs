//! `GET /clerk/me`: the caller's own row.

use crate::harness::{Answer, Browser, Instance, Kind, Site, now_ms};
use clerk_emulator::{NewUser, TokenOptions};
use rstest::rstest;
use serde_json::{Value, json};

const COLUMNS: &str = r#"
[users]
allow = ["private_metadata", "unsafe_metadata"]
[users.columns]
clerk_id = "id"
email = "primary_email_address"
plan = "public_metadata.plan"
note = "private_metadata.note"
secrets = { from = "private_metadata", type = "json" }
shoe = "unsafe_metadata.shoe"
"#;

fn guarded(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    let cors = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(cors, None, "{answer:?}");
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[rstest]
#[tokio::test]
async fn the_callers_own_row_is_shown_and_made_if_it_is_missing(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let mut site = Site::new(Instance::Production, kind).await;
    site.setup = site.setup.clone().config(COLUMNS);
    let ada = NewUser::new().id("user_ada").email("ada@example.com").public_metadata(json!({"plan": "pro"}));
    let ada = ada.private_metadata(json!({"note": "hush"})).unsafe_metadata(json!({"shoe": "42"}));
    site.clerk.create_user(ada).unwrap();
    let server = site.serve().await;
    let bearer = format!("Bearer {}", site.token("user_ada").await);
    let expected = json!({"clerk_id": "user_ada", "email": "ada@example.com", "plan": "pro", "shoe": "42"});
    for _ in 0..2 {
        let answer = server
            .get_with("/clerk/me", &[("authorization", &bearer), ("origin", "https://evil.example")])
            .await;
        guarded(&answer);
        assert_eq!((answer.status, body(&answer)), (200, expected.clone()));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert_eq!(site.reads(), 1);
    let rows = site.database.select(&["clerk_id", "note"], "from users").await;
    assert_eq!(rows, [[Some("user_ada".to_owned()), Some("hush".to_owned())]]);
    // A row that was deleted by hand is made again, though it is remembered.
    site.database.run("delete from users").await;
    let answer = server.get_with("/clerk/me", &[("authorization", &bearer)]).await;
    assert_eq!((answer.status, body(&answer)), (200, expected));
    // No other site's page can ask with the person's cookies and read the answer.
    let preflight = reqwest::Client::builder().no_proxy().build().unwrap();
    let preflight = preflight
        .request(reqwest::Method::OPTIONS, server.url("/clerk/me"))
        .header("origin", "https://evil.example");
    let answer = server.request(preflight.header("access-control-request-method", "GET")).await;
    assert_eq!(answer.status, 405);
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
    server.stop().await;
}

#[tokio::test]
async fn whoever_is_not_signed_in_gets_401() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    for id in ["user_ada", "user_bob", "user_eve"] {
        site.user(id);
    }
    let server = site.serve().await;
    let signed = async |user: &str, options: TokenOptions| {
        format!("Bearer {}", site.clerk.token_for(user, &options).await.unwrap())
    };
    let deleted = signed("user_bob", site.options()).await;
    server.accept(&site.clerk.deleted("user_bob", now_ms())).await;
    let gone = signed("user_eve", site.options()).await;
    site.clerk.delete_user("user_eve").unwrap();
    for (authorization, code) in [
        (String::new(), "signed_out"),
        ("Bearer rubbish".to_owned(), "signed_out"),
        ("Bearer mt_abcdefg".to_owned(), "signed_out"),
        (signed("user_ada", site.options().issued_in_seconds(-600)).await, "signed_out"),
        (signed("user_ada", TokenOptions::new()).await, "signed_out"),
        (
            signed("user_ada", TokenOptions::new().authorized_party("https://evil.example")).await,
            "signed_out",
        ),
        (signed("user_ada", site.options().pending()).await, "session_pending"),
        (deleted, "user_deleted"),
        (gone, "user_not_found"),
    ] {
        let answer =
            server.get_with("/clerk/me", &[("authorization", &authorization), ("origin", "null")]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code), "{authorization}");
        guarded(&answer);
    }
    assert!(site.database.users().await.is_empty());
    server.stop().await;
}

/// As a page in the browser: an expired session is renewed on the way.
#[rstest]
#[tokio::test]
async fn a_page_without_a_session_asks_clerk_first(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
) {
    let site = Site::new(instance, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let token = site.clerk.token_for("user_ada", &site.options().issued_in_seconds(-600)).await.unwrap();
    let mut browser = site.browser_with("user_ada", &token).saying("origin", "null");
    let walk = browser.open(&format!("{}/clerk/me", site.origin)).await;
    assert_eq!(walk.status(), 200, "{}", walk.trace());
    assert_eq!(walk.at(&site.clerk.url()).count(), 1, "{}", walk.trace());
    assert_eq!(body(&walk.last().answer)["clerk_id"], "user_ada");
    walk.at(&site.origin).for_each(|hop| guarded(&hop.answer));
    // Not a page: nobody is sent anywhere.
    let answer = server.get_with("/clerk/me", &[("accept", "application/json")]).await;
    assert_eq!(answer.status, 401);
    if instance == Instance::Development {
        let mut stranger = Browser::new();
        let answer = stranger.ask(&format!("{}/clerk/me", site.origin)).await;
        assert_eq!(answer.status, 307);
        let walk = stranger.open(&format!("{}/clerk/me", site.origin)).await;
        assert_eq!(
            (walk.status(), walk.last().answer.code().as_str()),
            (401, "signed_out"),
            "{}",
            walk.trace()
        );
    }
    server.stop().await;
}
