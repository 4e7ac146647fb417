//! Flow A: somebody signs up on Clerk's page and finds their row when they reach the app.

use crate::harness::{Browser, Instance, Kind, Site};
use clerk_emulator::HandshakeFormat;
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn the_row_is_there_before_the_app_is(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
    #[values(HandshakeFormat::Nonce, HandshakeFormat::Token)] format: HandshakeFormat,
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let site = Site::new(instance, kind).await;
    site.clerk.set_handshake_format(format);
    let server = site.serve().await;
    let mut browser = Browser::new();
    let page = browser.open(&site.page("/sign-up", &site.entrance("/welcome?tab=1#top"))).await;
    assert_eq!(page.status(), 200, "{}", page.trace());
    let fields = [("email_address", "ada@example.com"), ("password", "correct horse"), ("first_name", "Ada")];
    let walk = browser.submit(&page.last().url, &fields, |url| site.is_app(url)).await;

    assert_eq!(walk.status(), 303, "{}", walk.trace());
    let next = walk.last().next().expect("an address");
    assert_eq!(next.as_str(), format!("{}/welcome?tab=1#top", site.app));
    let id = site.clerk.users()[0]["id"].as_str().unwrap().to_owned();
    // Nobody has gone to the app yet.
    assert_eq!(site.database.users().await, [(id.clone(), "Ada".to_owned())].into());
    assert_eq!(site.feed().await, [(id, "created".to_owned(), "visit".to_owned())]);
    assert_eq!(site.reads(), 1);
    for hop in walk.at(&site.origin) {
        assert_eq!(hop.answer.header("cache-control"), Some("no-store"), "{hop:?}");
        assert_eq!(hop.answer.header("access-control-allow-origin"), None, "{hop:?}");
    }
    assert!(walk.0.len() <= 6, "a longer way than needed:\n{}", walk.trace());
    assert_eq!(browser.ask(next.as_str()).await.body, "the app");

    // A reload within seconds costs nothing, and the session that came from the handshake is good.
    let again = browser.open_until(&site.entrance("/welcome"), |url| site.is_app(url)).await;
    assert_eq!((again.status(), again.0.len()), (303, 1), "{}", again.trace());
    assert_eq!(site.reads(), 1);
    server.stop().await;
}

/// Its webhook comes while the browser is on its way: the row is made once.
#[tokio::test]
async fn the_webhook_of_the_same_person_makes_no_second_entry() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    site.clerk.set_webhook_url(Some(&server.url("/clerk/webhooks"))).unwrap();
    let mut browser = Browser::new();
    let page = browser.open(&site.page("/sign-up", &site.entrance("/"))).await;
    let walk = browser
        .submit(&page.last().url, &[("email_address", "ada@example.com")], |url| site.is_app(url))
        .await;
    assert_eq!(walk.status(), 303, "{}", walk.trace());
    site.clerk.deliveries_settled().await;
    let changes: Vec<_> = site.database.feed().await.into_iter().map(|(_, change)| change).collect();
    assert_eq!(changes.first().map(String::as_str), Some("created"));
    assert_eq!(changes.iter().filter(|change| *change == "created").count(), 1, "{changes:?}");
    assert!(site.reads() <= 1);
}

/// The tab is closed before the app is reached; the webhook is lost too. Coming back later is enough.
#[tokio::test]
async fn somebody_who_closed_the_tab_comes_back_later() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    let mut browser = Browser::new();
    let page = browser.open(&site.page("/sign-up", &site.entrance("/"))).await;
    let fields = [("email_address", "ada@example.com"), ("stay", "1")];
    let stayed = browser.submit(&page.last().url, &fields, |_| false).await;
    assert_eq!((stayed.status(), stayed.0.len()), (200, 1), "{}", stayed.trace());
    assert!(site.database.users().await.is_empty());
    let sign_in = browser.open(&site.entrance("/later")).await;
    assert!(sign_in.last().url.path().starts_with("/sign-in"), "{}", sign_in.trace());
    let id = site.clerk.users()[0]["id"].as_str().unwrap().to_owned();
    let walk = browser.submit(&sign_in.last().url, &[("user_id", &id)], |url| site.is_app(url)).await;
    assert_eq!(walk.last().next().unwrap().path(), "/later", "{}", walk.trace());
    assert_eq!(site.database.users().await.len(), 1);
    server.stop().await;
}
