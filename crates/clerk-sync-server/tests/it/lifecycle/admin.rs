//! The admin listener.

use crate::harness::{Clerk, Database, Kind, Person, Setup, Signed};
use clerk_emulator::{Fault, FaultKind, NewUser};
use serde_json::json;

const TOKEN: &str = "0123456789abcdef-token";

#[tokio::test]
async fn only_our_own_host_names_are_served() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1", ""] {
        let answer = server.admin_get("/metrics", &[("host", host)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_host"), "{host:?}");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8788", "[::1]"] {
        assert_eq!(server.admin_get("/metrics", &[("host", host)]).await.status, 200, "{host}");
    }
    assert_eq!(server.admin_get("/elsewhere", &[]).await.status, 404);
    assert_eq!(server.admin_get("/clerk/webhooks", &[]).await.status, 404, "public routes are elsewhere");
}

#[tokio::test]
async fn an_address_that_others_can_reach_demands_a_token() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database).set("CLERK_SYNC_ADMIN_LISTEN", "0.0.0.0:0");
    let without = setup.run(&["serve"]).await;
    assert_eq!(without.code, Some(2));
    assert!(without.err.contains("set CLERK_SYNC_ADMIN_TOKEN"), "{without:?}");

    let server = setup.set("CLERK_SYNC_ADMIN_TOKEN", TOKEN).serve().await;
    let bearer = format!("Bearer {TOKEN}");
    let port = server.admin().await.port();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://127.0.0.1:{port}/metrics");
    for wrong in
        ["", "Bearer ", TOKEN, "Bearer 0123456789abcdef-tokem", &format!("{bearer}x"), &bearer.to_lowercase()]
    {
        let answer = server.request(http.get(&url).header("authorization", wrong)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_needed"), "{wrong:?}");
    }
    assert_eq!(server.request(http.get(&url)).await.status, 401);
    let right = server.request(http.get(&url).header("authorization", &bearer)).await;
    assert_eq!(right.status, 200);
    assert!(!right.body.contains(TOKEN));
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).set("CLERK_SYNC_ADMIN_LISTEN", "none").serve().await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    assert!(!server.log_text().contains("metrics at"));
    server.stop().await;
}

/// The value of a metric whose name and labels begin so; labels may stand in any order.
fn value(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let is_it = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    };
    let line = metrics.lines().find(is_it).unwrap_or_else(|| panic!("no {name} {labels:?} in\n{metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_metrics_tell_what_happened() {
    let (clerk, database) = (Clerk::start().await, Database::fresh(Kind::Postgres).await);
    let server = Setup::new(&clerk, &database).serve().await;
    let before = server.metrics().await;
    assert!(before.ends_with("# EOF\n"));
    assert_eq!(value(&before, "clerk_sync_last_event_age_seconds", &[]), -1.0);
    assert_eq!(value(&before, "clerk_sync_dead_letters", &[]), 0.0);

    let ada = Person::new("user_ada");
    server.accept(&clerk.created(&ada)).await;
    server.accept(&clerk.created(&ada)).await;
    server.accept(&clerk.updated(&ada.then("Augusta"))).await;
    server.accept(&clerk.updated(&ada)).await;
    server.accept(&clerk.deleted("user_ada", ada.updated_at + 9_000)).await;
    server.accept(&Signed::new("msg_1", clerk.event("session.created", &json!({})).to_string())).await;
    server.accept(&Signed::new("msg_2", clerk.event("user.deleted", &json!({})).to_string())).await;
    server.post(&Signed::new("msg_3", "no event")).await;
    server.post(&clerk.created(&ada).with_header("svix-signature", "v1,AAAA")).await;
    server.post(&clerk.created(&ada).without_header("svix-id")).await;
    clerk.create_user(NewUser::new().id("user_bob")).unwrap();
    server.accept(&clerk.unreadable("user_bob")).await;
    clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 503 }).times(1));
    server.post(&clerk.unreadable("user_bob")).await;

    let after = server.metrics().await;
    let events = |event_type: &str, outcome: &str| {
        let labels = [format!("type=\"{event_type}\""), format!("outcome=\"{outcome}\"")];
        value(&after, "clerk_sync_events_total", &[&labels[0], &labels[1]])
    };
    assert_eq!(events("user.created", "applied"), 1.0);
    assert_eq!(events("user.created", "duplicate"), 1.0);
    assert_eq!(events("user.updated", "applied"), 1.0);
    assert_eq!(events("user.updated", "stale"), 1.0);
    assert_eq!(events("user.deleted", "applied"), 1.0);
    assert_eq!(events("user.deleted", "buried"), 1.0);
    assert_eq!(events("user.updated", "healed"), 1.0);
    assert_eq!(events("user.updated", "try_later"), 1.0);
    assert_eq!(events("other", "ignored"), 1.0);
    assert_eq!(events("other", "not_an_event"), 1.0);
    for reason in ["signature", "headers"] {
        let label = format!("reason=\"{reason}\"");
        assert_eq!(value(&after, "clerk_sync_webhook_refusals_total", &[&label]), 1.0, "{reason}");
    }
    let calls = |call, status| value(&after, "clerk_sync_clerk_calls_total", &[call, status]);
    assert_eq!(calls("call=\"instance\"", "status=\"2xx\""), 1.0);
    assert_eq!(calls("call=\"user\"", "status=\"2xx\""), 1.0);
    assert_eq!(calls("call=\"user\"", "status=\"5xx\""), 1.0);
    let changes = |change| value(&after, "clerk_sync_changes_total", &[change, "flow=\"webhook\""]);
    assert_eq!(["change=\"created\"", "change=\"updated\"", "change=\"deleted\""].map(changes), [1.0; 3]);
    for histogram in ["batch_size", "commit_seconds", "lag_seconds"] {
        let name = format!("clerk_sync_{histogram}_count");
        assert!(value(&after, &name, &[]) >= 2.0, "{histogram}");
        assert!(after.contains(&format!("# TYPE clerk_sync_{histogram} histogram")), "{histogram}");
    }
    assert_eq!(value(&after, "clerk_sync_dead_letters", &[]), 1.0);
    assert!((0.0..60.0).contains(&value(&after, "clerk_sync_last_event_age_seconds", &[])));
    assert_eq!(value(&after, "clerk_sync_queue_length", &[]), 0.0);
    // The age survives a restart.
    server.stop().await;
    let server = Setup::new(&clerk, &database).serve().await;
    let age = value(&server.metrics().await, "clerk_sync_last_event_age_seconds", &[]);
    assert!((0.0..60.0).contains(&age), "{age}");
}

#[tokio::test]
async fn a_type_of_event_that_anyone_can_make_up_makes_no_metric_of_its_own() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    for number in 0..20 {
        let event = clerk.event(&format!("made.up{number}"), &json!({}));
        server.accept(&Signed::new("msg_1", event.to_string())).await;
    }
    let metrics = server.metrics().await;
    assert!(!metrics.contains("made.up"), "{metrics}");
    assert_eq!(value(&metrics, "clerk_sync_events_total", &["type=\"other\"", "outcome=\"ignored\""]), 20.0);
}
