//! Nothing of a person's session, address or request is in logs and metrics.

use crate::harness::{Browser, Instance, Kind, Site, now_ms};
use clerk_emulator::{Fault, FaultKind, NewUser};
use rstest::rstest;
use serde_json::json;

/// In everything that only the person's own answers may hold.
const MARK: &str = "canary";

#[rstest]
#[tokio::test]
async fn logs_and_metrics_say_nothing_of_a_person(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let site = Site::new(instance, kind).await;
    let trace = "info,clerk_auth=trace,clerk_sync=trace,clerk_sync_server=trace";
    let site = site.set("CLERK_SYNC_LOG", trace);
    let user = |id: &str| {
        let user = NewUser::new()
            .id(id)
            .email(format!("{MARK}-{id}@example.com"))
            .first_name(format!("{MARK}-name"));
        user.public_metadata(json!({"x": MARK})).private_metadata(json!({"x": MARK}))
    };
    for id in ["user_ada", "user_bob", "user_eve"] {
        site.clerk.create_user(user(id)).unwrap();
    }
    let server = site.serve().await;
    let options = || {
        site.options()
            .claim("mail", json!(format!("{MARK}-claim@example.com")))
            .claim(MARK, json!({MARK: MARK}))
    };
    let mut tokens = Vec::new();
    for id in ["user_ada", "user_bob", "user_eve"] {
        tokens.push(site.clerk.token_for(id, &options()).await.unwrap());
    }
    tokens.push(site.clerk.token_for("user_ada", &options().issued_in_seconds(-900)).await.unwrap());
    tokens.push(
        site.clerk.token_for("user_ada", &options().authorized_party("https://evil.example")).await.unwrap(),
    );
    tokens.push(site.clerk.token_for("user_ada", &options().pending()).await.unwrap());
    let nonsense = format!("{MARK}.{MARK}.{MARK}");
    tokens.push(nonsense);
    let path = format!("/{MARK}?{MARK}={MARK}");
    let round = async || {
        for token in &tokens {
            let mut browser = site.browser_with("user_ada", token).saying("user-agent", MARK);
            browser.keep(MARK, MARK);
            browser.open_until(&site.entrance(&path), |url| site.is_app(url)).await;
            let mut stranger =
                Browser::new().saying("user-agent", MARK).saying("referer", "https://canary.example/");
            stranger.open(&site.entrance(&path)).await;
            let bearer = format!("Bearer {token}");
            let headers = [
                ("authorization", &*bearer),
                ("x-forwarded-uri", &*path),
                ("x-forwarded-host", "canary.example"),
                ("x-forwarded-for", "203.0.113.77"),
            ];
            server.get_with("/clerk/verify", &headers).await;
            server
                .get_with(
                    "/clerk/verify",
                    &[("x-forwarded-uri", MARK), ("x-forwarded-host", "canary canary")],
                )
                .await;
            server.get_with(&format!("/clerk/me?{MARK}"), &headers).await;
        }
        for query in [
            format!("__clerk_handshake={MARK}"),
            format!("__clerk_handshake_nonce={MARK}"),
            format!("__clerk_db_jwt={MARK}"),
        ] {
            Browser::new().ask(&format!("{}&{query}", site.entrance(&path))).await;
        }
    };
    round().await;
    // Conflicts, outages and deletions are logged; without the person.
    server.accept(&site.clerk.deleted("user_bob", now_ms())).await;
    let fault = site.clerk.add_fault(Fault::new(FaultKind::UserAnswer {
        status: 500,
        code: Some("internal_clerk_error".to_owned()),
        body: None,
    }));
    site.database.run("delete from users").await;
    round().await;
    site.clerk.remove_fault(fault);
    site.clerk.delete_user("user_eve").unwrap();
    site.database.run("drop table users").await;
    round().await;
    let metrics = server.metrics().await;
    server.stop().await;
    let log = server.log_text();
    assert!(log.contains("event applied"), "the log is as detailed as it gets");
    for (place, text) in [("log", &log), ("metrics", &metrics)] {
        for mark in [MARK, "@example.com", "eyJ", "203.0.113.77", "sess_", "dvb_"] {
            let line = text.lines().find(|line| line.contains(mark));
            assert!(line.is_none(), "{mark} in the {place}: {}", line.unwrap_or_default());
        }
    }
    assert!(!metrics.contains("user_ada") && !metrics.contains("user_bob"), "{metrics}");
}
