use clerk_emulator::{NewUser, UserChange};
use reqwest::Method;
use serde_json::json;

use crate::harness::{Clerk, NOON};

#[tokio::test]
async fn a_user_has_all_the_fields_clerk_sends() {
    let (clerk, _clock) = Clerk::at_noon().await;
    let body = json!({
        "email_address": ["ada@example.com", "countess@example.com"],
        "phone_number": ["+15555550100"],
        "web3_wallet": ["0x8db97C7cEcE249c2b98bDC0226Cc4C2A57BF52FC"],
        "username": "ada_l",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "external_id": "ext/1",
        "password": "analytical engine",
        "public_metadata": { "plan": "pro" },
        "private_metadata": { "note": 9_007_199_254_740_993_i64 },
        "unsafe_metadata": { "theme": "dark" },
        "created_at": "2025-12-01T10:00:00.250Z",
    });
    let reply = clerk.post("/v1/users", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let user = &reply.body;
    let names: Vec<_> = user.as_object().unwrap().keys().map(String::as_str).collect();
    for name in [
        "id",
        "object",
        "external_id",
        "primary_email_address_id",
        "primary_phone_number_id",
        "primary_web3_wallet_id",
        "username",
        "first_name",
        "last_name",
        "has_image",
        "image_url",
        "public_metadata",
        "private_metadata",
        "unsafe_metadata",
        "email_addresses",
        "phone_numbers",
        "web3_wallets",
        "passkeys",
        "external_accounts",
        "saml_accounts",
        "enterprise_accounts",
        "password_enabled",
        "two_factor_enabled",
        "totp_enabled",
        "backup_code_enabled",
        "mfa_enabled_at",
        "mfa_disabled_at",
        "last_sign_in_at",
        "last_active_at",
        "created_at",
        "updated_at",
        "banned",
        "locked",
        "lockout_expires_in_seconds",
        "verification_attempts_remaining",
        "delete_self_enabled",
        "create_organization_enabled",
        "legal_accepted_at",
    ] {
        assert!(names.contains(&name), "{name} is missing");
    }
    assert_eq!(user["object"], "user");
    assert_eq!(user["created_at"], 1_764_583_200_250_i64);
    assert_eq!(user["updated_at"], NOON);
    assert_eq!(user["password_enabled"], true);
    assert_eq!(user["private_metadata"]["note"], 9_007_199_254_740_993_i64);
    assert_eq!(user["last_active_at"], json!(null));
    assert_eq!(user["primary_email_address_id"], user["email_addresses"][0]["id"]);
    assert_eq!(user["email_addresses"][0]["verification"]["strategy"], "admin");
    assert_eq!(user["web3_wallets"][0]["object"], "web3_wallet");

    let read = clerk.get(&format!("/v1/users/{}", reply.id())).await;
    assert_eq!(read.body, reply.body);
}

#[tokio::test]
async fn every_change_moves_updated_at_even_within_a_millisecond() {
    let (clerk, _clock) = Clerk::at_noon().await;
    let id = clerk.post("/v1/users", json!({ "first_name": "A" })).await.id().to_owned();
    let path = format!("/v1/users/{id}");
    let first = clerk.patch(&path, json!({ "first_name": "B" })).await;
    let second = clerk.patch(&path, json!({ "first_name": "C" })).await;
    assert_eq!(first.body["updated_at"], NOON + 1);
    assert_eq!(second.body["updated_at"], NOON + 2);
    let active = clerk.update_user(&id, UserChange::new().last_active_at(NOON).failed_attempts(3)).unwrap();
    assert_eq!(active["updated_at"], NOON + 2);
    assert_eq!(active["last_active_at"], NOON - NOON % 86_400_000);
    assert_eq!(active["verification_attempts_remaining"], 97);
}

#[tokio::test]
async fn metadata_is_merged_by_patch_and_replaced_by_put() {
    let clerk = Clerk::start().await;
    let body = json!({ "public_metadata": { "plan": "free", "flags": { "a": 1 } } });
    let id = clerk.post("/v1/users", body).await.id().to_owned();
    let path = format!("/v1/users/{id}/metadata");
    let merged =
        clerk.patch(&path, json!({ "public_metadata": { "plan": null, "flags": { "b": 2 } } })).await;
    assert_eq!(merged.body["public_metadata"], json!({ "flags": { "a": 1, "b": 2 } }));
    let replaced = clerk.put(&path, json!({ "public_metadata": { "x": true } })).await;
    assert_eq!(replaced.body["public_metadata"], json!({ "x": true }));
}

#[tokio::test]
async fn since_the_newest_version_users_and_metadata_are_changed_apart() {
    let clerk = Clerk::start().await;
    let id = clerk.post("/v1/users", json!({})).await.id().to_owned();
    let change = |version: &'static str| {
        clerk
            .request(Method::PATCH, &format!("/v1/users/{id}"))
            .header("clerk-api-version", version)
            .header("content-type", "application/json")
            .body(r#"{"public_metadata":{"a":1}}"#)
    };
    let old = clerk.send(change("2025-11-10")).await;
    assert_eq!((old.status, &old.body["public_metadata"]), (200, &json!({ "a": 1 })));
    let new = clerk.send(change("2026-05-12")).await;
    assert_eq!((new.status, new.code(), new.param()), (422, "form_param_unknown", "public_metadata"));
}

#[tokio::test]
async fn bans_locks_and_pictures_come_and_go() {
    let (clerk, clock) = Clerk::at_noon().await;
    let id = clerk.post("/v1/users", json!({})).await.id().to_owned();
    let act = async |verb: &str| clerk.post(&format!("/v1/users/{id}/{verb}"), json!({})).await.body;
    assert_eq!(act("ban").await["banned"], true);
    assert_eq!(act("unban").await["banned"], false);
    let locked = act("lock").await;
    assert_eq!((&locked["locked"], &locked["lockout_expires_in_seconds"]), (&json!(true), &json!(3_600)));
    clock.advance(std::time::Duration::from_secs(3_600));
    let expired = clerk.get(&format!("/v1/users/{id}")).await.body;
    assert_eq!((&expired["locked"], &expired["updated_at"]), (&json!(false), &locked["updated_at"]));
    assert_eq!(act("lock").await["locked"], true);
    assert_eq!(act("unlock").await["locked"], false);

    let path = format!("/v1/users/{id}/profile_image");
    let upload = clerk.request(Method::POST, &path).header("content-type", "multipart/form-data; boundary=x");
    let with_image = clerk.send(upload.body("--x\r\n\r\npixels\r\n--x--")).await.body;
    assert_eq!(with_image["has_image"], true);
    assert_eq!(clerk.delete(&path).await.body["has_image"], false);
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_its_identifiers_are_free() {
    let clerk = Clerk::start().await;
    let body = json!({ "email_address": ["ada@example.com"], "external_id": "1" });
    let id = clerk.post("/v1/users", body.clone()).await.id().to_owned();
    let path = format!("/v1/users/{id}");
    let deleted = clerk.delete(&path).await;
    assert_eq!(deleted.body, json!({ "object": "user", "id": id, "deleted": true, "external_id": "1" }));
    let again = clerk.delete(&path).await;
    assert_eq!((again.status, again.code()), (404, "resource_not_found"));
    assert_eq!(clerk.get(&path).await.status, 404);
    let new = clerk.post("/v1/users", body).await;
    assert_eq!(new.status, 200);
    assert_ne!(new.id(), id);
}

#[tokio::test]
async fn an_address_can_move_to_another_user() {
    let clerk = Clerk::start().await;
    let a = clerk.create_user(NewUser::new().email("shared@example.com").email("a@example.com")).unwrap();
    let b = clerk.create_user(NewUser::new().email("b@example.com")).unwrap();
    let address = &a["email_addresses"][0]["id"].as_str().unwrap();
    assert_eq!(clerk.delete(&format!("/v1/email_addresses/{address}")).await.body["deleted"], true);
    let body = json!({ "user_id": b["id"], "email_address": "shared@example.com", "verified": true, "primary": true });
    let added = clerk.post("/v1/email_addresses", body).await;
    assert_eq!(added.body["verification"]["status"], "verified");
    let b = clerk.user(b["id"].as_str().unwrap()).unwrap();
    assert_eq!(b["primary_email_address_id"], added.body["id"]);
    let a = clerk.user(a["id"].as_str().unwrap()).unwrap();
    assert_eq!(a["primary_email_address_id"], a["email_addresses"][0]["id"]);
}
