//! Clerk or the database is away, slow or busy: people are told, wait, and get through.

use super::assert_page;
use crate::harness::{Browser, Connection, Database, Gate, Instance, Kind, Site, eventually};
use clerk_auth::clock::{Clock as _, SystemClock};
use clerk_emulator::{Fault, FaultKind, HandshakeFormat};
use rstest::rstest;
use std::time::Duration;

/// A person, and one who was here before so that the service knows Clerk's keys.
async fn waiting(site: &Site, warm: bool) -> Browser {
    site.user("user_ada");
    site.user("user_bob");
    if warm {
        assert_eq!(site.browser("user_bob").await.ask(&site.entrance("/")).await.status, 303);
    }
    site.browser("user_ada").await
}

#[rstest]
#[case::failing(FaultKind::ApiUnavailable { status: 500 })]
#[case::away(FaultKind::ApiUnavailable { status: 503 })]
#[case::hanging_up(FaultKind::ApiDisconnect)]
#[case::silent(FaultKind::ApiHang)]
#[case::slow(FaultKind::ApiLatency { ms: 8_000 })]
#[case::throttling(FaultKind::ApiTooManyRequests { retry_after: 1 })]
#[tokio::test]
async fn while_clerk_is_away_people_wait_and_then_get_through(
    #[case] trouble: FaultKind,
    #[values(false, true)] warm: bool,
) {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    let server = site.serve().await;
    let mut browser = waiting(&site, warm).await;
    let fault = site.clerk.add_fault(Fault::new(trouble.clone()).path("/v1/"));
    let clock = SystemClock::new();
    let started = clock.monotonic();
    let answer = browser.ask(&site.entrance("/x")).await;
    let took = clock.monotonic() - started;
    assert_page(&answer, 503);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!((1..=60).contains(&answer.retry_after()), "{answer:?}");
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"{}\">", answer.retry_after());
    assert!(answer.body.contains(&refresh), "{answer:?}");
    assert!(!site.database.users().await.contains_key("user_ada"));
    // What programs ask is answered alike.
    let bearer = format!("Bearer {}", site.token("user_ada").await);
    for path in ["/clerk/verify", "/clerk/me"] {
        let started = clock.monotonic();
        let answer = server.get_with(path, &[("authorization", &bearer)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "clerk_away"), "{path}");
        let took = clock.monotonic() - started;
        assert!(took < Duration::from_secs(8), "{path}: {took:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.retry_after() > 0);
    }

    site.clerk.remove_fault(fault);
    eventually("a way through", async || {
        let answer = browser.ask(&site.entrance("/x")).await;
        assert!([303, 503].contains(&answer.status), "{answer:?}");
        answer.status == 303
    })
    .await;
    assert!(site.database.users().await.contains_key("user_ada"));
    server.stop().await;
}

/// Whoever has a row needs no Clerk to pass.
#[tokio::test]
async fn while_clerk_is_away_known_users_pass() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    let server = site.serve().await;
    drop(waiting(&site, true).await);
    let bob = format!("Bearer {}", site.token("user_bob").await);
    let ada = format!("Bearer {}", site.token("user_ada").await);
    site.clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 503 }));
    for (bearer, expected) in [(&bob, 200), (&ada, 503)] {
        for path in ["/clerk/verify", "/clerk/me"] {
            let answer = server.get_with(path, &[("authorization", bearer)]).await;
            assert_eq!(answer.status, expected, "{path}: {answer:?}");
        }
    }
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn while_the_database_is_away_people_wait_and_then_get_through(
    #[values(Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let database = Database::fresh(kind).await;
    let listener = Gate::listener().await;
    let (target, url) = database.through(listener.local_addr().unwrap().port());
    let gate = Gate::to(listener, target);
    let site = Site::with(Instance::Production, database, |_| {}).await.set("DATABASE_URL", &url);
    let server = site.serve().await;
    let mut browser = waiting(&site, true).await;
    gate.shut();
    let answer = browser.ask(&site.entrance("/x")).await;
    assert_page(&answer, 503);
    assert!(answer.retry_after() > 0 && answer.body.contains("http-equiv=\"refresh\""), "{answer:?}");
    let bearer = format!("Bearer {}", site.token("user_ada").await);
    for path in ["/clerk/verify", "/clerk/me"] {
        let answer = server.get_with(path, &[("authorization", &bearer)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "database_away"), "{path}: {answer:?}");
        assert!(answer.retry_after() > 0);
    }
    gate.open();
    eventually("a way through", async || browser.ask(&site.entrance("/x")).await.status == 303).await;
    assert!(site.database.users().await.contains_key("user_ada"));
    server.stop().await;
}

/// What a handshake ended with cannot be read just now: the page that waits comes back with it.
#[rstest]
#[case::failing(FaultKind::ApiUnavailable { status: 500 })]
#[case::silent(FaultKind::ApiHang)]
#[tokio::test]
async fn a_handshake_survives_an_outage(
    #[case] trouble: FaultKind,
    #[values(Instance::Development, Instance::Production)] instance: Instance,
) {
    let site = Site::new(instance, Kind::Sqlite).await;
    site.user("user_ada");
    site.clerk.set_handshake_format(HandshakeFormat::Nonce);
    let server = site.serve().await;
    let expired = site.clerk.token_for("user_ada", &site.options().issued_in_seconds(-600)).await.unwrap();
    let mut browser = site.browser_with("user_ada", &expired);
    let fault = site.clerk.add_fault(Fault::new(trouble).path("/v1/clients/handshake_payload"));
    let walk = browser.open(&site.entrance("/x")).await;
    assert_page(&walk.last().answer, 503);
    site.clerk.remove_fault(fault);
    let again = browser.open_until(walk.last().url.as_str(), |url| site.is_app(url)).await;
    assert_eq!(again.status(), 303, "{}", again.trace());
    assert!(again.at(&site.clerk.url()).next().is_none(), "no second handshake: {}", again.trace());
    assert_eq!(site.database.users().await.len(), 1);
    server.stop().await;
}

/// Whoever closes the tab while Clerk is slow has a row all the same.
#[tokio::test]
async fn the_row_is_made_though_the_person_has_left() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    let server = site.serve().await;
    drop(waiting(&site, true).await);
    site.clerk.add_fault(Fault::new(FaultKind::ApiLatency { ms: 1_000 }).path("/v1/users/"));
    let token = site.token("user_ada").await;
    let mut connection = Connection::open(server.address).await;
    let head = format!(
        "GET /clerk/after-sign-up HTTP/1.1\r\nhost: a\r\ncookie: __client_uat=1; __session={token}\r\n\r\n"
    );
    connection.send(head).await;
    eventually("the read", async || site.clerk.faults()[0].struck > 0).await;
    drop(connection);
    eventually("the row", async || site.database.users().await.contains_key("user_ada")).await;
    server.stop().await;
}
