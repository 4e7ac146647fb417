use std::time::Duration;

use clerk_emulator::{HandshakeFormat, NewUser, TokenOptions};
use serde_json::{Value, json};

use crate::harness::{Clerk, NOON, Reply};

const BACK: &str = "redirect_url=http%3A%2F%2Flocalhost%3A3000%2Fpage%3Fa%3D1%2520b";

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

async fn handshake(clerk: &Clerk, query: &str) -> Reply {
    clerk.open(&format!("/v1/client/handshake?{BACK}&{query}"), &[]).await
}

async fn directives(clerk: &Clerk, reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 307, "{:?}", reply.body);
    let list = match reply.target_param("__clerk_handshake") {
        Some(token) => claims(&token)["handshake"].clone(),
        None => {
            let nonce = reply.target_param("__clerk_handshake_nonce").unwrap();
            let path = format!("/v1/clients/handshake_payload?nonce={nonce}");
            clerk.get(&path).await.body["directives"].clone()
        }
    };
    serde_json::from_value(list).unwrap()
}

fn value(directives: &[String], name: &str) -> String {
    let prefix = format!("{name}=");
    let directive = directives.iter().find(|directive| directive.starts_with(&prefix));
    let directive = directive.unwrap_or_else(|| panic!("no {name} in {directives:?}"));
    directive[prefix.len()..].split(';').next().unwrap().to_owned()
}

fn user(clerk: &Clerk) -> String {
    clerk.create_user(NewUser::new().email("ada@example.com")).unwrap()["id"].as_str().unwrap().to_owned()
}

fn live(config: &mut clerk_emulator::EmulatorConfig) {
    use base64::Engine as _;
    let host = base64::engine::general_purpose::STANDARD.encode("clerk.example.com$");
    config.publishable_key = format!("pk_live_{host}");
    config.secret_key = "sk_live_made_up".to_owned();
}

#[tokio::test]
async fn a_first_visit_gets_a_dev_browser_and_is_signed_out() {
    let clerk = Clerk::start().await;
    let reply = handshake(&clerk, "suffixed_cookies=true&format=nonce").await;
    assert!(reply.location().starts_with("http://localhost:3000/page?a=1%20b&__clerk_handshake="));
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert!(reply.set_cookies().is_empty());
    let directives = directives(&clerk, &reply).await;
    let dev_browser = value(&directives, "__clerk_db_jwt");
    assert!(dev_browser.starts_with("dvb_"));
    let suffix = clerk.config().cookie_suffix();
    assert_eq!(value(&directives, &format!("__clerk_db_jwt_{suffix}")), dev_browser);
    assert_eq!(value(&directives, &format!("__client_uat_{suffix}")), "0");
    assert_eq!(value(&directives, "__session"), "");
}

#[tokio::test]
async fn a_signed_in_browser_gets_a_token_no_older_than_its_client() {
    let (clerk, clock) = Clerk::at_noon().await;
    let user_id = user(&clerk);
    let browser = clerk.create_browser(Some(&user_id)).unwrap();
    clock.set(NOON + 90_999);
    let query = format!("__clerk_db_jwt={browser}&suffixed_cookies=true&format=nonce");
    let cookies = directives(&clerk, &handshake(&clerk, &query).await).await;
    let token = claims(&value(&cookies, "__session"));
    assert_eq!((&token["sub"], &token["azp"]), (&json!(user_id), &json!("http://localhost:3000")));
    assert_eq!(value(&cookies, "__client_uat"), (NOON / 1_000).to_string());
    assert_eq!(token["iat"], NOON / 1_000 + 90);
    // A clock that was set back must not bring a loop.
    clock.set(NOON - 5_000);
    let cookies = directives(&clerk, &handshake(&clerk, &query).await).await;
    let uat: i64 = value(&cookies, "__client_uat").parse().unwrap();
    assert!(claims(&value(&cookies, "__session"))["iat"].as_i64().unwrap() >= uat);

    clock.set(NOON + 120_000);
    clerk.sign_out(&browser);
    let cookies = directives(&clerk, &handshake(&clerk, &query).await).await;
    assert_eq!((value(&cookies, "__session"), value(&cookies, "__client_uat")), (String::new(), "0".into()));
}

#[tokio::test]
async fn an_organization_becomes_active_only_for_its_members() {
    let clerk = Clerk::start().await;
    let user_id = user(&clerk);
    let ours = clerk.create_organization("Engines", Some(&user_id)).unwrap()["id"].clone();
    clerk.create_organization("Others", None).unwrap();
    let browser = clerk.create_browser(Some(&user_id)).unwrap();
    let active = async |organization: &str| {
        let query = format!("__clerk_db_jwt={browser}&organization_id={organization}");
        let cookies = directives(&clerk, &handshake(&clerk, &query).await).await;
        claims(&value(&cookies, "__session"))["o"]["id"].clone()
    };
    assert_eq!(active("engines").await, ours);
    assert_eq!(active("others").await, ours);
    assert_eq!(active("org_nowhere").await, ours);
    assert_eq!(active("").await, Value::Null);
    assert_eq!(active(ours.as_str().unwrap()).await, ours);
}

#[tokio::test]
async fn the_result_travels_as_the_settings_say() {
    let clerk = Clerk::start().await;
    let user_id = user(&clerk);
    let browser = clerk.create_browser(Some(&user_id)).unwrap();
    let way = async |query: &str| {
        let reply = handshake(&clerk, &format!("__clerk_db_jwt={browser}&{query}")).await;
        let nonce = reply.target_param("__clerk_handshake_nonce").is_some();
        assert_ne!(nonce, reply.target_param("__clerk_handshake").is_some());
        if nonce { "nonce" } else { "token" }
    };
    // A session under both names is large, one under the plain names is not.
    assert_eq!(way("format=nonce&suffixed_cookies=true").await, "nonce");
    assert_eq!(way("format=nonce").await, "token");
    assert_eq!(way("suffixed_cookies=true").await, "token");
    clerk.set_handshake_format(HandshakeFormat::Token);
    assert_eq!(way("format=nonce&suffixed_cookies=true").await, "token");
    assert_eq!(clerk.put("/__emulator/handshake", json!({ "format": "nonce" })).await.status, 204);
    assert_eq!(way("").await, "nonce");
    assert_eq!(clerk.put("/__emulator/handshake", json!({ "format": "as_clerk" })).await.status, 204);
    assert_eq!(way("format=nonce").await, "token");
    let unknown = clerk.put("/__emulator/handshake", json!({ "format": "pigeon" })).await;
    assert_eq!((unknown.status, unknown.param()), (422, "format"));
}

#[tokio::test]
async fn nonces_end() {
    let (clerk, clock) = Clerk::at_noon().await;
    clerk.set_handshake_format(HandshakeFormat::Nonce);
    let reply = handshake(&clerk, "").await;
    let path = |reply: &Reply| {
        let nonce = reply.target_param("__clerk_handshake_nonce").unwrap();
        format!("/v1/clients/handshake_payload?nonce={nonce}")
    };
    assert_eq!(clerk.get(&path(&reply)).await.status, 200);
    clock.advance(Duration::from_secs(11));
    let used = clerk.get(&path(&reply)).await;
    assert_eq!((used.status, used.code()), (404, "resource_not_found"));
    let reply = handshake(&clerk, "").await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(clerk.get(&path(&reply)).await.status, 404);
    assert_eq!(clerk.get("/v1/clients/handshake_payload?nonce=").await.code(), "missing_query_parameter");
    assert_eq!(clerk.open(&path(&reply), &[]).await.status, 401, "it needs the secret key");
    assert_eq!(clerk.stats().count("GET /v1/clients/handshake_payload"), 5);
}

#[tokio::test]
async fn redirect_urls_must_be_absolute_and_clean() {
    let clerk = Clerk::start().await;
    let status = async |url: &str| {
        let encoded: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
        let reply = clerk.open(&format!("/v1/client/handshake?redirect_url={encoded}"), &[]).await;
        if reply.status == 400 {
            assert_eq!(reply.param(), "redirect_url");
            assert!(reply.body["clerk_trace_id"].is_string());
        }
        reply.status
    };
    assert_eq!(status("https://app.example.com/x#part").await, 307);
    for url in [
        "",
        "/page",
        "//localhost:3000/",
        "localhost:3000",
        "javascript:alert(1)",
        "ftp://localhost/",
        "http://",
        "http://localhost:3000/\r\nset-cookie: a=b",
        "http://local\thost/",
        "http:\\\\localhost/",
        "http://ada:secret@localhost:3000/",
        "http://[::1/",
    ] {
        assert_eq!(status(url).await, 400, "{url:?}");
    }
    assert_eq!(status(&format!("http://localhost/{}", "x".repeat(20_000))).await, 400);
    assert_eq!(clerk.open("/v1/client/handshake", &[]).await.code(), "missing_query_parameter");
    // Bytes that are no text, and repeated parameters: the first counts.
    let odd = "/v1/client/handshake?redirect_url=http://localhost/%ff&redirect_url=https://evil.test/";
    let reply = clerk.open(odd, &[]).await;
    assert!(reply.location().starts_with("http://localhost/%EF%BF%BD?"), "{}", reply.location());
    let reply = handshake(&clerk, "__clerk_db_jwt=dvb_nobody%0d%0a&__session=%%%&organization_id=%00").await;
    assert!(value(&directives(&clerk, &reply).await, "__clerk_db_jwt") != "dvb_nobody");
}

#[tokio::test]
async fn an_address_keeps_no_earlier_result() {
    let clerk = Clerk::start().await;
    let path = "/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%2F%3F__clerk_handshake_nonce%3Dold";
    let location = clerk.open(path, &[]).await.location().to_owned();
    assert!(!location.contains("=old"), "{location}");
}

#[tokio::test]
async fn production_answers_with_cookies() {
    let clerk = Clerk::start_with(live).await;
    let user_id = user(&clerk);
    let browser = clerk.create_browser(Some(&user_id)).unwrap();
    let path = "/v1/client/handshake?redirect_url=https%3A%2F%2Fapp.example.com%2Fpage";
    let cookie = format!("other=1; __client={browser}");
    let reply = clerk.open(path, &[("cookie", &cookie), ("host", "clerk.example.com")]).await;
    assert_eq!((reply.status, reply.location()), (307, "https://app.example.com/page"));
    let [set] = &reply.set_cookies()[..] else { panic!("{:?}", reply.set_cookies()) };
    let rest = set.split_once("; ").unwrap().1;
    assert_eq!(rest, "Path=/; Domain=example.com; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
    let token = set.strip_prefix("__clerk_handshake=").unwrap().split(';').next().unwrap();
    let cookies: Vec<String> = serde_json::from_value(claims(token)["handshake"].clone()).unwrap();
    assert!(!cookies.iter().any(|cookie| cookie.starts_with("__clerk_db_jwt")));
    assert!(cookies.iter().all(|cookie| cookie.ends_with("; Secure")), "{cookies:?}");
    assert!(
        cookies.iter().any(|cookie| cookie.starts_with("__clerk_handshake=; Path=/; Domain=example.com"))
    );
    assert_eq!(claims(&value(&cookies, "__session"))["sub"], json!(user_id));

    // On loopback the cookie belongs to the host alone, and must not need https.
    let path = "/v1/client/handshake?redirect_url=http%3A%2F%2F127.0.0.1%3A3000%2F";
    let set = clerk.open(path, &[]).await.set_cookies();
    assert!(set[0].ends_with("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"), "{set:?}");
}

async fn refresh(clerk: &Clerk, session: &str, expired: &str, token: &str, format: &str) -> Reply {
    let body = json!({
        "expired_token": expired, "refresh_token": token, "request_origin": "http://localhost:3000",
        "request_headers": { "host": ["localhost"] }, "format": format,
    });
    clerk.post(&format!("/v1/sessions/{session}/refresh?suffixed_cookies=true"), body).await
}

#[tokio::test]
async fn refresh_tokens_bring_new_session_tokens_while_the_session_lasts() {
    let clerk = Clerk::start().await;
    let user_id = user(&clerk);
    let browser = clerk.create_browser(Some(&user_id)).unwrap();
    let query = format!("__clerk_db_jwt={browser}");
    let without = directives(&clerk, &handshake(&clerk, &query).await).await;
    assert!(!without.iter().any(|cookie| cookie.starts_with("__refresh_")));

    let set = json!({ "refresh_tokens": true });
    assert_eq!(clerk.put("/__emulator/handshake", set).await.status, 204);
    let cookies = directives(&clerk, &handshake(&clerk, &query).await).await;
    let name = format!("__refresh_{}", clerk.config().cookie_suffix());
    let token = value(&cookies, &name);
    let session = claims(&value(&cookies, "__session"))["sid"].as_str().unwrap().to_owned();
    let old = TokenOptions::new().issued_in_seconds(-600);
    let expired = clerk.session_token(&session, &old).await.unwrap();

    let fresh = refresh(&clerk, &session, &expired, &token, "cookie").await;
    assert_eq!(fresh.body["object"], "cookies");
    let set: Vec<String> = serde_json::from_value(fresh.body["cookies"].clone()).unwrap();
    assert_eq!(value(&set, &name), token);
    let plain = claims(&value(&set, "__session"));
    assert_eq!((&plain["sid"], &plain["azp"]), (&json!(session), &json!("http://localhost:3000")));
    let bare = refresh(&clerk, &session, &expired, &token, "token").await;
    assert_eq!(claims(bare.body["jwt"].as_str().unwrap())["sub"], json!(user_id));

    let other = clerk.start_session(&user_id, None).unwrap();
    for reply in [
        refresh(&clerk, &session, &expired, "wrong", "cookie").await,
        refresh(&clerk, &other, &expired, &token, "cookie").await,
        refresh(&clerk, &session, "not.a.token", &token, "cookie").await,
    ] {
        assert_eq!((reply.status, reply.code()), (401, "authentication_invalid"));
    }
    assert_eq!(refresh(&clerk, &session, &expired, &token, "pigeon").await.status, 422);
    clerk.end_session(&session).unwrap();
    assert_eq!(refresh(&clerk, &session, &expired, &token, "cookie").await.status, 401);
    let gone = directives(&clerk, &handshake(&clerk, &query).await).await;
    assert_eq!(value(&gone, &name), "");
}

#[tokio::test]
async fn browsers_can_be_made_over_http() {
    let clerk = Clerk::start().await;
    let user_id = user(&clerk);
    let made = clerk.post("/__emulator/browsers", json!({ "user_id": user_id })).await;
    let query = format!("__clerk_db_jwt={}", made.id());
    let cookies = directives(&clerk, &handshake(&clerk, &query).await).await;
    assert_eq!(claims(&value(&cookies, "__session"))["sid"], made.body["session_id"]);
    assert_eq!(value(&cookies, "__clerk_db_jwt"), made.id());
    clerk.update_user(&user_id, clerk_emulator::UserChange::new().banned(true)).unwrap();
    let refused = clerk.post("/__emulator/browsers", json!({ "user_id": user_id })).await;
    assert_eq!((refused.status, refused.code()), (403, "user_banned"));
}
