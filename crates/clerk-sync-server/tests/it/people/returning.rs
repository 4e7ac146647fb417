//! Flow C: somebody opens the address by hand; signed in, signed out, or with a session that is not quite right.

use crate::harness::{Browser, Database, Instance, Kind, Site};
use clerk_emulator::{Clock, SystemClock, TokenOptions, UserChange};
use rstest::rstest;
use std::{future::Future, pin::Pin, sync::Arc};

const BOTH: [Instance; 2] = [Instance::Development, Instance::Production];

#[rstest]
#[tokio::test]
async fn a_person_who_returns_gets_what_clerk_says_now(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
) {
    let site = Site::new(instance, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let mut browser = site.browser("user_ada").await;
    for (number, name) in ["Ada", "Augusta"].into_iter().enumerate() {
        site.clerk.update_user("user_ada", UserChange::default().first_name(name)).unwrap();
        if number > 0 {
            // Another process knows nothing of the row that the first one has just written.
            let other = site.serve_beside().await;
            let address = site.entrance("/").replace(&site.origin, &other.url(""));
            let answer = browser.ask(&address).await;
            assert_eq!(answer.status, 303, "{answer:?}");
        } else {
            let walk = browser.open_until(&site.entrance("/"), |url| site.is_app(url)).await;
            assert_eq!((walk.status(), walk.0.len()), (303, 1), "{}", walk.trace());
        }
        assert_eq!(site.database.first_name("user_ada").await.as_deref(), Some(name));
    }
    let changes: Vec<_> = site.feed().await.into_iter().map(|(_, change, flow)| (change, flow)).collect();
    let expected = [("created", "visit"), ("updated", "visit")];
    assert_eq!(changes, expected.map(|(change, flow)| (change.to_owned(), flow.to_owned())));
    server.stop().await;
}

/// Tokens that one round trip to Clerk mends.
#[rstest]
#[case::expired(|token: TokenOptions| token.issued_in_seconds(-600))]
#[case::from_the_future(|token: TokenOptions| token.issued_in_seconds(300))]
#[case::not_yet(|token: TokenOptions| token.not_before_in_seconds(300))]
#[tokio::test]
async fn a_token_whose_time_is_wrong_is_mended_by_one_round_trip(
    #[case] change: fn(TokenOptions) -> TokenOptions,
) {
    for instance in BOTH {
        let site = Site::new(instance, Kind::Sqlite).await;
        site.user("user_ada");
        let server = site.serve().await;
        let token = site.clerk.token_for("user_ada", &change(site.options())).await.unwrap();
        let mut browser = site.browser_with("user_ada", &token);
        let walk = browser.open_until(&site.entrance("/in"), |url| site.is_app(url)).await;
        assert_eq!(walk.status(), 303, "{}", walk.trace());
        assert_eq!(walk.last().next().unwrap().as_str(), format!("{}/in", site.app));
        let round_trips = walk.at(&site.clerk.url()).count();
        assert_eq!(round_trips, 1, "{}", walk.trace());
        assert_eq!(site.database.users().await.len(), 1);
        server.stop().await;
    }
}

/// A clock that is wrong by so much.
#[derive(Debug)]
struct Wrong(i64);

impl Clock for Wrong {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0
    }

    fn sleep_until(&self, at_ms: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move { SystemClock.sleep_until(at_ms - self.0).await })
    }
}

/// Every token that Clerk makes is wrong then, and no round trip mends that: it must come to an end all the same.
#[rstest]
#[tokio::test]
async fn with_clocks_that_differ_by_minutes_nobody_goes_round_for_ever(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
    #[values(-5, 5)] minutes: i64,
) {
    let wrong =
        |config: &mut clerk_emulator::EmulatorConfig| config.clock = Arc::new(Wrong(minutes * 60_000));
    let site = Site::with(instance, Database::sqlite(), wrong).await;
    site.user("user_ada");
    let server = site.serve().await;
    let mut browser = site.browser("user_ada").await;
    // At most three round trips, then Clerk's page; whoever signs in there is not sent on for ever either.
    let (mut url, mut requests) = (site.entrance("/"), 0);
    let answer = loop {
        requests += 1;
        assert!(requests < 40, "goes round for ever");
        let answer = browser.ask(&url).await;
        let next = answer.header("location").map(str::to_owned).filter(|_| answer.status != 401);
        match next {
            Some(next) if next.contains("/sign-in") => {
                let page = next.parse().unwrap();
                let walk = browser
                    .submit(&page, &[("user_id", "user_ada")], |url| {
                        !url.as_str().starts_with(&site.clerk.url())
                    })
                    .await;
                url = walk.last().next().expect("back to the service").into();
            }
            Some(next) => url = next,
            None => break answer,
        }
    };
    assert!(site.database.users().await.is_empty());
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(answer.body.contains("clock"), "{answer:?}");
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_stranger_signs_in_once_and_is_not_sent_round(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
) {
    let site = Site::new(instance, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let mut browser = Browser::new();
    let entrance = site.entrance("/deep?a=b");
    let walk = browser.open(&entrance).await;
    let page = &walk.last().url;
    assert_eq!((walk.status(), page.path()), (200, "/sign-in"), "{}", walk.trace());
    let back =
        page.query_pairs().find(|(name, _)| name == "redirect_url").expect("the way back").1.into_owned();
    assert_eq!(back, entrance);
    let sent = walk.at(&site.origin).last().unwrap();
    assert_eq!((sent.answer.status, sent.answer.header("cache-control")), (303, Some("no-store")));
    let cookies: Vec<_> =
        sent.answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let asked = cookies.iter().find(|cookie| cookie.starts_with("__clerk_sync_asked=")).expect("a cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Max-Age=10", "Path=/clerk/after-sign-up"] {
        assert!(asked.contains(attribute), "{asked}");
    }

    // Back without having signed in.
    let again = browser.open(&entrance).await;
    assert_eq!((again.status(), again.0.len()), (401, 1), "{}", again.trace());
    assert!(again.last().answer.body.contains("<h1>"), "{again:?}");
    assert!(again.last().next().is_none());

    // Now really.
    let page = page.clone();
    let walk = browser.submit(&page, &[("user_id", "user_ada")], |url| site.is_app(url)).await;
    assert_eq!(walk.status(), 303, "{}", walk.trace());
    assert_eq!(walk.last().next().unwrap().as_str(), format!("{}/deep?a=b", site.app));
    assert_eq!(site.database.users().await.len(), 1);
    server.stop().await;
}

/// Who is asked for by name in the query does not count, only the session does.
#[tokio::test]
async fn nobody_can_be_written_for_somebody_else() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    site.user("user_bob");
    let server = site.serve().await;
    let mut browser = site.browser("user_ada").await.saying("x-clerk-user-id", "user_bob");
    let address = format!("{}/clerk/after-sign-up?user_id=user_bob&id=user_bob&sub=user_bob", site.origin);
    assert_eq!(browser.ask(&address).await.status, 303);
    // An administrator in somebody's place is not the one whose row it is.
    let acting = site.options().actor(serde_json::json!({"sub": "user_bob"}));
    let token = site.clerk.token_for("user_ada", &acting).await.unwrap();
    let mut browser = site.browser_with("user_ada", &token);
    assert_eq!(browser.ask(&site.entrance("/")).await.status, 303);
    assert_eq!(site.database.users().await.into_keys().collect::<Vec<_>>(), ["user_ada"]);
    server.stop().await;
}

/// Signed in with a task left to do: Clerk's page is where it is done.
#[tokio::test]
async fn a_pending_session_is_sent_to_sign_in() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let token = site.clerk.token_for("user_ada", &site.options().pending()).await.unwrap();
    let mut browser = site.browser_with("user_ada", &token);
    let answer = browser.ask(&site.entrance("/")).await;
    assert_eq!(answer.status, 303);
    assert!(
        answer.header("location").unwrap().starts_with(&format!("{}/sign-in?", site.clerk.url())),
        "{answer:?}"
    );
    assert_eq!(browser.ask(&site.entrance("/")).await.status, 401);
    assert!(site.database.users().await.is_empty());
    server.stop().await;
}
