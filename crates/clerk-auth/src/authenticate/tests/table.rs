//! The rows of contract section d.3.

use super::*;

#[test]
fn a_good_session_is_signed_in_and_says_nothing() {
    for asked in [signed_in(), signed_in_at_development()] {
        let decided = asked.decide();
        assert_eq!(decided.summary(), "signed-in");
        assert!(decided.decision.headers.is_empty() && decided.needs.is_empty());
        assert_eq!(decided.decision.session().unwrap().user_id(), "user_1");
    }
}

#[test]
fn rows_four_to_six_are_of_development() {
    let satellite = "/?__clerk_redirect_url=https%3A%2F%2Fsat.example%2Fa%3F__clerk_synced%3Dfalse%26x%3D1";
    let decided = signed_in_at_development().at(satellite).decide();
    assert_eq!(decided.summary(), "handshake primary-responds-to-syncing");
    assert_eq!(
        decided.location().as_deref(),
        Some("https://sat.example/a?__clerk_synced=true&x=1&__clerk_db_jwt=dvb_1")
    );
    assert_eq!(signed_in().at(satellite).decide().summary(), "signed-in");
    let nonsense = signed_in_at_development().at("/?__clerk_redirect_url=nonsense").decide();
    assert_eq!(nonsense.summary(), "failed RedirectUrl");
    for (path, expected) in [
        ("/?__clerk_db_jwt=dvb_2", "handshake dev-browser-sync"),
        ("/?__clerk_db_jwt=", "handshake dev-browser-sync"),
        ("/?%5f_clerk_db_jwt=dvb_2", "handshake dev-browser-sync"),
        ("/?__dev_session=dvb_2", "signed-in"),
    ] {
        assert_eq!(signed_in_at_development().at(path).decide().summary(), expected, "{path}");
        assert_eq!(signed_in().at(path).decide().summary(), "signed-in", "{path}");
    }
    assert_eq!(ask("test").decide().summary(), "handshake dev-browser-missing");
    assert_eq!(ask("test").method(Method::POST).decide().summary(), "signed-out dev-browser-missing");
}

#[test]
fn rows_seven_to_nine_weigh_session_and_client() {
    let session = || ask("live").cookie("__session", good_token());
    let client = |uat: &str| ask("live").cookie("__client_uat", uat);
    for (asked, expected) in [
        (ask("live"), "signed-out session-token-and-uat-missing"),
        (client("0"), "signed-out session-token-and-uat-missing"),
        (client("soon"), "signed-out session-token-and-uat-missing"),
        (client(""), "signed-out session-token-and-uat-missing"),
        (session(), "handshake session-token-but-no-client-uat"),
        (session().cookie("__client_uat", 0), "handshake session-token-but-no-client-uat"),
        (session().cookie("__client_uat", "x1"), "handshake session-token-but-no-client-uat"),
        (session().cookie("__client_uat", -5), "signed-in"),
        (session().cookie("__client_uat", "12monkeys"), "signed-in"),
        (client("1700000000"), "handshake client-uat-but-no-session-token"),
        (client("0x10"), "handshake client-uat-but-no-session-token"),
        (client("-1"), "handshake client-uat-but-no-session-token"),
        (client("1").cookie("__session", ""), "handshake client-uat-but-no-session-token"),
    ] {
        let cookies = asked.cookies.clone();
        assert_eq!(asked.decide().summary(), expected, "{cookies:?}");
    }
}

#[test]
fn rows_ten_and_eleven_turn_other_tokens_away() {
    let with =
        |token: &str| ask("live").cookie("__client_uat", 1).cookie("__session", token).decide().summary();
    assert_eq!(with("nonsense"), "signed-out token-invalid");
    assert_eq!(with("a.b.c"), "signed-out token-invalid");
    let signed = |header: Value, claims: &Value| testing::instance().sign(&header, claims);
    let template =
        signed(json!({"alg": "RS256", "kid": testing::KID, "cat": "cl_B7d4PD222AAA"}), &testing::claims());
    let oauth = signed(json!({"alg": "RS256", "kid": testing::KID, "typ": "at+jwt"}), &testing::claims());
    let machine = token_with(&json!({"sub": "mch_1"}));
    for token in [template, oauth, machine] {
        assert_eq!(with(&token), "signed-out token-type-mismatch");
    }
}

#[test]
fn row_twelve_wants_a_token_younger_than_the_client() {
    let client = |uat: i64| {
        ask("live").cookie("__client_uat", uat).cookie("__session", good_token()).decide().summary()
    };
    let issued = NOW_S - 10;
    assert_eq!(client(issued), "signed-in");
    assert_eq!(client(issued + 1), "handshake session-token-iat-before-client-uat");
    let without =
        ask("live").cookie("__client_uat", NOW_S).cookie("__session", token_with(&json!({"iat": null})));
    assert_eq!(without.decide().summary(), "signed-in");
}

#[test]
fn row_thirteen_mends_time_by_a_handshake_and_nothing_else() {
    let uat = NOW_S - 86_400;
    let page = |token: String| ask("live").cookie("__client_uat", uat).cookie("__session", token);
    let foreign = testing::other_instance().token(&testing::claims());
    let unknown_key =
        testing::instance().sign(&json!({"alg": "RS256", "kid": "ins_other"}), &testing::claims());
    for (token, expected) in [
        (expired_token(), "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie"),
        (token_with(&json!({"nbf": NOW_S + 60})), "handshake session-token-nbf"),
        (token_with(&json!({"iat": NOW_S + 60})), "handshake session-token-iat-in-the-future"),
        (foreign, "signed-out token-invalid-signature"),
        (unknown_key, "signed-out jwk-kid-mismatch"),
        (token_with(&json!({"exp": null})), "signed-out token-verification-failed"),
    ] {
        assert_eq!(page(token).decide().summary(), expected);
    }
    let posted = page(expired_token()).method(Method::POST).decide();
    assert_eq!(posted.summary(), "signed-out session-token-expired-refresh-non-eligible-non-get");
    let mut elsewhere = page(good_token());
    elsewhere.parties = vec!["https://other.example".to_owned()];
    let elsewhere = elsewhere.decide();
    assert_eq!(elsewhere.summary(), "signed-out token-invalid-authorized-parties");
    assert!(elsewhere.header("x-clerk-auth-message").unwrap().ends_with("token-carrier=cookie)"));
}

#[test]
fn an_expired_session_is_renewed_if_clerk_agrees() {
    let page = || {
        ask("live").cookie("__client_uat", 1).cookie("__session", expired_token()).suffixed("__refresh", "r")
    };
    let renewed = |cookies: &[String]| {
        let mut asked = page();
        asked.refresh = Ok(cookies.to_vec());
        asked.decide()
    };
    let fresh =
        renewed(&[format!("__session={}; Path=/", good_token()), "__client_uat=5; Path=/".to_owned()]);
    assert_eq!(fresh.summary(), "signed-in");
    assert_eq!(fresh.cookies().len(), 2);
    assert!(fresh.location().is_none());
    let [Need::Refresh(request)] = fresh.needs.as_slice() else { panic!("{:?}", fresh.needs) };
    assert_eq!((request.session_id.as_str(), request.refresh_token.as_str()), ("sess_1", "r"));
    assert_eq!((request.request_origin.as_str(), request.suffixed_cookies), ("https://app.example", false));
    assert!(!format!("{request:?}").contains(&request.expired_token), "secrets stay out of logs");
    let why = |decided: Decided| {
        let summary = decided.summary();
        summary.strip_prefix("handshake session-token-expired-refresh-").map(str::to_owned).unwrap_or(summary)
    };
    assert_eq!(why(renewed(&[])), "unexpected-sdk-error");
    assert_eq!(why(renewed(&["other=1".to_owned()])), "invalid-session-token");
    assert_eq!(why(renewed(&[format!("__session={}", expired_token())])), "invalid-session-token");
    assert_eq!(why(page().decide()), "fetch-error");
    let mut refused = page();
    refused.refresh = Err(RefreshFailure::Refused("session_revoked".to_owned()));
    assert_eq!(why(refused.decide()), "session_revoked");
    let without_session = token_with(&json!({"exp": NOW_S - 40, "sid": null}));
    let asked =
        ask("live").cookie("__client_uat", 1).cookie("__session", without_session).suffixed("__refresh", "r");
    assert_eq!(why(asked.decide()), "expired-session-token-missing-sid-claim");
    // An id that is none never becomes a path of Clerk's API.
    for id in ["..", ".", "a/b", "a?b", "%2e%2e", ""] {
        let token = token_with(&json!({"exp": NOW_S - 40, "sid": id}));
        let asked =
            ask("live").cookie("__client_uat", 1).cookie("__session", token).suffixed("__refresh", "r");
        assert_eq!(why(asked.decide()), "expired-session-token-missing-sid-claim", "{id}");
    }
}

#[test]
fn row_fourteen_asks_again_after_a_link_from_elsewhere() {
    let from = |referrer: &str| signed_in().with("referer", referrer).decide().summary();
    let asks = "handshake primary-domain-cross-origin-sync";
    for (referrer, expected) in [
        ("https://app.example/other", "signed-in"),
        ("https://app.example:444/", asks),
        ("http://app.example/", asks),
        ("https://other.example/", asks),
        ("https://clerk.example.com/x", "signed-in"),
        ("https://accounts.example.com/x", "signed-in"),
        ("https://happy.accounts.dev/", asks),
        ("about:blank", asks),
        ("nonsense", "signed-in"),
    ] {
        assert_eq!(from(referrer), expected, "{referrer}");
    }
    let development =
        |referrer: &str| signed_in_at_development().with("referer", referrer).decide().summary();
    for (referrer, expected) in [
        ("https://happy.accounts.dev/", "signed-in"),
        ("https://happy.clerk.accounts.dev/", asks),
        ("https://accounts.happy.lcl.dev/", "signed-in"),
        ("https://happy.lcl.dev/", asks),
    ] {
        assert_eq!(development(referrer), expected, "{referrer}");
    }
    let elsewhere = || signed_in().with("referer", "https://other.example/");
    assert_eq!(elsewhere().cookie("__clerk_redirect_count", 1).decide().summary(), "signed-in");
    assert_eq!(elsewhere().with("sec-fetch-dest", "iframe").decide().summary(), "signed-in");
    assert_eq!(elsewhere().method(Method::POST).decide().summary(), "signed-in");
}

#[test]
fn claims_that_are_null_are_nobodys_fault_but_the_cookies() {
    let null = "eyJhbGciOiJSUzI1NiJ9.bnVsbA.c2ln";
    for asked in [
        ask("live").cookie("__client_uat", 1).cookie("__session", null),
        ask("live").suffixed("__client_uat", 1).suffixed("__session", null),
    ] {
        assert_eq!(asked.decide().summary(), "failed Cookie");
    }
}
