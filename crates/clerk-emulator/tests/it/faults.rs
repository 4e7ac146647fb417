use std::time::Duration;

use clerk_emulator::{DeliveryState, Fault, FaultKind, NewUser, UserChange};
use reqwest::Method;
use serde_json::json;

use crate::harness::Clerk;
use crate::receiver::wired;

#[tokio::test]
async fn webhooks_can_be_dropped_by_type_and_number() {
    let (clerk, receiver) = wired().await;
    clerk.add_fault(Fault::new(FaultKind::WebhookDrop).times(1).event_type("user.updated"));
    let user = clerk.create_user(NewUser::new()).unwrap();
    let id = user["id"].as_str().unwrap();
    clerk.update_user(id, UserChange::new().first_name("Lost")).unwrap();
    clerk.update_user(id, UserChange::new().first_name("Seen")).unwrap();
    clerk.deliveries_settled().await;
    let mut types = receiver.types();
    types.sort();
    assert_eq!(types, ["user.created", "user.updated"]);
    assert_eq!(clerk.deliveries()[1].state, DeliveryState::Dropped);
}

#[tokio::test]
async fn webhooks_can_come_twice_or_late() {
    let (clerk, receiver) = wired().await;
    clerk.add_fault(Fault::new(FaultKind::WebhookDuplicate).times(1));
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("svix-id"), received[1].header("svix-id"));

    clerk.add_fault(Fault::new(FaultKind::WebhookDelay { ms: 500 }).times(1));
    let late = clerk.create_user(NewUser::new()).unwrap();
    let prompt = clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    let ids: Vec<_> =
        receiver.received()[2..].iter().map(|event| event.json()["data"]["id"].clone()).collect();
    assert_eq!(ids, [prompt["id"].clone(), late["id"].clone()]);
}

#[tokio::test]
async fn webhooks_can_be_reordered() {
    let (clerk, receiver) = wired().await;
    clerk.add_fault(Fault::new(FaultKind::WebhookReorder { hold: 3 }).times(3));
    let user = clerk.create_user(NewUser::new()).unwrap();
    let id = user["id"].as_str().unwrap();
    clerk.update_user(id, UserChange::new().first_name("B")).unwrap();
    assert!(receiver.received().is_empty());
    clerk.delete_user(id).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!(receiver.types(), ["user.deleted", "user.updated", "user.created"]);
}

#[tokio::test]
async fn what_is_held_back_for_reordering_is_not_lost() {
    let (clerk, receiver) = wired().await;
    clerk.add_fault(Fault::new(FaultKind::WebhookReorder { hold: 100 }));
    clerk.create_user(NewUser::new()).unwrap();
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_lost_brings_the_webhook_again() {
    let (clerk, receiver) = wired().await;
    clerk.add_fault(Fault::new(FaultKind::WebhookAnswerLost).times(1));
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(clerk.deliveries()[0].attempts, 2);
}

#[tokio::test]
async fn the_api_can_be_down_slow_or_silent() {
    let clerk = Clerk::start().await;
    clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 503 }).times(1).path("/v1/users"));
    assert_eq!(clerk.get("/v1/instance").await.status, 200);
    assert_eq!(clerk.get("/v1/users").await.status, 503);
    assert_eq!(clerk.get("/v1/users").await.status, 200);

    clerk.add_fault(Fault::new(FaultKind::ApiDisconnect).times(1));
    assert!(clerk.request(Method::GET, "/v1/users").send().await.is_err());

    let hang = clerk.add_fault(Fault::new(FaultKind::ApiHang));
    let request = clerk.request(Method::GET, "/v1/users").timeout(Duration::from_millis(100));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert!(clerk.remove_fault(hang));

    clerk.add_fault(Fault::new(FaultKind::ApiLatency { ms: 120 }).times(1));
    let request = clerk.request(Method::GET, "/v1/users").timeout(Duration::from_millis(50));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(clerk.get("/v1/users").await.status, 200);
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_work_is_done() {
    let clerk = Clerk::start().await;
    clerk.add_fault(Fault::new(FaultKind::ApiAnswerLost).times(1).method("POST"));
    let request = clerk.request(Method::POST, "/v1/users").header("content-type", "application/json");
    assert!(request.body(r#"{"external_id":"1"}"#).send().await.is_err());
    assert_eq!(clerk.user_count(), 1);
    assert_eq!(clerk.post("/v1/users", json!({ "external_id": "1" })).await.code(), "form_identifier_exists");
    assert_eq!(clerk.stats().routes["POST /v1/users"][&0], 1);
}

#[tokio::test]
async fn bursts_of_429_say_when_to_come_back() {
    let clerk = Clerk::start().await;
    clerk.add_fault(Fault::new(FaultKind::ApiTooManyRequests { retry_after: 7 }).times(2));
    for _ in 0..2 {
        let reply = clerk.get("/v1/users").await;
        assert_eq!((reply.status, reply.code()), (429, "too_many_requests"));
        assert_eq!(reply.headers["retry-after"], "7");
    }
    assert_eq!(clerk.get("/v1/users").await.status, 200);
    assert_eq!(clerk.stats().too_many_requests, 2);
}

#[tokio::test]
async fn one_users_reads_can_be_answered_otherwise() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let id = user["id"].as_str().unwrap();
    let path = format!("/v1/users/{id}");
    let answer = |status, code: Option<&str>, body| FaultKind::UserAnswer {
        status,
        code: code.map(str::to_owned),
        body,
    };
    clerk.add_fault(Fault::new(answer(404, Some("odd_code"), None)).user(id).times(1));
    let refused = clerk.get(&path).await;
    assert_eq!((refused.status, refused.code()), (404, "odd_code"));
    clerk.add_fault(Fault::new(answer(200, None, Some(json!({ "id": 1 })))).user(id).times(1));
    assert_eq!(clerk.get(&path).await.body, json!({ "id": 1 }));
    assert_eq!(clerk.get(&path).await.body["id"], id);
}

#[tokio::test]
async fn reads_can_lag_behind() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new().first_name("Old")).unwrap();
    let id = user["id"].as_str().unwrap();
    let path = format!("/v1/users/{id}");
    let stale = || Fault::new(FaultKind::StaleReads { lists: true }).user(id).times(1);
    clerk.add_fault(stale());
    assert_eq!(clerk.get(&path).await.status, 404);
    clerk.update_user(id, UserChange::new().first_name("New")).unwrap();
    clerk.add_fault(stale());
    assert_eq!(clerk.get(&path).await.body, user);
    clerk.add_fault(stale());
    assert_eq!(clerk.get("/v1/users").await.body[0], user);
    assert_eq!(clerk.get(&path).await.body["first_name"], "New");
    clerk.delete_user(id).unwrap();
    clerk.add_fault(stale());
    assert_eq!(clerk.get(&path).await.status, 200);
    assert_eq!(clerk.get(&path).await.status, 404);
}

#[tokio::test]
async fn lists_can_be_cut_short() {
    let clerk = Clerk::start().await;
    clerk.import_users((0..5).map(|_| NewUser::new())).unwrap();
    clerk.add_fault(Fault::new(FaultKind::ShortList { keep: 0 }).times(1));
    assert_eq!(clerk.get("/v1/users").await.body, json!([]));
    assert_eq!(clerk.get("/v1/users").await.ids().len(), 5);
}
