//! `emulate` and `dev`: the local Clerk, alone and with everything around it.

use crate::harness::{Database, Setup, eventually};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    process::Child,
};

/// Starts a command and reads its first line.
fn first_line(setup: &Setup, arguments: &[&str]) -> (Child, Value) {
    let mut child = setup.command(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}")))
}

async fn end(mut child: Child) {
    std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let mut status = None;
    eventually("the end", async || {
        status = child.try_wait().unwrap();
        status.is_some()
    })
    .await;
    assert_eq!(status.unwrap().code(), Some(0));
}

/// As the sample page does.
async fn make_a_user(app: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let made = http.post(format!("{app}/api/users")).header("content-type", "application/json").body("{}");
    assert!(made.send().await.unwrap().status().is_success());
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn emulate_is_a_clerk_that_serve_works_with() {
    let (emulator, keys) = first_line(&Setup::bare(), &["emulate", "--listen", "127.0.0.1:0", "--json"]);
    let database = Database::sqlite();
    let setup = Setup::bare()
        .set("CLERK_SECRET_KEY", text(&keys["secret_key"]))
        .set("CLERK_PUBLISHABLE_KEY", text(&keys["publishable_key"]))
        .set("CLERK_WEBHOOK_SIGNING_SECRET", text(&keys["webhook_signing_secret"]))
        .set("CLERK_API_URL", text(&keys["clerk"]))
        .set("DATABASE_URL", &database.url)
        .set("CLERK_SYNC_LISTEN", "127.0.0.1:0")
        .set("CLERK_SYNC_ADMIN_LISTEN", "none")
        .set("CLERK_SYNC_LOG_FORMAT", "json");
    assert_eq!(keys["proxy_url"], keys["clerk"]);
    let server = setup.serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let clerk = text(&keys["clerk"]);
    let webhook = json!({"url": server.url("/clerk/webhooks")}).to_string();
    let webhook = http
        .put(format!("{clerk}/__emulator/webhook"))
        .header("content-type", "application/json")
        .body(webhook);
    assert_eq!(server.request(webhook).await.status, 204);
    let user =
        json!({"email_address": ["ada@example.com"], "first_name": "Ada", "skip_password_requirement": true});
    let user = http
        .post(format!("{clerk}/v1/users"))
        .bearer_auth(text(&keys["secret_key"]))
        .header("content-type", "application/json")
        .body(user.to_string());
    assert_eq!(server.request(user).await.status, 200);
    eventually("the row", async || database.users().await.len() == 1).await;
    for page in ["sign_up_url", "sign_in_url", "sign_out_url"] {
        assert_eq!(http.get(text(&keys[page])).send().await.unwrap().status(), 200, "{page}");
    }
    server.stop().await;
    end(emulator).await;
}

#[tokio::test]
async fn emulate_takes_the_keys_of_the_environment() {
    let setup = Setup::bare()
        .set("CLERK_SECRET_KEY", "sk_test_itisme")
        .set("CLERK_SYNC_WHATEVER", "is for serve")
        .set("DATABASE_URL", "postgres://somewhere/else");
    let arguments = ["emulate", "--listen", "127.0.0.1:0", "--json"];
    let (first, keys) = first_line(&setup, &arguments);
    assert_eq!(keys["secret_key"], "sk_test_itisme");
    end(first).await;
    let (second, again) = first_line(&setup, &arguments);
    assert_eq!(again["instance"], keys["instance"], "a database stays bound to it");
    end(second).await;
}

#[tokio::test]
async fn emulate_prints_what_an_app_and_a_service_need() {
    let mut child = Setup::bare().command(&["emulate", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let lines: Vec<_> =
        BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).take(9).collect();
    let value = |name: &str| {
        let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{name} in {lines:?}")).to_owned()
    };
    let clerk = value("CLERK_API_URL");
    assert!(clerk.starts_with("http://127.0.0.1:"), "{clerk}");
    assert_eq!(value("CLERK_PROXY_URL"), clerk);
    assert_eq!(value("CLERK_SIGN_UP_URL"), format!("{clerk}/sign-up"));
    assert_eq!(value("CLERK_SIGN_IN_URL"), format!("{clerk}/sign-in"));
    assert!(value("CLERK_PUBLISHABLE_KEY").starts_with("pk_test_"));
    end(child).await;
}

#[tokio::test]
async fn dev_has_one_host_name_for_people_and_any_local_one_for_programs() {
    let (child, addresses) = first_line(&Setup::bare(), &["dev", "--port", "0", "--json"]);
    let http =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = async |part: &str, path: &str, host: &str, accept: &str| {
        let own = format!("{}{path}", text(&addresses[part]));
        let port = own.split(':').nth(2).unwrap().split('/').next().unwrap();
        let request = http.get(&own).header("host", format!("{host}:{port}")).header("accept", accept);
        let answer = request.send().await.unwrap();
        let location = answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location.filter(|location| *location == own).is_some())
    };
    for (part, path) in
        [("app", "/"), ("app", "/welcome"), ("service", "/clerk/after-sign-up?redirect_url=%2Fa")]
    {
        assert_eq!(answer(part, path, "localhost", "text/html").await, (307, true), "{part}{path}");
        assert_eq!(answer(part, path, "[::1]", "text/html").await, (307, true), "{part}{path}");
    }
    for (part, path) in [("app", "/api/state"), ("app", "/"), ("service", "/readyz"), ("clerk", "/sign-up")] {
        assert_eq!(answer(part, path, "localhost", "*/*").await, (200, false), "{part}{path}");
        assert_eq!(answer(part, path, "127.0.0.1", "text/html").await, (200, false), "{part}{path}");
    }
    assert_eq!(answer("app", "/", "evil.example", "text/html").await, (403, false));
    end(child).await;
}

#[tokio::test]
async fn dev_starts_everything_without_keys() {
    let setup = Setup::bare();
    for _ in 0..2 {
        let (child, addresses) = first_line(&setup, &["dev", "--port", "0", "--json"]);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for (part, path) in [("clerk", "/healthz"), ("service", "/readyz"), ("admin", "/metrics")] {
            let url = format!("{}{path}", text(&addresses[part]));
            let status = http.get(&url).send().await.unwrap().status();
            assert_eq!(status, 200, "{url}");
        }
        assert!(text(&addresses["app"]).starts_with("http://127.0.0.1:"), "{addresses}");
        assert_eq!(addresses["database"], "sqlite://clerk-sync-dev.db");
        end(child).await;
    }
}

#[tokio::test]
async fn a_second_dev_leaves_the_first_ones_database_alone() {
    let setup = Setup::bare();
    let (first, addresses) = first_line(&setup, &["dev", "--port", "0", "--json"]);
    let app = text(&addresses["app"]);
    let port = app.rsplit(':').next().unwrap();
    for port in ["0", port] {
        let second = setup.run(&["dev", "--port", port]).await;
        assert_eq!(second.code, Some(1), "{second:?}");
        assert!(second.err.contains("another clerk-sync dev works on clerk-sync-dev.db"), "{second:?}");
        assert!(second.err.contains("--database-url"), "{second:?}");
    }
    make_a_user(app).await;
    // Another process sees it, so the file is still the one that the first writes.
    let changes = ["changes", "--json", "--database-url", text(&addresses["database"])];
    eventually("the change", async || setup.json(&changes).await.len() == 1).await;
    end(first).await;
}

#[tokio::test]
async fn a_dev_that_cannot_start_empties_nothing() {
    let setup = Setup::bare();
    let (first, addresses) = first_line(&setup, &["dev", "--port", "0", "--json"]);
    let app = text(&addresses["app"]);
    make_a_user(app).await;
    let changes = ["changes", "--json", "--database-url", text(&addresses["database"])];
    eventually("the change", async || setup.json(&changes).await.len() == 1).await;
    end(first).await;

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let second = setup.run(&["dev", "--port", &port]).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains(&format!("port {port} cannot be used")), "{second:?}");
    assert_eq!(setup.json(&changes).await.len(), 1);
}
