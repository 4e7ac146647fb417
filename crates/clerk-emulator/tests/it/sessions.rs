use clerk_emulator::{EmulatorConfig, NewUser, TokenOptions};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Clerk;

async fn claims(clerk: &Clerk, token: &str) -> Value {
    let jwks = clerk.send(clerk.stranger(Method::GET, "/.well-known/jwks.json")).await.body;
    let key = &jwks["keys"][0];
    assert_eq!(key["kid"], clerk.config().instance_id);
    assert_eq!(decode_header(token).unwrap().kid, Some(clerk.config().instance_id.clone()));
    let key =
        DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    decode::<Value>(token, &key, &validation).unwrap().claims
}

#[tokio::test]
async fn sessions_are_made_listed_and_revoked() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let user_id = user["id"].as_str().unwrap();
    let session = clerk.post("/v1/sessions", json!({ "user_id": user_id })).await;
    assert_eq!((session.status, &session.body["status"]), (200, &json!("active")));
    assert!(clerk.user(user_id).unwrap()["last_sign_in_at"].is_i64());

    assert_eq!(clerk.get("/v1/sessions").await.status, 422);
    assert_eq!(clerk.get(&format!("/v1/sessions?user_id={user_id}")).await.ids(), [session.id()]);
    let paginated = clerk.get(&format!("/v1/sessions?user_id={user_id}&paginated=true")).await.body;
    assert_eq!(paginated["total_count"], 1);
    let client_id = session.body["client_id"].as_str().unwrap();
    assert_eq!(clerk.get(&format!("/v1/sessions?client_id={client_id}&status=ended")).await.body, json!([]));

    let path = format!("/v1/sessions/{}", session.id());
    assert_eq!(clerk.post(&format!("{path}/revoke"), json!({})).await.body["status"], "revoked");
    assert_eq!(clerk.get(&path).await.body["status"], "revoked");
    assert_eq!(clerk.post(&format!("{path}/tokens"), json!({})).await.status, 404);
}

#[tokio::test]
async fn production_refuses_to_make_sessions() {
    let clerk = Clerk::start_with(|config| config.secret_key = "sk_live_made_up".to_owned()).await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let reply = clerk.post("/v1/sessions", json!({ "user_id": user["id"] })).await;
    assert_eq!((reply.status, reply.code()), (403, "authorization_invalid"));
    assert_eq!(clerk.get("/v1/instance").await.body["environment_type"], "production");
}

#[tokio::test]
async fn tokens_carry_the_claims_of_version_two() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let user_id = user["id"].as_str().unwrap();
    let organization =
        clerk.post("/v1/organizations", json!({ "name": "Engines", "created_by": user_id })).await;
    let session_id = clerk.start_session(user_id, Some(organization.id())).unwrap();
    let reply = clerk.post(&format!("/v1/sessions/{session_id}/tokens"), json!({})).await;
    let token = reply.body["jwt"].as_str().unwrap();
    let read = claims(&clerk, token).await;
    assert_eq!((&read["sub"], &read["sid"]), (&json!(user_id), &json!(session_id)));
    assert_eq!((&read["v"], &read["sts"]), (&json!(2), &json!("active")));
    assert_eq!(read["iss"], clerk.issuer());
    assert_eq!(read["o"]["rol"], "admin");
    assert_eq!(read["exp"].as_i64().unwrap() - read["iat"].as_i64().unwrap(), 60);

    let client = clerk.post("/v1/clients/verify", json!({ "token": token })).await;
    assert_eq!(client.body["last_active_session_id"], session_id);

    let path = format!("/v1/sessions/{session_id}/tokens/my-template");
    let reply = clerk.post(&path, json!({ "expires_in_seconds": 300 })).await;
    let read = claims(&clerk, reply.body["jwt"].as_str().unwrap()).await;
    assert_eq!(read["exp"].as_i64().unwrap() - read["iat"].as_i64().unwrap(), 300);
    assert!(read.get("sid").is_none());
}

#[tokio::test]
async fn the_handle_makes_tokens_of_any_kind() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let options = TokenOptions::new()
        .authorized_party("http://localhost:3000")
        .expires_in_seconds(-10)
        .claim("tenant", json!("t1"));
    let token = clerk.token_for(user["id"].as_str().unwrap(), &options).await.unwrap();
    let read = claims(&clerk, &token).await;
    assert_eq!((&read["azp"], &read["tenant"]), (&json!("http://localhost:3000"), &json!("t1")));
    assert!(read["exp"].as_i64() < read["iat"].as_i64());
    let expired = clerk.post("/v1/clients/verify", json!({ "token": token })).await;
    assert_eq!(expired.status, 400);
}

#[tokio::test]
async fn other_instances_have_other_keys() {
    let ours = Clerk::start().await;
    let other = Clerk::start_with(|config| {
        *config = EmulatorConfig { requests_per_10s: Some(1_000), ..EmulatorConfig::dev(8) };
    })
    .await;
    let modulus = async |clerk: &Clerk| clerk.get("/v1/jwks").await.body["keys"][0]["n"].clone();
    assert_ne!(modulus(&ours).await, modulus(&other).await);
    assert_ne!(ours.config().instance_id, other.config().instance_id);
}

#[tokio::test]
async fn one_time_tokens() {
    let clerk = Clerk::start().await;
    let testing = clerk.post("/v1/testing_tokens", json!({})).await.body;
    assert!(testing["expires_at"].as_i64().unwrap() < 100_000_000_000, "seconds, not milliseconds");
    let user = clerk.create_user(NewUser::new()).unwrap();
    let ticket = clerk.post("/v1/sign_in_tokens", json!({ "user_id": user["id"] })).await.body;
    assert_eq!(ticket["status"], "pending");
    assert!(ticket["url"].as_str().unwrap().contains(ticket["token"].as_str().unwrap()));
}
