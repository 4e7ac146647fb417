//! Clerk or the database is away, slow or busy: people are told, wait, and get through.

use super::assert_page;
use crate::harness::{Browser, Database, Gate, Instance, Kind, Site, eventually};
use clerk_auth::clock::{Clock as _, SystemClock};
use clerk_emulator::{Fault, FaultKind};
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
        let answer = server.get_with(path, &[("authorization", &bearer)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "clerk_away"), "{path}");
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
