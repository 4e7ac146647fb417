//! `GET /clerk/verify` for browsers whose session must be asked for: how handshakes pass through a proxy.

use crate::harness::{Answer, Instance, Kind, Server, Site, now_ms};
use clerk_emulator::HandshakeFormat;
use rstest::rstest;
use url::Url;

/// The address that the proxy holds: neither ours nor the app's.
const HELD: &str = "http://127.0.0.1:9/deep/page?a=b%20c";

/// A browser's request for the held address, or for another path there.
async fn ask(server: &Server, mode: &str, uri: &str, cookies: &str) -> Answer {
    let headers = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "127.0.0.1:9"),
        ("x-forwarded-uri", uri),
        ("sec-fetch-dest", "document"),
        ("accept", "text/html"),
        ("cookie", cookies),
    ];
    server.get_with(&format!("/clerk/verify{mode}"), &headers).await
}

async fn site(instance: Instance) -> (Site, Server) {
    // The proxy's pages ask for tokens too.
    let site = Site::new(instance, Kind::Sqlite).await;
    let parties = format!("{},http://127.0.0.1:9", site.app);
    let site = site.set("CLERK_AUTHORIZED_PARTIES", &parties);
    site.user("user_ada");
    let server = site.serve().await;
    (site, server)
}

fn back(location: &str) -> String {
    let url = Url::parse(location).unwrap();
    url.query_pairs().find(|(name, _)| name == "redirect_url").expect("the way back").1.into_owned()
}

fn cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
}

/// Asks Clerk as the browser would, and answers the name and value of what it is to bring back.
async fn shake(site: &Site, location: &str, cookie: &str) -> (String, String) {
    let http = crate::harness::client();
    let answer = http.get(location).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), 307);
    let set = answer.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
    let text = match (site.instance, set) {
        (Instance::Production, Some(set)) => set.split(';').next().unwrap().to_owned(),
        _ => {
            let next = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
            let found = next.query_pairs().find(|(name, _)| name.starts_with("__clerk_handshake")).unwrap();
            format!("{}={}", found.0, found.1)
        }
    };
    let (name, value) = text.split_once('=').unwrap();
    (name.to_owned(), value.to_owned())
}

#[rstest]
#[case::as_clerk_does("", 307)]
#[case::for_nginx("?handshake=401", 401)]
#[case::for_proxies_that_drop_cookies("?handshake=redirect", 307)]
#[tokio::test]
async fn a_handshake_begins_at_the_described_address(#[case] mode: &str, #[case] status: u16) {
    for instance in [Instance::Development, Instance::Production] {
        let (site, server) = site(instance).await;
        let expired = site.options().issued_in_seconds(-600);
        let token = site.clerk.token_for("user_ada", &expired).await.unwrap();
        let held = format!("__client_uat=1; __clerk_db_jwt=dvb_x; __session={token}");
        let answer = ask(&server, mode, "/deep/page?a=b%20c", &held).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let location = answer.header("location").expect("an address");
        assert!(location.starts_with(&format!("{}/v1/client/handshake?", site.clerk.url())), "{location}");
        assert_eq!(back(location), HELD.replace("%20", "+"));
        assert_eq!(answer.header("x-clerk-auth-status"), Some("handshake"));
        assert!(answer.header("x-clerk-auth-reason").unwrap().starts_with("session-token-expired"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-clerk-user-id"), None);
        assert!(cookies(&answer).iter().any(|cookie| cookie.starts_with("__clerk_redirect_count=1;")));
        // A script's request is not sent round.
        let scripted = [
            ("authorization", &*format!("Bearer {token}")),
            ("x-forwarded-uri", "/api"),
            ("sec-fetch-dest", "empty"),
        ];
        let scripted = server.get_with(&format!("/clerk/verify{mode}"), &scripted).await;
        assert_eq!((scripted.status, scripted.header("location")), (401, None), "{scripted:?}");
        // Nor is what a form sends.
        let posted = [
            ("x-forwarded-method", "POST"),
            ("x-forwarded-uri", "/"),
            ("cookie", &*held),
            ("sec-fetch-dest", "document"),
        ];
        let posted = server.get_with(&format!("/clerk/verify{mode}"), &posted).await;
        assert_eq!((posted.status, posted.header("location")), (401, None), "{posted:?}");
        server.stop().await;
    }
}

#[rstest]
#[tokio::test]
async fn a_finished_production_handshake_passes_with_its_cookies(
    #[values(HandshakeFormat::Nonce, HandshakeFormat::Token)] format: HandshakeFormat,
) {
    let (site, server) = site(Instance::Production).await;
    site.clerk.set_handshake_format(format);
    let client = format!("__client={}", site.clerk.create_browser(Some("user_ada")).unwrap());
    let uat = format!("__client_uat={}", now_ms() / 1_000 - 60);
    let answer = ask(&server, "", "/deep", &uat).await;
    assert_eq!(answer.status, 307);
    let (name, value) = shake(&site, answer.header("location").unwrap(), &client).await;
    let answer = ask(&server, "", "/deep", &format!("{uat}; {name}={value}")).await;
    assert_eq!((answer.status, answer.header("x-clerk-user-id")), (200, Some("user_ada")), "{answer:?}");
    assert_eq!(answer.header("x-clerk-auth-status"), None);
    assert_eq!(answer.header("location"), None);
    assert!(cookies(&answer).iter().any(|cookie| cookie.starts_with("__session=ey")), "{answer:?}");
    assert_eq!(site.database.users().await.len(), 1);
    server.stop().await;
}

/// A proxy that drops the cookies of a 200: the browser gets them by a redirect, and then passes.
#[rstest]
#[tokio::test]
async fn a_finished_production_handshake_can_go_round_once_more(
    #[values(HandshakeFormat::Nonce, HandshakeFormat::Token)] format: HandshakeFormat,
    #[values(false, true)] keeps_cookies: bool,
) {
    let (site, server) = site(Instance::Production).await;
    site.clerk.set_handshake_format(format);
    let client = format!("__client={}", site.clerk.create_browser(Some("user_ada")).unwrap());
    let uat = ("__client_uat".to_owned(), (now_ms() / 1_000 - 60).to_string());
    let mut jar = vec![uat];
    let mut seen = Vec::new();
    let answer = loop {
        assert!(seen.len() < 10, "goes round for ever: {seen:?}");
        let header: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = ask(&server, "?handshake=redirect", "/deep/page?a=b%20c", &header.join("; ")).await;
        seen.push((answer.status, answer.header("location").map(str::to_owned)));
        if answer.status != 307 {
            break answer;
        }
        for directive in cookies(&answer) {
            let (name, rest) = directive.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            jar.retain(|(known, _)| known != name);
            // A browser that keeps nothing keeps at least the count, or nobody could ever stop.
            if !value.is_empty() && (keeps_cookies || name == "__clerk_redirect_count") {
                jar.push((name.to_owned(), value.to_owned()));
            }
        }
        let location = answer.header("location").unwrap();
        if location.starts_with(&site.clerk.url()) {
            jar.push(shake(&site, location, &client).await);
            jar.sort();
            jar.dedup_by(|one, other| one.0 == other.0);
        } else {
            assert_eq!(location, HELD);
        }
        if !jar.iter().any(|(name, _)| name == "__client_uat") {
            jar.push(("__client_uat".to_owned(), (now_ms() / 1_000 - 60).to_string()));
        }
    };
    if keeps_cookies {
        assert_eq!((answer.status, answer.header("x-clerk-user-id")), (200, Some("user_ada")), "{seen:?}");
        assert_eq!(seen.len(), 3, "{seen:?}");
    } else {
        assert!([200, 401].contains(&answer.status), "{seen:?}");
    }
    server.stop().await;
}

/// In development the result travels in the address: always one more redirect, to the address without it.
#[tokio::test]
async fn a_finished_development_handshake_cleans_the_address() {
    let (site, server) = site(Instance::Development).await;
    let key = site.clerk.create_browser(Some("user_ada")).unwrap();
    let answer = ask(&server, "", "/deep", &format!("__clerk_db_jwt={key}; __client_uat=1")).await;
    let (name, value) = shake(&site, answer.header("location").unwrap(), "").await;
    let answer = ask(&server, "", &format!("/deep?x=1&{name}={value}"), "").await;
    assert_eq!(answer.status, 307, "{answer:?}");
    assert_eq!(answer.header("location"), Some("http://127.0.0.1:9/deep?x=1"));
    assert!(cookies(&answer).iter().any(|cookie| cookie.starts_with("__session=ey")), "{answer:?}");
    // A handshake that does not verify is the developer's to see, not a crash.
    let broken = ask(&server, "", "/deep?__clerk_handshake=rubbish", "").await;
    assert_eq!(broken.status, 500);
    assert!(broken.body.contains("handshake"), "{broken:?}");
    server.stop().await;
}
