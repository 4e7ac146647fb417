//! The handshake: who is sent, where, and what comes back (contract, sections d.4 to d.6).

use super::*;

fn client() -> Asked {
    ask("live").cookie("__client_uat", 1)
}

#[test]
fn the_redirect_says_all_that_clerk_needs() {
    let page = client().at("/a%20b?x=1%202&__clerk_db_jwt=dvb_9&__dev_session=y").decide();
    assert_eq!(page.summary(), "handshake client-uat-but-no-session-token");
    assert_eq!(
        page.location().unwrap(),
        "https://clerk.example.com/v1/client/handshake?redirect_url=https%3A%2F%2Fapp.example%2Fa%2520b%3Fx%3D1%2B2\
         &__clerk_api_version=2026-05-12&suffixed_cookies=false\
         &__clerk_hs_reason=client-uat-but-no-session-token&format=nonce"
    );
    assert_eq!(page.cookies(), ["__clerk_redirect_count=1; SameSite=Lax; HttpOnly; Max-Age=2"]);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-clerk-auth-status"), Some("handshake"));
    assert_eq!(page.header("x-clerk-auth-reason"), Some("client-uat-but-no-session-token"));
    assert_eq!(page.header("x-clerk-auth-message"), None);
    assert_eq!(page.decision.headers.len(), 5);
}

#[test]
fn development_sends_the_browser_along() {
    let page = ask("test").at("/?__clerk_db_jwt=dvb_query").cookie("__clerk_db_jwt", "dvb_cookie").decide();
    assert!(page.location().unwrap().ends_with("&format=nonce&__clerk_db_jwt=dvb_query"));
    let session = good_token();
    let page = ask("test").cookie("__clerk_db_jwt", "dvb_1").cookie("__session", &session).decide();
    let location = page.location().unwrap();
    assert!(location.ends_with(&format!("&__session={session}&__clerk_db_jwt=dvb_1")), "{location}");
}

#[test]
fn only_pages_are_sent() {
    let said = "signed-out client-uat-but-no-session-token";
    for asked in [
        client().method(Method::POST),
        client().method(Method::HEAD),
        client().with("sec-fetch-dest", "empty"),
        client().without("sec-fetch-dest"),
        client().without("sec-fetch-dest").with("accept", "application/json"),
    ] {
        let decided = asked.decide();
        assert_eq!(decided.summary(), said);
        assert!(decided.location().is_none() && decided.cookies().is_empty());
        assert_eq!(decided.header("x-clerk-auth-status"), Some("signed-out"));
    }
    let old = client().without("sec-fetch-dest").with("accept", "text/html").decide();
    assert_eq!(old.summary(), "handshake client-uat-but-no-session-token");
}

#[test]
fn the_loop_ends_after_three() {
    for (count, expected) in [
        ("1", Some("2")),
        ("2", Some("3")),
        ("3", None),
        (" 3 ", None),
        ("3.0", None),
        ("0x3", None),
        ("4", Some("5")),
        ("many", Some("1")),
        ("", Some("1")),
        ("-1", Some("0")),
        ("2.5", Some("3.5")),
    ] {
        let decided = client().cookie("__clerk_redirect_count", count).decide();
        let cookies = decided.cookies();
        let next = cookies.first().map(|cookie| cookie.split([';', '=']).nth(1).unwrap());
        assert_eq!(next, expected, "{count:?}");
        assert_eq!(decided.location().is_some(), expected.is_some(), "{count:?}");
    }
}

#[test]
fn production_answers_the_page_at_once() {
    let session = format!("__session={}; Path=/; SameSite=Lax", good_token());
    let directives =
        ["__client_uat=5; Path=/; Domain=example.com", &session, "__clerk_handshake=; Max-Age=0"];
    let decided = ask("live").cookie("__clerk_handshake_nonce", "n1").nonce("n1", &directives).decide();
    assert_eq!(decided.summary(), "signed-in");
    assert_eq!(decided.cookies(), directives);
    assert_eq!(decided.location(), None);
    assert_eq!(decided.header("access-control-allow-origin"), Some("null"));
    assert_eq!(decided.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(decided.header("x-clerk-auth-status"), None);
}

#[test]
fn development_cleans_the_address() {
    let session = format!("__session_abc={}; Path=/", good_token());
    let path = "/p?a=1%202&__clerk_handshake_nonce=n1&__clerk_help=1&__clerk_db_jwt=d&__dev_session=e";
    let decided = ask("test").at(path).nonce("n1", &["__clerk_db_jwt=dvb_1; Path=/", &session]).decide();
    assert_eq!(decided.summary(), "signed-in");
    assert_eq!(decided.location().unwrap(), "https://app.example/p?a=1+2&__dev_session=e");
    assert_eq!(decided.header("cache-control"), Some("no-store"));
    // The query comes before the cookie, and a nonce before a token.
    let both =
        ask("test").at(path).cookie("__clerk_handshake_nonce", "n2").cookie("__clerk_handshake", "junk");
    assert_eq!(both.nonce("n1", &[&session]).decide().summary(), "signed-in");
}

#[test]
fn a_handshake_without_a_session_ends_signed_out() {
    let signed_out = ["__session=; Path=/; Max-Age=0", "__client_uat=0; Path=/"];
    let production = ask("live").cookie("__clerk_handshake_nonce", "n").nonce("n", &signed_out).decide();
    assert_eq!(production.summary(), "signed-out session-token-missing");
    assert_eq!(production.cookies().len(), 2);
    assert_eq!(production.location(), None);
    let development = ask("test").at("/?__clerk_handshake_nonce=unknown").decide();
    assert_eq!(development.summary(), "signed-out session-token-missing");
    assert_eq!(development.location().unwrap(), "https://app.example/");
    // Whoever asks: a call that carries a nonce is answered the same way.
    let call = ask("test").at("/?__clerk_handshake_nonce=n").method(Method::POST).decide();
    assert_eq!(call.summary(), "signed-out session-token-missing");
}

#[test]
fn the_last_session_of_the_directives_counts() {
    let bad = "__session=junk; Path=/";
    let good = format!("__session_x={}; Path=/", good_token());
    let with = |directives: &[&str]| {
        let decided = ask("live").cookie("__clerk_handshake_nonce", "n").nonce("n", directives).decide();
        decided.summary()
    };
    assert_eq!(with(&[bad, &good]), "signed-in");
    // A session that does not verify leaves the request to its own cookies.
    assert_eq!(with(&[&good, bad]), "signed-out session-token-and-uat-missing");
    assert_eq!(with(&["a=b\nc"]), "signed-out session-token-and-uat-missing");
}

#[test]
fn development_forgives_clocks_for_a_day() {
    let at = |environment: &'static str, shift: i64| {
        let session = token_with(&json!({
            "iat": NOW_S - 10 + shift, "nbf": NOW_S - 20 + shift, "exp": NOW_S + 50 + shift,
        }));
        ask(environment)
            .cookie("__clerk_handshake_nonce", "n")
            .nonce("n", &[&format!("__session={session}")])
            .decide()
            .summary()
    };
    for shift in [-3_600, 3_600, 80_000] {
        assert_eq!(at("test", shift), "signed-in", "{shift}");
        assert_eq!(at("live", shift), "signed-out session-token-and-uat-missing", "{shift}");
    }
    assert_eq!(at("test", 90_000), "handshake dev-browser-missing");
}

#[test]
fn a_token_carries_the_directives_too() {
    let handshake = |claims: &Value| testing::instance().token(claims);
    let session = format!("__session={}; Path=/", good_token());
    // It has no end.
    let good = handshake(&json!({"handshake": [session], "sub": "x", "exp": 1}));
    assert_eq!(ask("live").cookie("__clerk_handshake", &good).decide().summary(), "signed-in");
    let at = format!("/?__clerk_handshake={good}");
    assert_eq!(ask("test").at(&at).decide().location().unwrap(), "https://app.example/");
    let empty = handshake(&json!({"handshake": "x"}));
    assert_eq!(
        ask("live").cookie("__clerk_handshake", empty).decide().summary(),
        "signed-out session-token-missing"
    );
    let odd = handshake(&json!({"handshake": [5]}));
    assert_eq!(
        ask("test").cookie("__clerk_handshake", odd).decide().summary(),
        "handshake dev-browser-missing"
    );
}

#[test]
fn a_bad_handshake_token_stops_a_developer_and_nobody_else() {
    let foreign = testing::other_instance().token(&json!({"handshake": []}));
    let unknown =
        testing::instance().sign(&json!({"alg": "RS256", "kid": "other"}), &json!({"handshake": []}));
    let class = testing::instance()
        .sign(&json!({"alg": "RS256", "kid": testing::KID, "cat": "x"}), &json!({"handshake": []}));
    let none =
        testing::instance().sign(&json!({"alg": "none", "kid": testing::KID}), &json!({"handshake": []}));
    for (token, why) in [
        ("junk".to_owned(), "Invalid"),
        (foreign, "InvalidSignature"),
        (unknown, "KeyMismatch"),
        (class, "Invalid"),
        (none, "InvalidAlgorithm"),
    ] {
        let development = ask("test").cookie("__clerk_handshake", &token).decide();
        assert_eq!(development.summary(), format!("failed Handshake({why})"));
        let production = ask("live").cookie("__clerk_handshake", &token).decide();
        assert_eq!(production.summary(), "signed-out session-token-and-uat-missing");
    }
}
