use reqwest::Method;
use serde_json::json;

use crate::harness::Clerk;
use crate::receiver::Receiver;

#[tokio::test]
async fn everything_can_be_driven_over_http() {
    let receiver = Receiver::start().await;
    let clerk = Clerk::start().await;
    let set = clerk.put("/__emulator/webhook", json!({ "url": receiver.url() })).await;
    assert_eq!(set.status, 204);
    let faults = json!([{ "kind": "webhook_duplicate", "times": 1 }, { "kind": "api_latency", "ms": 1 }]);
    let ids = clerk.post("/__emulator/faults", faults).await.body["ids"].clone();
    assert_eq!(ids, json!([1, 2]));
    let user = clerk.post("/v1/users", json!({})).await;
    let settled = clerk.post("/__emulator/settle", json!({})).await.body;
    assert_eq!((&settled[0]["state"], &settled[0]["attempts"]), (&json!("delivered"), &json!(2)));
    assert_eq!(receiver.received().len(), 2);

    let active = clerk.get("/__emulator/faults").await.body;
    assert_eq!((&active[0]["kind"], &active[0]["struck"]), (&json!("webhook_duplicate"), &json!(1)));
    assert_eq!(clerk.delete("/__emulator/faults/2").await.status, 204);
    assert_eq!(clerk.delete("/__emulator/faults/2").await.status, 404);
    assert_eq!(clerk.delete("/__emulator/faults").await.status, 204);

    let id = settled[0]["id"].as_str().unwrap();
    assert_eq!(clerk.post(&format!("/__emulator/deliveries/{id}/resend"), json!({})).await.status, 202);
    let event = json!({ "type": "user.updated", "data": { "id": user.id() } });
    assert_eq!(clerk.post("/__emulator/events", event).await.status, 202);
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received().len(), 4);

    let token = clerk.post("/__emulator/session_tokens", json!({ "user_id": user.id() })).await;
    assert_eq!(token.body["jwt"].as_str().unwrap().split('.').count(), 3);
    let stats = clerk.get("/__emulator/stats").await.body;
    assert_eq!(stats["routes"]["POST /v1/users"]["200"], 1);

    assert_eq!(clerk.put("/__emulator/rate_limit", json!({ "requests_per_10s": 1 })).await.status, 204);
    assert_eq!(clerk.get("/v1/users").await.status, 429);
    assert_eq!(clerk.post("/__emulator/reset", json!({})).await.status, 204);
    assert_eq!(clerk.get("/v1/users").await.body, json!([]));
    assert_eq!(clerk.get("/__emulator/deliveries").await.body, json!([]));
}

#[tokio::test]
async fn mistakes_are_named() {
    let clerk = Clerk::start().await;
    let unknown = clerk.post("/__emulator/faults", json!({ "kind": "webhook_eat" })).await;
    assert_eq!(unknown.status, 400);
    let long = unknown.body["errors"][0]["long_message"].as_str().unwrap();
    assert!(long.contains("webhook_drop"), "{long}");
    let url = clerk.put("/__emulator/webhook", json!({ "url": "ftp://x" })).await;
    assert_eq!((url.status, url.param()), (422, "url"));
    let page = clerk.stranger(Method::POST, "/__emulator/reset").header("sec-fetch-site", "cross-site");
    assert_eq!(clerk.send(page).await.status, 403);
    let nowhere = clerk.send(clerk.stranger(Method::GET, "/__emulator/nowhere")).await;
    assert_eq!(nowhere.status, 404);
}
