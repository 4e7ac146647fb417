//! What a person sees where the way into the app is closed for good.

use super::{assert_page, through_hostile_hosts};
use crate::harness::{Browser, Instance, Kind, Site, now_ms};
use rstest::rstest;
use serde_json::json;

#[tokio::test]
async fn without_the_publishable_key_every_route_says_which_setting_is_missing() {
    let mut site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.setup = site.setup.clone().unset("CLERK_PUBLISHABLE_KEY");
    let server = site.serve().await;
    let answer = Browser::new().ask(&site.entrance("/")).await;
    assert_page(&answer, 503);
    assert!(answer.body.contains("CLERK_PUBLISHABLE_KEY"), "{answer:?}");
    assert!(answer.retry_after() > 0);
    for path in ["/clerk/me", "/clerk/verify"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (503, Some("no-store")), "{answer:?}");
        assert!(answer.body.contains("CLERK_PUBLISHABLE_KEY") && answer.retry_after() > 0, "{answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_user_whom_clerk_does_not_know_gets_a_page_and_no_row() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    for id in ["user_ada", "user_bob"] {
        site.user(id);
    }
    let server = site.serve().await;
    let mut deleted = site.browser("user_ada").await;
    site.clerk.delete_user("user_ada").unwrap();
    // Gone in Clerk, and the deletion is known here.
    let mut known = site.browser("user_bob").await;
    server.accept(&site.clerk.deleted("user_bob", now_ms())).await;
    for browser in [&mut deleted, &mut known] {
        let answer = browser.ask(&site.entrance("/")).await;
        assert_page(&answer, 404);
    }
    // Ids that no user can have.
    for subject in ["../../../v1/users", "user_\u{0}", "", "user_a b", &"user_x".repeat(100)] {
        let now = now_ms() / 1_000;
        let claims = json!({"sub": subject, "sid": "sess_1", "iat": now, "nbf": now, "exp": now + 60, "azp": site.app,
            "iss": site.clerk.issuer(), "sts": "active", "v": 2});
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": site.clerk.config().instance_id});
        let token = site.clerk.sign_token(&header, &claims).await.unwrap();
        let mut browser = Browser::new();
        browser.keep("__client_uat", "1");
        browser.keep("__session", &token);
        let answer = browser.ask(&site.entrance("/")).await;
        assert!(answer.status == 404 || answer.status == 303, "{subject:?}: {answer:?}");
        let location = answer.header("location").unwrap_or_default();
        assert!(!location.starts_with(&site.app), "{subject:?} was let in: {location}");
    }
    assert!(site.database.users().await.is_empty());
    server.stop().await;
}

#[rstest]
#[case::a_value_of_another(Kind::Sqlite, "create unique index names on users (first_name)")]
#[case::a_value_of_another(Kind::Postgres, "create unique index names on users (first_name)")]
#[case::a_value_that_does_not_fit(Kind::Postgres, "alter table users alter first_name type varchar(2)")]
#[case::a_value_that_does_not_fit(Kind::Mysql, "alter table users modify first_name varchar(2)")]
#[tokio::test]
async fn a_row_that_can_never_be_written_is_a_conflict(#[case] kind: Kind, #[case] sql: &str) {
    let site = Site::new(Instance::Production, kind).await;
    site.user("user_ada");
    site.user("user_bob");
    let server = site.serve().await;
    let mut ada = site.browser("user_ada").await;
    let mut bob = site.browser("user_bob").await;
    if sql.contains("unique") {
        assert_eq!(ada.ask(&site.entrance("/")).await.status, 303);
    }
    site.database.run(sql).await;
    let answer = bob.ask(&site.entrance("/")).await;
    assert_page(&answer, 409);
    assert!(!site.database.users().await.contains_key("user_bob"));
    let token = site.token("user_bob").await;
    let bearer = format!("Bearer {token}");
    let me = server.get_with("/clerk/me", &[("authorization", &bearer)]).await;
    assert_eq!((me.status, me.code().as_str()), (409, "conflict"));
    let verified = server.get_with("/clerk/verify", &[("authorization", &bearer)]).await;
    assert_eq!((verified.status, verified.code().as_str()), (503, "conflict"));
    assert!(verified.retry_after() > 0);
    for answer in [&answer, &me, &verified] {
        for word in ["names", "varchar", "first_name", "Ada", "sql", "duplicate", "constraint"] {
            assert!(!answer.body.contains(word), "{word} in {answer:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn in_development_a_broken_handshake_is_explained() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    let mut browser = Browser::new();
    let answer = browser.ask(&format!("{}&__clerk_handshake=garbage", site.entrance("/"))).await;
    assert_page(&answer, 500);
    assert!(answer.body.contains("handshake") && answer.body.contains("token-invalid"), "{answer:?}");
    // It is a browser's trouble, not the service's: others pass.
    site.user("user_ada");
    assert_eq!(site.browser("user_ada").await.ask(&site.entrance("/")).await.status, 303);
    // In production nobody sees it.
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    let other = site.serve().await;
    let answer = browser.ask(&format!("{}&__clerk_handshake=garbage", site.entrance("/"))).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    other.stop().await;
    server.stop().await;
}

/// Hosts that proxies rewrite, or attackers invent, are in no answer.
#[rstest]
#[tokio::test]
async fn no_answer_believes_the_requests_host(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
) {
    let site = Site::new(instance, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    // Into the app, to sign in or into a handshake, to a page.
    let mut ada = through_hostile_hosts(site.browser("user_ada").await);
    let mut stranger = through_hostile_hosts(Browser::new());
    let mut expired = {
        let token = site.clerk.token_for("user_ada", &site.options().issued_in_seconds(-900)).await.unwrap();
        through_hostile_hosts(site.browser_with("user_ada", &token))
    };
    let mut asked = through_hostile_hosts(Browser::new());
    asked.keep("__clerk_sync_asked", "1");
    let mut statuses = Vec::new();
    for browser in [&mut ada, &mut stranger, &mut expired, &mut asked] {
        for path in [site.entrance("/x"), format!("{}/clerk/me", site.origin)] {
            let answer = browser.ask(&path).await;
            assert!(!format!("{answer:?}").contains("evil"), "{answer:?}");
            if let Some(location) = answer.header("location") {
                let known = [&site.app, &site.origin, &site.clerk.url()];
                assert!(known.iter().any(|origin| location.starts_with(&***origin)), "{location}");
            }
            statuses.push(answer.status);
        }
    }
    let expected = match instance {
        Instance::Production => vec![303, 200, 303, 401, 307, 307, 401, 401],
        Instance::Development => vec![303, 200, 307, 307, 307, 307, 307, 307],
    };
    assert_eq!(statuses, expected);
    server.stop().await;
}
