use std::time::Duration;

use clerk_emulator::{Change, DeliveryState, NewUser, UserChange};
use serde_json::json;
use svix::webhooks::Webhook;

use crate::harness::{Clerk, NOON};
use crate::receiver::{Receiver, wired};

#[tokio::test]
async fn a_change_is_delivered_signed_in_clerks_envelope() {
    let (clerk, receiver) = wired().await;
    let body = json!({ "email_address": ["ada@example.com"], "private_metadata": { "a": 1 } });
    let user = clerk.post("/v1/users", body).await.body;
    clerk.deliveries_settled().await;
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    let webhook = Webhook::new(&clerk.config().webhook_secrets[0]).unwrap();
    webhook.verify(&received[0].body, &received[0].headers).unwrap();
    assert_eq!(received[0].header("content-type"), "application/json");
    assert!(received[0].header("user-agent").starts_with("Svix-Webhooks/"));
    let event = received[0].json();
    assert_eq!(event["data"], user);
    assert_eq!((&event["object"], &event["type"]), (&json!("event"), &json!("user.created")));
    assert_eq!(event["instance_id"], clerk.config().instance_id);
    assert!(event["timestamp"].as_i64().unwrap() > 100_000_000_000, "milliseconds");
    assert_eq!(event["event_attributes"]["http_request"]["client_ip"], "127.0.0.1");
    let delivery = &clerk.deliveries()[0];
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 1));
    assert_eq!(delivery.user_id.as_deref(), user["id"].as_str());
    assert_eq!(delivery.id, received[0].header("svix-id"));
}

#[tokio::test]
async fn every_kind_of_change_sends_its_event() {
    let (clerk, receiver) = wired().await;
    let id = clerk.post("/v1/users", json!({ "external_id": "1" })).await.id().to_owned();
    for verb in ["ban", "unban", "lock", "unlock"] {
        clerk.post(&format!("/v1/users/{id}/{verb}"), json!({})).await;
    }
    clerk.patch(&format!("/v1/users/{id}"), json!({ "first_name": "A" })).await;
    clerk.patch(&format!("/v1/users/{id}/metadata"), json!({ "public_metadata": { "a": 1 } })).await;
    clerk.update_user(&id, UserChange::new().last_active_at(NOON)).unwrap();
    clerk.delete(&format!("/v1/users/{id}")).await;
    clerk.deliveries_settled().await;
    let mut types = receiver.types();
    types.sort();
    let mut expected = vec!["user.created", "user.deleted"];
    expected.extend(["user.updated"; 6]);
    assert_eq!(types, expected);
    let received = receiver.received();
    let deleted = received.iter().find(|event| event.event_type() == "user.deleted").unwrap();
    assert_eq!(
        deleted.json()["data"],
        json!({ "object": "user", "id": id, "deleted": true, "external_id": "1" })
    );
}

#[tokio::test]
async fn sessions_and_organizations_send_theirs() {
    let (clerk, receiver) = wired().await;
    let user = clerk.create_user(NewUser::new()).unwrap();
    let user_id = user["id"].as_str().unwrap();
    let id = clerk
        .post("/v1/organizations", json!({ "name": "Engines", "created_by": user_id }))
        .await
        .id()
        .to_owned();
    let ended = clerk.start_session(user_id, Some(&id)).unwrap();
    clerk.end_session(&ended).unwrap();
    clerk.start_session(user_id, None).unwrap();
    clerk.post(&format!("/v1/users/{user_id}/ban"), json!({})).await;
    clerk.delete(&format!("/v1/organizations/{id}")).await;
    clerk.deliveries_settled().await;
    let mut types = receiver.types();
    types.sort();
    assert_eq!(
        types,
        [
            "organization.created",
            "organization.deleted",
            "organizationMembership.created",
            "organizationMembership.deleted",
            "session.created",
            "session.created",
            "session.ended",
            "session.revoked",
            "user.created",
            "user.updated",
        ]
    );
}

#[tokio::test]
async fn failures_are_repeated_under_the_same_id_until_they_succeed() {
    let receiver = Receiver::start().await;
    let clerk = Clerk::start_with(|config| config.time_scale = 20_000.0).await;
    clerk.set_webhook_url(Some(&receiver.url())).unwrap();
    for status in [500, 404, 302] {
        receiver.answer(status);
    }
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    let received = receiver.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|attempt| attempt.header("svix-id") == received[0].header("svix-id")));
    assert!(received.iter().all(|attempt| attempt.body == received[0].body));
    let webhook = Webhook::new(&clerk.config().webhook_secrets[0]).unwrap();
    for attempt in &received {
        webhook.verify(&attempt.body, &attempt.headers).unwrap();
    }
    let delivery = &clerk.deliveries()[0];
    assert_eq!((delivery.attempts, delivery.last_status), (4, Some(204)));
}

#[tokio::test]
async fn attempts_are_signed_anew_and_end_after_the_eighth() {
    let receiver = Receiver::start().await;
    let (clerk, clock) = Clerk::at_noon().await;
    clerk.set_webhook_url(Some(&receiver.url())).unwrap();
    for _ in 0..20 {
        receiver.answer(503);
    }
    let mut changes = clerk.subscribe();
    clerk.create_user(NewUser::new()).unwrap();
    loop {
        match changes.recv().await.unwrap() {
            Change::Delivery(delivery) if delivery.state == DeliveryState::Failed => break,
            // The clock stands still, so every wait of the schedule has to be walked through.
            Change::Delivery(delivery) if delivery.attempts > 0 => clock.advance(Duration::from_secs(60)),
            _ => {}
        }
    }
    let received = receiver.received();
    assert_eq!(received.len(), 8);
    let first = received[0].header("svix-timestamp");
    assert_ne!(first, received[7].header("svix-timestamp"));
    assert_eq!(clerk.deliveries()[0].state, DeliveryState::Failed);
}

#[tokio::test]
async fn a_receiver_can_ask_not_to_be_sent_a_message_again() {
    let (clerk, receiver) = wired().await;
    receiver.answer_with(400, "webhook-delivery", "abort-message");
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(clerk.deliveries()[0].state, DeliveryState::Aborted);
}

#[tokio::test]
async fn a_receiver_can_have_its_endpoint_switched_off() {
    let (clerk, receiver) = wired().await;
    receiver.answer_with(410, "webhook-delivery", "disable");
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!((receiver.received().len(), clerk.deliveries().len()), (1, 1));
}

#[tokio::test]
async fn the_log_forgets_the_oldest() {
    let receiver = Receiver::start().await;
    let clerk = Clerk::start_with(|config| config.delivery_log_size = 3).await;
    clerk.set_webhook_url(Some(&receiver.url())).unwrap();
    let users: Vec<_> = (0..5).map(|_| clerk.create_user(NewUser::new()).unwrap()["id"].clone()).collect();
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received().len(), 5);
    let logged: Vec<_> = clerk.deliveries().iter().map(|delivery| json!(delivery.user_id)).collect();
    assert_eq!(logged, users[2..]);
}

#[tokio::test]
async fn a_receiver_that_is_too_slow_has_failed() {
    let receiver = Receiver::start().await;
    let clerk = Clerk::start_with(|config| {
        config.webhook_timeout = Duration::from_millis(500);
        config.time_scale = 100_000.0;
    })
    .await;
    clerk.set_webhook_url(Some(&receiver.url())).unwrap();
    receiver.answer(0);
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(clerk.deliveries()[0].state, DeliveryState::Delivered);
}

#[tokio::test]
async fn while_secrets_rotate_both_sign() {
    let (clerk, receiver) = wired().await;
    let old = clerk.config().webhook_secrets[0].clone();
    let new = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned();
    clerk.set_webhook_secrets(&[new.clone(), old.clone()]).unwrap();
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    let received = &receiver.received()[0];
    assert_eq!(received.header("svix-signature").split(' ').count(), 2);
    for secret in [old, new] {
        Webhook::new(&secret).unwrap().verify(&received.body, &received.headers).unwrap();
    }
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_pending() {
    let clerk = Clerk::start().await;
    clerk.create_user(NewUser::new()).unwrap();
    clerk.deliveries_settled().await;
    assert!(clerk.deliveries().is_empty());
}

#[tokio::test]
async fn taking_the_endpoint_away_stops_what_is_pending() {
    let receiver = Receiver::start().await;
    let clerk = Clerk::start_with(|config| config.time_scale = 1.0).await;
    clerk.set_webhook_url(Some(&receiver.url())).unwrap();
    receiver.answer(500);
    let mut changes = clerk.subscribe();
    clerk.create_user(NewUser::new()).unwrap();
    while !matches!(changes.recv().await.unwrap(), Change::Delivery(delivery) if delivery.attempts == 1) {}
    clerk.set_webhook_url(None).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!(clerk.deliveries()[0].state, DeliveryState::Cancelled);
}

#[tokio::test]
async fn anything_can_be_sent() {
    let (clerk, receiver) = wired().await;
    clerk.send_event("waitlistEntry.created", json!({ "id": "wle_1" }));
    clerk.deliveries_settled().await;
    assert_eq!(clerk.deliver_raw("msg_odd", "not json").await, Some(204));
    let received = receiver.received();
    assert_eq!(received[0].json()["type"], "waitlistEntry.created");
    assert_eq!(&received[1].body[..], b"not json");
    let webhook = Webhook::new(&clerk.config().webhook_secrets[0]).unwrap();
    webhook.verify(&received[1].body, &received[1].headers).unwrap();
    clerk.resend(received[0].header("svix-id")).unwrap();
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received()[2].header("svix-id"), received[0].header("svix-id"));
}

#[tokio::test]
async fn many_changes_are_all_delivered() {
    let (clerk, receiver) = wired().await;
    for n in 0..300 {
        clerk.create_user(NewUser::new().email(format!("{n}@example.com"))).unwrap();
    }
    clerk.deliveries_settled().await;
    assert_eq!(receiver.received().len(), 300);
    assert!(clerk.deliveries().iter().all(|delivery| delivery.state == DeliveryState::Delivered));
}
