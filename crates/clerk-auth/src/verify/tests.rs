use super::*;
use crate::testing::{self, NOW_MS, NOW_S};
use serde_json::json;

const RULES: ClaimRules<'static> =
    ClaimRules { authorized_parties: &[], audiences: &[], clock_skew_ms: 5_000 };

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = testing::claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = testing::claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn signature(header: &Value) -> Result<(), TokenError> {
    let instance = testing::instance();
    let raw = instance.sign(header, &testing::claims());
    check_signature(&raw, &Jwt::decode(&raw).unwrap(), &instance.key())
}

#[test]
fn a_good_token_passes() {
    assert_eq!(signature(&testing::header()), Ok(()));
    assert_eq!(check_claims(&testing::claims(), &RULES, NOW_MS), Ok(()));
}

#[test]
fn headers_are_judged_before_signatures() {
    for (header, expected) in [
        (json!({"alg": "RS256"}), Ok(())),
        (json!({"alg": "RS256", "typ": "jwt"}), Err(TokenError::Invalid)),
        (json!({"alg": "RS256", "typ": null}), Err(TokenError::Invalid)),
        (json!({"alg": "none", "typ": "JWT"}), Err(TokenError::InvalidAlgorithm)),
        (json!({"alg": "None"}), Err(TokenError::InvalidAlgorithm)),
        (json!({"alg": "HS256"}), Err(TokenError::InvalidAlgorithm)),
        (json!({"alg": "ES256"}), Err(TokenError::InvalidAlgorithm)),
        (json!({"alg": ["RS256"]}), Err(TokenError::InvalidAlgorithm)),
        (json!({}), Err(TokenError::InvalidAlgorithm)),
        // The key of the set is for RS256 alone.
        (json!({"alg": "RS384"}), Err(TokenError::VerificationFailed)),
        (json!({"alg": "RS512"}), Err(TokenError::VerificationFailed)),
    ] {
        assert_eq!(signature(&header), expected, "{header}");
    }
}

#[test]
fn another_key_and_another_text_fail() {
    let (ours, theirs) = (testing::instance(), testing::other_instance());
    let raw = theirs.sign(&testing::header(), &testing::claims());
    let jwt = Jwt::decode(&raw).unwrap();
    assert_eq!(check_signature(&raw, &jwt, &ours.key()), Err(TokenError::InvalidSignature));
    let raw = ours.sign(&testing::header(), &testing::claims());
    let forged = testing::with_claims(&raw, &claims_with("sub", json!("user_2")));
    let jwt = Jwt::decode(&forged).unwrap();
    assert_eq!(check_signature(&forged, &jwt, &ours.key()), Err(TokenError::InvalidSignature));
}

#[test]
fn claims_are_judged_one_by_one() {
    let huge = json!(1e300);
    for (claims, expected) in [
        (without("sub"), Err(TokenError::VerificationFailed)),
        (claims_with("sub", json!(5)), Err(TokenError::VerificationFailed)),
        (without("exp"), Err(TokenError::VerificationFailed)),
        (claims_with("exp", json!("9999999999")), Err(TokenError::VerificationFailed)),
        (claims_with("exp", json!(NOW_S - 5)), Err(TokenError::Expired)),
        (claims_with("exp", json!(NOW_S - 4)), Ok(())),
        (claims_with("exp", json!((NOW_S - 5) as f64 + 0.9)), Err(TokenError::Expired)),
        (claims_with("exp", huge.clone()), Ok(())),
        (claims_with("nbf", json!(NOW_S + 5)), Ok(())),
        (claims_with("nbf", json!(NOW_S + 6)), Err(TokenError::NotActiveYet)),
        (claims_with("nbf", json!(null)), Err(TokenError::VerificationFailed)),
        (without("nbf"), Ok(())),
        (claims_with("nbf", huge), Ok(())),
        (claims_with("iat", json!(NOW_S + 6)), Err(TokenError::IatInTheFuture)),
        (claims_with("iat", json!("1")), Err(TokenError::VerificationFailed)),
        (without("iat"), Ok(())),
    ] {
        assert_eq!(check_claims(&claims, &RULES, NOW_MS), expected, "{claims}");
    }
}

#[test]
fn time_is_judged_in_the_sdks_order() {
    let mut claims = claims_with("exp", json!(NOW_S - 60));
    claims["nbf"] = json!(NOW_S + 60);
    claims["iat"] = json!(NOW_S + 60);
    assert_eq!(check_claims(&claims, &RULES, NOW_MS), Err(TokenError::Expired));
    claims["exp"] = json!(NOW_S + 120);
    assert_eq!(check_claims(&claims, &RULES, NOW_MS), Err(TokenError::NotActiveYet));
}

#[test]
fn the_party_must_be_known_once_any_is() {
    let parties = ["https://app.example".to_owned()];
    let rules = ClaimRules { authorized_parties: &parties, ..RULES };
    for (claims, expected) in [
        (claims_with("azp", json!("https://app.example")), Ok(())),
        (claims_with("azp", json!("https://app.example/")), Err(TokenError::InvalidAuthorizedParties)),
        (claims_with("azp", json!("https://evil.app.example")), Err(TokenError::InvalidAuthorizedParties)),
        (claims_with("azp", json!("")), Err(TokenError::InvalidAuthorizedParties)),
        (claims_with("azp", json!(["https://app.example"])), Err(TokenError::InvalidAuthorizedParties)),
        (without("azp"), Err(TokenError::InvalidAuthorizedParties)),
    ] {
        assert_eq!(check_claims(&claims, &rules, NOW_MS), expected, "{claims}");
    }
}

#[test]
fn an_audience_counts_where_both_sides_name_one() {
    let accepted = ["api".to_owned()];
    let rules = ClaimRules { audiences: &accepted, ..RULES };
    let failed = Err(TokenError::VerificationFailed);
    for (audience, expected) in [
        (json!("api"), Ok(())),
        (json!("other"), failed),
        (json!(""), Ok(())),
        (json!(["other", "api"]), Ok(())),
        (json!(["other"]), failed),
        (json!([""]), Ok(())),
        (json!([]), Ok(())),
        (json!(["other", 5]), Ok(())),
        (json!(null), Ok(())),
    ] {
        assert_eq!(
            check_claims(&claims_with("aud", audience.clone()), &rules, NOW_MS),
            expected,
            "{audience}"
        );
    }
    assert_eq!(check_claims(&testing::claims(), &rules, NOW_MS), Ok(()));
}
