use clerk_emulator::{Change, NewUser, TokenOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Clerk, Reply};

const APP: (&str, &str) = ("origin", "http://localhost:3000");
const ADA: [(&str, &str); 2] = [("email_address", "ada@example.com"), ("password", "correct horse")];

async fn dev_browser(clerk: &Clerk) -> String {
    let reply = clerk.form("/v1/dev_browser", &[], &[APP]).await;
    assert!(reply.id().starts_with("dvb_"));
    reply.id().to_owned()
}

async fn call(clerk: &Clerk, browser: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
    let sign = if path.contains('?') { '&' } else { '?' };
    clerk.form(&format!("/v1/{path}{sign}__clerk_db_jwt={browser}"), fields, &[APP]).await
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_sign_up_makes_a_user_a_session_and_events() {
    let clerk = Clerk::start().await;
    let mut changes = clerk.subscribe();
    let browser = dev_browser(&clerk).await;
    let path = format!("/v1/client?__clerk_db_jwt={browser}");
    assert_eq!(clerk.open(&path, &[APP]).await.body, json!({ "response": null, "client": null }));

    let mut fields = ADA.to_vec();
    fields.extend([("first_name", "Ada"), ("unsafe_metadata", r#"{"ref":"x"}"#), ("locale", "en-GB")]);
    let reply = call(&clerk, &browser, "client/sign_ups", &fields).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let attempt = &reply.body["response"];
    assert_eq!(attempt["status"], "complete");
    let session = &reply.body["client"]["sessions"][0];
    assert_eq!(session["id"], attempt["created_session_id"]);
    assert_eq!(reply.body["client"]["last_active_session_id"], session["id"]);
    assert_eq!(session["user"]["first_name"], "Ada");
    assert!(session["user"].get("private_metadata").is_none());
    assert_eq!(claims(&session["last_active_token"]["jwt"])["azp"], APP.1);
    let user = clerk.user(attempt["created_user_id"].as_str().unwrap()).unwrap();
    assert_eq!(user["email_addresses"][0]["verification"]["status"], "unverified");
    assert_eq!((&user["password_enabled"], &user["unsafe_metadata"]["ref"]), (&json!(true), &json!("x")));
    assert!(user["last_sign_in_at"].is_i64());
    let mut events = Vec::new();
    while let Ok(Change::Happened { event_type, .. }) = changes.try_recv() {
        events.push(event_type);
    }
    assert_eq!(events, ["user.created", "session.created"]);

    let again = call(&clerk, &browser, "client/sign_ups", &ADA).await;
    assert_eq!((again.status, again.code()), (400, "session_exists"));
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let clerk = Clerk::start().await;
    clerk.create_user(NewUser::new().email("taken@example.com").username("taken")).unwrap();
    let browser = dev_browser(&clerk).await;
    let long = "x".repeat(300);
    for (email, password, username, code, param) in [
        ("nonsense", "correct horse", "", "form_param_format_invalid", "email_address"),
        ("", "correct horse", "", "form_param_missing", "email_address"),
        ("a@b.test", "", "", "form_param_missing", "password"),
        ("a@b.test", "short", "", "form_password_length_too_short", "password"),
        ("a@b.test", &long, "", "form_param_max_length_exceeded", "password"),
        ("a\r\n@b.test", "correct horse", "", "form_param_format_invalid", "email_address"),
        ("Taken@example.com", "correct horse", "", "form_identifier_exists", "email_address"),
        ("a@b.test", "correct horse", "taken", "form_identifier_exists", "username"),
        ("a@b.test", "correct horse", "<b>bold", "form_username_invalid_character", "username"),
    ] {
        let fields = [("email_address", email), ("password", password), ("username", username)];
        let reply = call(&clerk, &browser, "client/sign_ups", &fields).await;
        assert_eq!((reply.status, reply.code(), reply.param()), (422, code, param), "{email} {username}");
    }
    assert_eq!(clerk.user_count(), 1);
    let huge = "x".repeat(70_000);
    assert_eq!(call(&clerk, &browser, "client/sign_ups", &[("password", &huge)]).await.status, 413);
    let json = clerk.stranger(Method::POST, "/v1/client/sign_ups").header("content-type", "text/plain");
    assert_eq!(clerk.send(json.body("a=b")).await.status, 415);
}

#[tokio::test]
async fn people_sign_in_with_their_password_only() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new().email("ada@example.com").password("correct horse")).unwrap();
    let browser = dev_browser(&clerk).await;
    let sign_in = async |identifier: &str, password: &str| {
        let fields = [("identifier", identifier), ("password", password), ("strategy", "password")];
        call(&clerk, &browser, "client/sign_ins", &fields).await
    };
    let unknown = sign_in("bob@example.com", "correct horse").await;
    assert_eq!((unknown.status, unknown.code()), (422, "form_identifier_not_found"));
    let wrong = sign_in("ada@example.com", "correct house").await;
    assert_eq!((wrong.code(), wrong.param()), ("form_password_incorrect", "password"));
    let id = user["id"].as_str().unwrap();
    assert_eq!(clerk.user(id).unwrap()["verification_attempts_remaining"], 99);

    let identified = call(&clerk, &browser, "client/sign_ins", &[("identifier", "ADA@example.com")]).await;
    assert_eq!(identified.body["response"]["status"], "needs_first_factor");
    assert_eq!(identified.body["client"]["sign_in"]["id"], identified.body["response"]["id"]);
    let path = format!(
        "client/sign_ins/{}/attempt_first_factor",
        identified.body["response"]["id"].as_str().unwrap()
    );
    let stranger = dev_browser(&clerk).await;
    let password = [("strategy", "password"), ("password", "correct horse")];
    assert_eq!(call(&clerk, &stranger, &path, &password).await.status, 404);
    let done = call(&clerk, &browser, &path, &password).await;
    assert_eq!(done.body["response"]["status"], "complete");
    assert_eq!(done.body["client"]["sign_in"], Value::Null);
    assert_eq!(done.body["client"]["sessions"][0]["user"]["id"], user["id"]);
    assert_eq!(sign_in("ada@example.com", "correct horse").await.code(), "session_exists");

    let other = call(&clerk, &stranger, "client/sign_ins", &[("strategy", "email_code")]).await;
    assert_eq!((other.code(), other.param()), ("form_param_value_invalid", "strategy"));
    clerk.create_user(NewUser::new().email("nopass@example.com")).unwrap();
    let fields = [("identifier", "nopass@example.com"), ("password", "")];
    let without = call(&clerk, &stranger, "client/sign_ins", &fields).await;
    assert_eq!(without.body["response"]["status"], "needs_first_factor");
}

#[tokio::test]
async fn a_ticket_opens_its_door_once() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let made = clerk.post("/v1/sign_in_tokens", json!({ "user_id": user["id"] })).await;
    let ticket = made.body["token"].as_str().unwrap();
    let fields = [("strategy", "ticket"), ("ticket", ticket)];
    let first = call(&clerk, &dev_browser(&clerk).await, "client/sign_ins", &fields).await;
    assert_eq!(first.body["client"]["sessions"][0]["user"]["id"], user["id"]);
    let second = call(&clerk, &dev_browser(&clerk).await, "client/sign_ins", &fields).await;
    assert_eq!((second.status, second.code()), (400, "ticket_invalid"));
    let token = clerk.token_for(user["id"].as_str().unwrap(), &TokenOptions::new()).await.unwrap();
    let fields = [("strategy", "ticket"), ("ticket", &token)];
    let forged = call(&clerk, &dev_browser(&clerk).await, "client/sign_ins", &fields).await;
    assert_eq!(forged.status, 400);
}

#[tokio::test]
async fn sessions_are_touched_refreshed_and_ended() {
    let clerk = Clerk::start().await;
    let browser = dev_browser(&clerk).await;
    let attempt = call(&clerk, &browser, "client/sign_ups", &ADA).await.body["response"].clone();
    let user_id = attempt["created_user_id"].as_str().unwrap();
    let id = attempt["created_session_id"].as_str().unwrap();
    let organization = clerk.create_organization("Engines", Some(user_id)).unwrap();

    let fields = [("active_organization_id", organization["id"].as_str().unwrap()), ("intent", "select_org")];
    let touched = call(&clerk, &browser, &format!("client/sessions/{id}/touch"), &fields).await;
    assert_eq!(touched.body["response"]["last_active_organization_id"], organization["id"]);
    assert_eq!(claims(&touched.body["response"]["last_active_token"]["jwt"])["o"]["slg"], "engines");
    let path = format!("client/sessions/{id}/tokens");
    let bare = call(&clerk, &browser, &path, &[("organization_id", "")]).await;
    let read = claims(&bare.body["jwt"]);
    assert!(read.get("o").is_none() && read["sid"] == id);
    let stranger = dev_browser(&clerk).await;
    assert_eq!(call(&clerk, &stranger, &path, &[]).await.status, 404);

    let ended = call(&clerk, &browser, &format!("client/sessions/{id}/end"), &[]).await;
    assert_eq!(ended.body["response"]["status"], "ended");
    assert_eq!(ended.body["client"]["sessions"], json!([]));
    let over = call(&clerk, &browser, &path, &[]).await;
    assert_eq!((over.status, over.code()), (401, "authentication_invalid"));

    let sign_in = [("identifier", "ada@example.com"), ("password", "correct horse")];
    assert_eq!(call(&clerk, &browser, "client/sign_ins", &sign_in).await.status, 200);
    let gone = call(&clerk, &browser, "client?_method=DELETE", &[]).await;
    assert_eq!((gone.status, &gone.body["response"]["sessions"]), (200, &json!([])));
    assert_eq!(call(&clerk, &browser, "client/sessions?_method=DELETE", &[]).await.status, 200);
    assert_eq!(call(&clerk, &browser, "client?_method=TRACE", &[]).await.status, 404);
}

#[tokio::test]
async fn without_a_dev_browser_the_cookie_tells_who_it_is() {
    let clerk = Clerk::start().await;
    let reply = clerk.form("/v1/client/sign_ups", &ADA, &[APP]).await;
    let set = reply.set_cookies();
    let cookie = set[0].split(';').next().unwrap();
    assert!(cookie.starts_with("__client=") && set[0].contains("HttpOnly; SameSite=Lax"), "{set:?}");
    let client = clerk.open("/v1/client", &[APP, ("cookie", cookie)]).await.body;
    assert_eq!(client["response"]["id"], reply.body["client"]["id"]);
    let made = clerk.form("/v1/client?_method=PUT", &[], &[APP]).await;
    assert_eq!(made.body["response"]["sessions"], json!([]));

    let unknown = clerk.open("/v1/client?__clerk_db_jwt=dvb_gone", &[APP]).await;
    assert_eq!((unknown.status, unknown.code()), (401, "dev_browser_unauthenticated"));
}

#[tokio::test]
async fn only_pages_of_the_app_may_call() {
    let clerk = Clerk::start_with(|config| config.allowed_origins = vec!["http://app.test".to_owned()]).await;
    for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "http://app.test"] {
        let reply = clerk.open("/v1/environment", &[("origin", origin)]).await;
        assert_eq!(reply.headers["access-control-allow-origin"], origin);
        assert_eq!(reply.headers["access-control-allow-credentials"], "true");
    }
    for origin in ["https://evil.test", "null", "http://app.test.evil.test"] {
        let read = clerk.open("/v1/environment", &[("origin", origin)]).await;
        assert!(!read.headers.contains_key("access-control-allow-origin"));
        let written = clerk.form("/v1/client/sign_ups", &ADA, &[("origin", origin)]).await;
        assert_eq!((written.status, written.code()), (400, "origin_invalid"), "{origin}");
    }
    assert_eq!(clerk.user_count(), 0);
    let preflight = clerk.stranger(Method::OPTIONS, "/v1/client/sign_ups").header(APP.0, APP.1);
    let preflight = clerk.send(preflight).await;
    assert_eq!(
        (preflight.status, &preflight.headers["access-control-allow-origin"]),
        (204, &APP.1.parse().unwrap())
    );
    let backend = clerk.open("/v1/users", &[APP]).await;
    assert!(backend.status == 401 && !backend.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_environment_names_the_pages() {
    let clerk = Clerk::start().await;
    let reply = clerk.form("/v1/environment?_method=PATCH", &[], &[APP]).await.body;
    assert_eq!(reply["display_config"]["sign_up_url"], format!("{}/sign-up", clerk.url()));
    assert_eq!(reply["user_settings"]["attributes"]["password"]["required"], true);
    assert_eq!(reply["user_settings"]["sign_up"]["captcha_enabled"], false);
    assert_eq!(reply["display_config"]["instance_environment_type"], "development");
}
