//! `redirect_url` over real HTTP: it leads into the app, or it does not count.

use crate::harness::{Connection, Instance, Kind, Site};
use rstest::rstest;
use url::Url;

/// Where tricks lead, if they work. Each is percent-encoded as one value.
const TRICKS: &[&str] = &[
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "\t//evil.example/",
    "\r\n//evil.example/",
    "/\r\nset-cookie: a=b",
    "/x\r\nlocation: https://evil.example/\r\n\r\n<b>",
    " //evil.example/",
    "\u{0}//evil.example/",
    "\u{feff}//evil.example/",
    "https:evil.example",
    "https:/evil.example",
    "http:\\\\evil.example",
    "APP@evil.example/",
    "APP.evil.example/",
    "APP%00.evil.example/",
    "APP%2f@evil.example/",
    "APP\\@evil.example/",
    "http://user:pass@HOST/",
    "http://user@HOST/",
    "http://HOST:1/",
    "https://HOST/",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "blob:APP/x",
    "file:///etc/passwd",
    "http://[::1",
    "/clerk/after-sign-up?redirect_url=//evil.example/",
    "APP/clerk/me",
    "/CLERK/me",
    "/%63lerk/me",
    "/%2563lerk/me",
    "/./clerk/me",
    "/x/..//clerk/me",
    "/x/%2e%2e/clerk/me",
    "/x/..%2fclerk/me",
    "/x\\..\\clerk\\me",
];

/// Written into the address as they are.
const RAW: &[&str] = &[
    "redirect_url=//evil.example/&redirect_url=/fine",
    "redirect_url=/fine&redirect_url=//evil.example/",
    "redirect_url%3D//evil.example/",
    "redirect%5Furl=//evil.example/",
    "redirect_url[]=//evil.example/",
    "redirect_url=%2F%2Fevil.example%2F",
    "redirect_url=%252F%252Fevil.example%252F",
    "redirect_url=%ff%fe//evil.example/",
    "redirect_url=%2",
    "redirect_url=%",
    "redirect_url=%zz//evil.example",
    "redirect_url=+//evil.example/",
    "redirect_url=%00",
    "redirect_url",
    "redirect_url=",
    "redirect_url=;//evil.example/",
    "&&&=&redirect_url=/fine",
    "redirect_url=/fine%0d%0aset-cookie:%20a=b",
    "redirect_url=%E2%80%AE//evil.example/",
];

struct Asked {
    text: String,
    status: u16,
    location: Option<String>,
}

/// Asks with a query that no client would write, and says which answer came.
async fn ask(site: &Site, cookies: &str, query: &str) -> Asked {
    let address = site.origin.trim_start_matches("http://").parse().unwrap();
    let mut connection = Connection::open(address).await;
    let head = format!(
        "GET /clerk/after-sign-up?{query} HTTP/1.1\r\nhost: {address}\r\nsec-fetch-dest: document\r\ncookie: {cookies}\r\nconnection: close\r\n\r\n"
    );
    connection.send(head).await;
    let (text, _) = connection.receive_all().await;
    let (head, _) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status").parse().unwrap();
    let locations: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("location: ")).collect();
    assert!(locations.len() <= 1, "{head}");
    let location = locations.first().map(|location| (*location).to_owned());
    Asked { status, location, text }
}

/// It leads into the app, to no address of ours, and is one line.
fn judge(site: &Site, asked: &Asked, query: &str) {
    assert_eq!(asked.status, 303, "{query:?}: {}", asked.text);
    let location = asked.location.as_deref().expect("an address");
    let url = Url::parse(location).unwrap_or_else(|_| panic!("{query:?}: not absolute: {location}"));
    assert_eq!(url.origin().ascii_serialization(), site.app, "{query:?}: {location}");
    assert!(location.starts_with(&format!("{}/", site.app)), "{query:?}: {location}");
    assert!(url.username().is_empty() && url.password().is_none(), "{query:?}: {location}");
    assert!(!url.path().to_lowercase().starts_with("/clerk"), "{query:?}: {location}");
    assert!(location.bytes().all(|byte| (0x21..0x7f).contains(&byte)), "{query:?}: {location}");
    assert!(!asked.text.to_lowercase().contains("set-cookie: a=b"), "{query:?}: {}", asked.text);
}

#[tokio::test]
async fn no_wish_leads_out_of_the_app() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let cookies = format!("__client_uat=1; __session={}", site.token("user_ada").await);
    let host = site.app.trim_start_matches("http://").to_owned();
    for trick in TRICKS {
        let trick = trick.replace("APP", &site.app).replace("HOST", &host);
        let query = site.entrance(&trick);
        let query = query.split_once('?').expect("a query").1;
        let asked = ask(&site, &cookies, query).await;
        judge(&site, &asked, query);
    }
    for query in RAW {
        let asked = ask(&site, &cookies, query).await;
        judge(&site, &asked, query);
    }
    // The first of several counts.
    let asked = ask(&site, &cookies, RAW[1]).await;
    assert_eq!(asked.location.as_deref(), Some(&*format!("{}/fine", site.app)));
    server.stop().await;
}

#[tokio::test]
async fn very_long_wishes_are_carried_or_dropped_whole() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let cookies = format!("__client_uat=1; __session={}", site.token("user_ada").await);
    let long = format!("/fine/{}", "a".repeat(8 * 1024));
    let asked = ask(&site, &cookies, &format!("redirect_url={long}")).await;
    judge(&site, &asked, "8 KiB");
    assert_eq!(asked.location, Some(format!("{}{long}", site.app)));
    let evil = format!("redirect_url=//evil.example/{}", "a".repeat(8 * 1024));
    judge(&site, &ask(&site, &cookies, &evil).await, "8 KiB of evil");
    let many: String = std::iter::repeat_n("redirect_url=//evil.example/&", 300).collect();
    judge(&site, &ask(&site, &cookies, &many).await, "300 times");
    // A stranger takes it along to sign in and back.
    let asked = ask(&site, "", &format!("redirect_url={long}")).await;
    let sign_in = Url::parse(asked.location.as_deref().expect("an address")).unwrap();
    let (_, back) = sign_in.query_pairs().find(|(name, _)| name == "redirect_url").expect("the way back");
    assert_eq!(Url::parse(&back).unwrap().origin().ascii_serialization(), site.origin);
    assert!(back.len() > 8 * 1024);
    server.stop().await;
}

#[tokio::test]
async fn other_origins_count_once_they_are_allowed() {
    let site = Site::new(Instance::Production, Kind::Sqlite)
        .await
        .set("CLERK_SYNC_ALLOWED_ORIGINS", "https://docs.example");
    site.user("user_ada");
    let server = site.serve().await;
    let mut browser = site.browser("user_ada").await;
    for (wish, expected) in [
        ("https://docs.example/a?b#c", "https://docs.example/a?b#c".to_owned()),
        ("https://user@docs.example/a", format!("{}/", site.app)),
        ("http://docs.example/a", format!("{}/", site.app)),
        ("https://docs.example/clerk/me", format!("{}/", site.app)),
    ] {
        let answer = browser.ask(&site.entrance(wish)).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(&*expected)), "{wish}");
    }
    server.stop().await;
}

/// What a satellite app would ask for; a development instance would send its browser's id along.
#[rstest]
#[tokio::test]
async fn no_satellite_is_sent_a_browser(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
    #[values("__clerk_redirect_url", "__clerk%5Fredirect_url", "a=b&__clerk_redirect_url")] name: &str,
    #[values("https%3A%2F%2Fevil.example%2F", "rubbish")] value: &str,
) {
    let site = Site::new(instance, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let mut browser = site.browser("user_ada").await;
    for (path, status) in [("after-sign-up", 303), ("me", 200)] {
        let answer = browser.ask(&format!("{}/clerk/{path}?{name}={value}", site.origin)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(!format!("{answer:?}").contains("evil"), "{answer:?}");
    }
    server.stop().await;
}
