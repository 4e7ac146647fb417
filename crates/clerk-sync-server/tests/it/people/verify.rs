//! `GET /clerk/verify`: what a proxy is told about the requests it holds.

use crate::harness::{Answer, Connection, Instance, Kind, Server, Setup, Site, now_ms};
use clerk_emulator::{Fault, FaultKind, TokenOptions};
use rstest::rstest;
use serde_json::json;

/// A request for the app's front page, as a proxy describes it.
const DESCRIBED: [(&str, &str); 4] = [
    ("x-forwarded-method", "GET"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-uri", "/cart?item=1"),
];

async fn ask(server: &Server, headers: &[(&str, &str)]) -> Answer {
    let answer = server.get_with("/clerk/verify", headers).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    answer
}

async fn ask_as(server: &Server, token: &str, headers: &[(&str, &str)]) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers: Vec<_> =
        DESCRIBED.iter().chain(headers).copied().chain([("authorization", &*bearer)]).collect();
    ask(server, &headers).await
}

fn told(answer: &Answer) -> [Option<&str>; 3] {
    ["x-clerk-auth-status", "x-clerk-auth-reason", "x-clerk-user-id"].map(|name| answer.header(name))
}

#[rstest]
#[tokio::test]
async fn a_new_user_passes_with_the_row_made(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let site = Site::new(Instance::Production, kind).await;
    site.user("user_ada");
    let organization = site.clerk.create_organization("Engines", Some("user_ada")).unwrap();
    let organization = organization["id"].as_str().unwrap();
    let session = site.clerk.start_session("user_ada", Some(organization)).unwrap();
    let token = site.clerk.session_token(&session, &site.options()).await.unwrap();
    let server = site.serve().await;
    for round in 0..3 {
        let spoofed = [
            ("x-clerk-user-id", "user_spoofed"),
            ("x-clerk-session-id", "spoofed"),
            ("x-clerk-org-id", "spoofed"),
        ];
        let answer = ask_as(&server, &token, &spoofed).await;
        assert_eq!(told(&answer), [None, None, Some("user_ada")], "{round}: {answer:?}");
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header("x-clerk-session-id"), Some(&*session));
        assert_eq!(answer.header("x-clerk-org-id"), Some(organization));
        assert!(!format!("{answer:?}").contains("spoofed"), "{answer:?}");
        assert_eq!(site.database.users().await.len(), 1);
    }
    assert_eq!(site.feed().await, [("user_ada".to_owned(), "created".to_owned(), "ensure".to_owned())]);
    assert_eq!(site.reads(), 1);
    // Without an organization nobody is told of one, whatever the request says.
    let token = site.token("user_ada").await;
    let answer = ask_as(&server, &token, &[("x-clerk-org-id", "spoofed")]).await;
    assert_eq!((answer.status, answer.header("x-clerk-org-id")), (200, None));
    server.stop().await;
}

#[tokio::test]
async fn only_trusted_peers_may_ask() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    let token = site.token("user_ada").await;
    for (trusted, expected) in
        [("none", 403), ("10.0.0.0/8", 403), ("127.0.0.1", 200), ("loopback,10.0.0.1", 200)]
    {
        let server = site.setup.clone().set("CLERK_SYNC_TRUSTED_PROXIES", trusted).serve().await;
        let claimed =
            [("x-forwarded-for", "10.0.0.1"), ("x-real-ip", "10.0.0.1"), ("forwarded", "for=10.0.0.1")];
        let answer = ask_as(&server, &token, &claimed).await;
        assert_eq!(answer.status, expected, "{trusted}: {answer:?}");
        if expected == 403 {
            assert_eq!(answer.code(), "untrusted_peer");
            assert_eq!(told(&answer), [None; 3]);
            server.logged("CLERK_SYNC_TRUSTED_PROXIES").await;
            assert!(site.database.users().await.is_empty(), "an untrusted peer made a row");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn whoever_is_not_signed_in_gets_401_and_the_reason() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    for id in ["user_ada", "user_bob", "user_eve"] {
        site.user(id);
    }
    let server = site.serve().await;
    let signed =
        async |user: &str, options: TokenOptions| site.clerk.token_for(user, &options).await.unwrap();
    let deleted = signed("user_bob", site.options()).await;
    assert_eq!(ask_as(&server, &deleted, &[]).await.status, 200);
    server.accept(&site.clerk.deleted("user_bob", now_ms())).await;
    let gone = signed("user_eve", site.options()).await;
    site.clerk.delete_user("user_eve").unwrap();
    let foreign = TokenOptions::new().authorized_party("https://evil.example");
    let now = now_ms() / 1_000;
    let claims = json!({"sub": "user_ada", "sid": "sess_1", "iat": now, "exp": now + 60, "azp": site.app});
    let unsigned = {
        let token = site.token("user_ada").await;
        format!("{}.AAAA", token.rsplit_once('.').unwrap().0)
    };
    let alien = site
        .clerk
        .sign_token(&json!({"alg": "RS256", "typ": "JWT", "kid": "ins_other"}), &claims)
        .await
        .unwrap();
    for (token, reason) in [
        ("rubbish".to_owned(), "token-invalid"),
        ("mt_abcdefgh".to_owned(), "token-invalid"),
        (unsigned, "token-invalid-signature"),
        (alien, "jwk-kid-mismatch"),
        (signed("user_ada", TokenOptions::new()).await, "token-invalid-authorized-parties"),
        (signed("user_ada", foreign).await, "token-invalid-authorized-parties"),
        (deleted, "user-deleted"),
        (gone, "user-not-found"),
    ] {
        let answer = ask_as(&server, &token, &[("x-clerk-user-id", "user_spoofed")]).await;
        assert_eq!(told(&answer), [Some("signed-out"), Some(reason), None], "{answer:?}");
        assert_eq!((answer.status, answer.code().as_str()), (401, "signed_out"), "{reason}");
        assert!(!format!("{answer:?}").contains("spoofed"));
    }
    // A session with a task left to do: good, and not good enough.
    let pending = signed("user_ada", site.options().pending()).await;
    let answer = ask_as(&server, &pending, &[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "session_pending"));
    assert_eq!(answer.header("x-clerk-user-id"), None);
    // Without anything.
    let answer = ask(&server, &DESCRIBED).await;
    assert_eq!(
        (answer.status, told(&answer)),
        (401, [Some("signed-out"), Some("session-token-and-uat-missing"), None])
    );
    assert!(site.database.users().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn while_clerk_is_away_new_users_wait() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    site.user("user_bob");
    let server = site.serve().await;
    let (ada, bob) = (site.token("user_ada").await, site.token("user_bob").await);
    assert_eq!(ask_as(&server, &ada, &[]).await.status, 200);
    let fault = site.clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 500 }));
    assert_eq!(ask_as(&server, &ada, &[]).await.status, 200);
    let answer = ask_as(&server, &bob, &[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "clerk_away"));
    assert_eq!(told(&answer), [None; 3]);
    assert!(answer.retry_after() > 0);
    site.clerk.remove_fault(fault);
    crate::harness::eventually("a way through", async || ask_as(&server, &bob, &[]).await.status == 200)
        .await;
    server.stop().await;
}

/// From the claims of the session, where the settings say so: nobody waits for Clerk.
#[tokio::test]
async fn while_clerk_is_away_claims_can_stand_in() {
    let mut site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.setup = site.setup.clone().config("[users.claims]\nemail = \"mail\"\n");
    site.user("user_ada");
    let server = site.serve().await;
    let options = site.options().claim("mail", json!("ada@claims.example"));
    let token = site.clerk.token_for("user_ada", &options).await.unwrap();
    // The keys are known.
    assert_eq!(ask_as(&server, "rubbish", &[]).await.status, 401);
    let fault = site.clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 500 }).path("/v1/users"));
    let answer = ask_as(&server, &token, &[]).await;
    assert_eq!((answer.status, answer.header("x-clerk-user-id")), (200, Some("user_ada")));
    let email =
        async || site.database.select(&["email"], "from users").await[0][0].clone().unwrap_or_default();
    assert_eq!(email().await, "ada@claims.example");
    assert!(site.feed().await.is_empty(), "a provisional row is no entry yet");
    site.clerk.remove_fault(fault);
    crate::harness::eventually("the real row", async || {
        assert_eq!(ask_as(&server, &token, &[]).await.status, 200);
        email().await == "user_ada@example.com"
    })
    .await;
    assert_eq!(site.feed().await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn nonsense_from_a_proxy_is_400_and_never_500() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    let wrong: &[(&str, &str)] = &[
        ("x-forwarded-method", "GE T"),
        ("x-forwarded-method", "\u{e9}"),
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-proto", "ht tp"),
        ("x-forwarded-proto", "file"),
        ("x-forwarded-host", "a b"),
        ("x-forwarded-host", "shop.example:99999"),
        ("x-forwarded-host", "[::1"),
        ("x-forwarded-host", "user:pass@shop.example"),
        ("x-forwarded-host", "shop.example/path"),
        ("x-forwarded-host", "shop.example?query"),
        ("x-forwarded-host", "shop.example#part"),
        ("x-forwarded-host", "%zz"),
        ("x-forwarded-uri", "cart"),
        ("x-forwarded-uri", "https://evil.example/"),
        ("x-forwarded-uri", "@evil.example/"),
    ];
    for (name, value) in wrong {
        let rest = DESCRIBED.iter().filter(|(known, _)| known != name);
        let headers: Vec<_> =
            rest.copied().chain([(*name, *value), ("sec-fetch-dest", "document")]).collect();
        let answer = ask(&server, &headers).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "bad_forwarded_headers"),
            "{name}: {value}"
        );
    }
    // Odd, and still an address: Clerk is asked about it.
    for (name, value) in [
        ("x-forwarded-host", "SHOP.example:8443, inner"),
        ("x-forwarded-host", ""),
        ("x-forwarded-proto", "wss"),
        ("x-forwarded-proto", "https,http"),
        ("x-forwarded-uri", "//evil.example/"),
        ("x-forwarded-uri", "/\\evil.example"),
        ("x-forwarded-uri", "/%ff?%zz&__clerk_x=%"),
        ("x-forwarded-uri", "/?redirect_url=//evil.example"),
        ("x-forwarded-uri", "/caf\u{e9}?\u{1f600}"),
    ] {
        let rest = DESCRIBED.iter().filter(|(known, _)| *known != name);
        let headers: Vec<_> = rest.copied().chain([(name, value), ("sec-fetch-dest", "document")]).collect();
        let answer = ask(&server, &headers).await;
        assert_eq!(answer.status, 307, "{name}: {value}: {answer:?}");
        assert!(answer.header("location").unwrap().starts_with(&site.clerk.url()), "{answer:?}");
        let location: url::Url = answer.header("location").unwrap().parse().unwrap();
        let (_, back) =
            location.query_pairs().find(|(name, _)| name == "redirect_url").expect("the way back");
        let back: url::Url = back.parse().unwrap();
        assert_ne!(back.host_str(), Some("evil.example"), "{back}");
    }
    // Bytes that are no text.
    for line in [
        &b"x-forwarded-host: \xff\xfe"[..],
        b"x-forwarded-method: \xff",
        b"x-forwarded-uri: \xff",
        b"cookie: \xff=\xff; __session=\xff",
    ] {
        let mut connection = Connection::open(server.address).await;
        connection
            .send(
                [b"GET /clerk/verify HTTP/1.1\r\nhost: a\r\nconnection: close\r\n", line, b"\r\n\r\n"]
                    .concat(),
            )
            .await;
        let (text, _) = connection.receive_all().await;
        let status = text.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(["400", "401"].contains(&&*status), "{line:?}: {text}");
    }
    server.stop().await;
}

/// A deletion that one process takes is known to the other before a second is over, though the token is still good.
#[rstest]
#[tokio::test]
async fn a_deletion_is_known_to_every_process_within_a_second(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    use clerk_auth::clock::{Clock as _, SystemClock};
    let site = Site::new(Instance::Production, kind).await;
    site.user("user_ada");
    let (first, second) = (site.serve().await, site.serve_beside().await);
    let token = site.token("user_ada").await;
    for server in [&first, &second] {
        assert_eq!(ask_as(server, &token, &[]).await.status, 200);
    }
    first.accept(&site.clerk.deleted("user_ada", now_ms())).await;
    let clock = SystemClock::new();
    let deleted = clock.monotonic();
    assert_eq!(ask_as(&first, &token, &[]).await.status, 401, "the process that deleted knows at once");
    let answer = loop {
        let answer = ask_as(&second, &token, &[]).await;
        let late = clock.monotonic() - deleted;
        if answer.status != 200 {
            break answer;
        }
        assert!(late.as_millis() < 1_000, "still let in after {late:?}");
    };
    assert_eq!(told(&answer), [Some("signed-out"), Some("user-deleted"), None], "{answer:?}");
    first.stop().await;
    second.stop().await;
}

/// Everything that needs no Clerk works by the key alone.
#[tokio::test]
async fn known_users_pass_by_the_pem_key_without_any_request() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    let token = site.token("user_ada").await;
    let pem = site.clerk.signing_key().await.unwrap().public_pem().unwrap();
    let setup: Setup = site.setup.clone().set("CLERK_JWT_KEY", &pem);
    let server = setup.serve().await;
    assert_eq!(ask_as(&server, &token, &[]).await.status, 200);
    assert_eq!(site.clerk.stats().count("GET /v1/jwks"), 0);
    server.stop().await;
}
