//! A token in the header (contract, section d.2).

use super::*;

fn bearer(token: &str) -> Asked {
    ask("live").with("authorization", &format!("Bearer {token}"))
}

#[test]
fn a_token_in_the_header_hides_everything_else() {
    let hidden = bearer(&good_token())
        .cookie("__clerk_handshake_nonce", "n")
        .cookie("__session", expired_token())
        .cookie("__client_uat", NOW_S + 5);
    let decided = hidden.decide();
    assert_eq!(decided.summary(), "signed-in");
    assert!(decided.needs.is_empty() && decided.decision.headers.is_empty());
    let mut development = bearer(&good_token()).at("/?__clerk_db_jwt=dvb_1&__clerk_handshake=x");
    development.environment = "test";
    assert_eq!(development.decide().summary(), "signed-in");
}

#[test]
fn an_expired_one_makes_a_page_redirect_and_a_call_fail() {
    let page = bearer(&expired_token()).decide();
    assert_eq!(page.summary(), "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie");
    assert!(page.location().unwrap().contains(&format!("__session={}", expired_token())));
    let call = bearer(&expired_token()).without("sec-fetch-dest").decide();
    assert_eq!(call.summary(), "signed-out session-token-expired-refresh-non-eligible-no-refresh-cookie");
    assert!(call.location().is_none());
    let message = call.header("x-clerk-auth-message").unwrap();
    assert!(message.ends_with("(reason=token-expired, token-carrier=header)"), "{message}");
    assert_eq!(call.header("x-clerk-auth-status"), Some("signed-out"));
    let posted = bearer(&expired_token()).method(Method::POST).decide();
    assert_eq!(posted.summary(), "signed-out session-token-expired-refresh-non-eligible-non-get");
}

#[test]
fn tricks_are_turned_away() {
    let forged = |header: Value| testing::other_instance().sign(&header, &testing::claims());
    let unsigned = |header: &str| {
        let (message, _) = good_token().rsplit_once('.').map(|(m, s)| (m.to_owned(), s.to_owned())).unwrap();
        let claims = message.split_once('.').unwrap().1.to_owned();
        use base64::Engine as _;
        format!("{}.{claims}.", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header))
    };
    let kid = testing::KID;
    for (token, expected) in [
        (unsigned(&format!(r#"{{"alg":"none","kid":"{kid}"}}"#)), "token-invalid-algorithm"),
        (unsigned(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)), "token-invalid-algorithm"),
        (unsigned(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#)), "token-invalid-signature"),
        (unsigned(&format!(r#"{{"alg":"RS384","kid":"{kid}"}}"#)), "token-verification-failed"),
        (unsigned(r#"{"alg":"RS256"}"#), "jwk-kid-mismatch"),
        (unsigned(r#"{"alg":"RS256","kid":["ins_test"]}"#), "jwk-kid-mismatch"),
        (unsigned(r#"{"alg":"RS256","kid":"../../etc/passwd"}"#), "jwk-kid-mismatch"),
        (unsigned("null"), "unexpected-error"),
        (forged(json!({"alg": "RS256", "kid": kid, "jwk": {"kty": "RSA"}})), "token-invalid-signature"),
        (
            forged(json!({"alg": "RS256", "kid": kid, "jku": "https://evil.example/jwks"})),
            "token-invalid-signature",
        ),
        (forged(json!({"alg": "RS256", "kid": kid, "cat": "cl_B7d4PD333AAA"})), "token-type-mismatch"),
        (forged(json!({"alg": "RS256", "kid": kid, "cat": 5})), "token-type-mismatch"),
        (forged(json!({"alg": "RS256", "kid": kid, "typ": "application/at+jwt"})), "token-type-mismatch"),
        ("mt_secret".to_owned(), "token-invalid"),
        ("oat_secret".to_owned(), "token-invalid"),
        ("ak_secret".to_owned(), "token-invalid"),
        ("x".repeat(100_000), "token-invalid"),
    ] {
        let decided = bearer(&token).decide();
        assert_eq!(decided.summary(), format!("signed-out {expected}"), "{}", &token[..token.len().min(60)]);
        assert!(decided.location().is_none());
    }
}

#[test]
fn another_scheme_leaves_the_request_to_its_cookies() {
    for scheme in ["Basic", "bearer", "BEARER", "Token"] {
        let asked = signed_in().with("authorization", &format!("{scheme} {}", expired_token()));
        assert_eq!(asked.decide().summary(), "signed-in", "{scheme}");
    }
    let bare = ask("live").with("authorization", &good_token()).decide();
    assert_eq!(bare.summary(), "signed-in");
}
