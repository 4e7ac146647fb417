//! Which set of cookies is read (contract, section c.2).

use super::*;

/// The user of the set that was chosen, or what was said of it.
fn chosen(asked: Asked) -> String {
    let decided = asked.decide();
    decided.decision.session().map_or_else(|| decided.summary(), |session| session.user_id().to_owned())
}

fn of(user: &str, issued_ago: i64) -> String {
    let issued = NOW_S - issued_ago;
    token_with(&json!({"sub": user, "iat": issued, "nbf": issued - 10, "exp": issued + 60}))
}

fn both(plain: &str, suffixed: &str) -> Asked {
    ask("live")
        .cookie("__client_uat", 1)
        .cookie("__session", plain)
        .suffixed("__client_uat", 1)
        .suffixed("__session", suffixed)
}

#[test]
fn rules_one_and_two_look_at_who_made_the_plain_token() {
    let suffixed = of("user_suffixed", 10);
    let without_issuer = token_with(&json!({"iss": null, "sub": "user_plain"}));
    assert_eq!(chosen(both(&without_issuer, &suffixed)), "user_plain");
    assert_eq!(chosen(both("junk", &suffixed)), "signed-out token-invalid");
    for issuer in ["https://clerk.other.example", "https://clerk.example.com/", "5"] {
        let foreign = token_with(&json!({"iss": issuer, "sub": "user_plain"}));
        assert_eq!(chosen(both(&foreign, &suffixed)), "user_suffixed", "{issuer}");
    }
    for issuer in ["http://clerk.example.com", "HTTPS://clerk.example.com", "clerk.example.com"] {
        let own = token_with(&json!({"iss": issuer, "sub": "user_plain", "iat": NOW_S - 5}));
        assert_eq!(chosen(both(&own, &suffixed)), "user_plain", "{issuer}");
    }
}

#[test]
fn rule_three_has_nothing_suffixed() {
    assert_eq!(chosen(signed_in()), "user_1");
    assert_eq!(chosen(signed_in().suffixed("__refresh", "r")), "user_1");
}

#[test]
fn rule_four_takes_the_newer_token() {
    assert_eq!(chosen(both(&of("user_plain", 5), &of("user_suffixed", 10))), "user_plain");
    assert_eq!(chosen(both(&of("user_plain", 10), &of("user_suffixed", 10))), "user_suffixed");
    assert_eq!(chosen(both(&of("user_plain", 15), &of("user_suffixed", 10))), "user_suffixed");
    // A client that is missing counts as active.
    let missing =
        ask("live").cookie("__session", of("user_plain", 5)).suffixed("__session", of("user_suffixed", 9));
    assert_eq!(chosen(missing), "handshake session-token-but-no-client-uat");
}

#[test]
fn rule_five_leaves_a_client_that_signed_out() {
    let asked = ask("live")
        .cookie("__client_uat", 1)
        .cookie("__session", of("user_plain", 20))
        .suffixed("__client_uat", 0)
        .suffixed("__session", of("user_suffixed", 10));
    assert_eq!(chosen(asked), "user_plain");
}

#[test]
fn rule_six_is_of_development() {
    let asked = |environment: &'static str| {
        let mut asked = ask(environment).cookie("__client_uat", 0).cookie("__clerk_db_jwt", "dvb_1");
        asked = asked.suffixed("__clerk_db_jwt", "dvb_2");
        asked.suffixed("__client_uat", 1).suffixed("__session", expired_token())
    };
    assert_eq!(chosen(asked("test")), "signed-out session-token-and-uat-missing");
    assert!(chosen(asked("live")).starts_with("handshake session-token-expired"));
}

#[test]
fn rule_seven_wants_a_client_beside_a_session() {
    let asked = ask("live").cookie("__client_uat", 1).suffixed("__session", of("user_suffixed", 10));
    assert_eq!(chosen(asked), "handshake client-uat-but-no-session-token");
}

#[test]
fn rule_eight_takes_the_suffixed_set_and_says_so() {
    let asked = ask("live").suffixed("__client_uat", 1).suffixed("__session", expired_token()).decide();
    assert!(asked.location().unwrap().contains("&suffixed_cookies=true&"));
    let other = ask("live").cookie("__client_uat_zzzzzzzz", 1).cookie("__session_zzzzzzzz", good_token());
    assert_eq!(chosen(other), "signed-out session-token-and-uat-missing");
}
