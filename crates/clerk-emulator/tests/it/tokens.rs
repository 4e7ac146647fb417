use clerk_emulator::{NewUser, TokenOptions};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::harness::Clerk;

async fn kids(clerk: &Clerk) -> Vec<String> {
    let keys = clerk.get("/v1/jwks").await.body["keys"].clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The claims, if a listed key of the token's `kid` has signed it.
async fn verified(clerk: &Clerk, token: &str) -> Option<Value> {
    let kid = decode_header(token).unwrap().kid;
    let jwks = clerk.get("/v1/jwks").await.body;
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == json!(kid))?;
    let key = DecodingKey::from_rsa_components(key["n"].as_str()?, key["e"].as_str()?).ok()?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    decode(token, &key, &validation).ok().map(|data| data.claims)
}

#[tokio::test]
async fn a_rotated_key_may_leave_the_old_one_listed() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let id = user["id"].as_str().unwrap();
    let old = clerk.token_for(id, &TokenOptions::new()).await.unwrap();

    let second = clerk.rotate_signing_key(true).await.unwrap();
    assert_eq!(kids(&clerk).await, [second.clone(), clerk.config().instance_id.clone()]);
    let new = clerk.token_for(id, &TokenOptions::new()).await.unwrap();
    assert_eq!(decode_header(&new).unwrap().kid, Some(second));
    assert!(verified(&clerk, &old).await.is_some() && verified(&clerk, &new).await.is_some());
    assert_eq!(clerk.post("/v1/clients/verify", json!({ "token": old })).await.status, 200);

    let rotated = clerk.post("/__emulator/signing_key/rotate", json!({ "keep_old": false })).await.body;
    assert_eq!(kids(&clerk).await, [rotated["kid"].as_str().unwrap()]);
    assert!(verified(&clerk, &new).await.is_none());
    assert_eq!(clerk.post("/v1/clients/verify", json!({ "token": new })).await.status, 400);
}

#[tokio::test]
async fn odd_tokens_are_signed_with_the_real_key() {
    let clerk = Clerk::start().await;
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": clerk.config().instance_id });
    let token = clerk.sign_token(&header, &json!({ "sub": "mch_1" })).await.unwrap();
    assert_eq!(verified(&clerk, &token).await.unwrap()["sub"], "mch_1");
    let body = json!({ "header": header, "claims": { "sub": 7 } });
    let token = clerk.post("/__emulator/tokens", body).await.body["jwt"].as_str().unwrap().to_owned();
    assert_eq!(verified(&clerk, &token).await.unwrap()["sub"], 7);
    assert_eq!(decode_header(&token).unwrap().typ.as_deref(), Some("at+jwt"));
}

#[tokio::test]
async fn the_control_api_makes_session_tokens_of_any_kind() {
    let (clerk, _clock) = Clerk::at_noon().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let asked = json!({
        "user_id": user["id"],
        "issued_in_seconds": -600,
        "not_before_in_seconds": 5,
        "expires_in_seconds": 30,
        "category": "cl_B7d4PD222AAA",
        "status": "pending",
        "actor": { "sub": "user_admin" },
        "plan": "u:pro",
        "features": "u:export",
        "claims": { "tenant": "t1" },
    });
    let reply = clerk.post("/__emulator/session_tokens", asked).await.body;
    let token = reply["jwt"].as_str().unwrap();
    let claims = verified(&clerk, token).await.unwrap();
    let issued_at = crate::harness::NOON / 1_000 - 600;
    assert_eq!(
        [&claims["iat"], &claims["nbf"], &claims["exp"]],
        [&json!(issued_at), &json!(issued_at + 5), &json!(issued_at + 30)]
    );
    assert_eq!((&claims["sts"], &claims["act"]["sub"]), (&json!("pending"), &json!("user_admin")));
    assert_eq!((&claims["pla"], &claims["fea"]), (&json!("u:pro"), &json!("u:export")));
    assert_eq!(claims["tenant"], "t1");

    let session = json!({ "session_id": reply["session_id"], "version": 1, "key_id": "ins_other" });
    let again = clerk.post("/__emulator/session_tokens", session).await.body;
    assert_eq!(again["session_id"], reply["session_id"]);
    let header = decode_header(again["jwt"].as_str().unwrap()).unwrap();
    assert_eq!(header.kid.as_deref(), Some("ins_other"));

    let wrong = json!({ "user_id": user["id"], "version": 3 });
    let refused = clerk.post("/__emulator/session_tokens", wrong).await;
    assert_eq!((refused.status, refused.param()), (422, "version"));
}
