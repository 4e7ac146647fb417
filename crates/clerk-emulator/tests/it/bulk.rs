use std::collections::BTreeSet;

use clerk_emulator::{BulkUsers, NewUser};
use serde_json::json;

use crate::harness::{Clerk, NOON};
use crate::receiver::wired;

#[tokio::test]
async fn crowds_are_made_without_events() {
    let (clerk, receiver) = wired().await;
    let bulk = json!({ "count": 1_200, "created_at_from": NOON, "created_at_step_ms": 2, "prefix": "p" });
    assert_eq!(clerk.post("/__emulator/users/bulk", bulk).await.body, json!({ "created": 1_200 }));
    let users = clerk.get("/v1/users?limit=500&order_by=created_at").await.body;
    let (first, second) = (&users[0], &users[1]);
    assert_eq!((&first["created_at"], &first["updated_at"]), (&json!(NOON), &json!(NOON)));
    assert_eq!(second["created_at"], json!(NOON + 2));
    assert_eq!(first["email_addresses"][0]["email_address"], "p0@example.com");
    assert_eq!(first["primary_email_address_id"], first["email_addresses"][0]["id"]);
    assert_eq!((&first["first_name"], &second["last_name"]), (&json!("Ada"), &json!("Hopper")));
    assert_eq!((&first["has_image"], &second["has_image"]), (&json!(true), &json!(false)));
    let size = users.to_string().len() / 500;
    assert!((2_400..2_800).contains(&size), "{size} bytes");

    // The numbers go on, so a second crowd meets no address of the first.
    let same = json!({ "count": 100, "created_at_from": NOON, "created_at_step_ms": 0, "prefix": "p" });
    assert_eq!(clerk.post("/__emulator/users/bulk", same).await.status, 200);
    assert_eq!(clerk.user_count(), 1_300);
    assert_eq!(
        clerk.get("/v1/users?email_address=p1299@example.com").await.body[0]["created_at"],
        json!(NOON)
    );
    clerk.deliveries_settled().await;
    assert!(receiver.received().is_empty() && clerk.deliveries().is_empty());
}

#[tokio::test]
async fn crowds_follow_from_the_seed() {
    let ids = async || {
        let clerk = Clerk::start().await;
        let mut bulk = BulkUsers::new(20);
        bulk.created_at_from = Some(NOON);
        clerk.bulk_users(&bulk).unwrap();
        clerk.get("/v1/users?limit=500").await.ids()
    };
    assert_eq!(ids().await, ids().await);
    let clerk = Clerk::start().await;
    assert!(clerk.bulk_users(&BulkUsers::new(BulkUsers::MOST + 1)).is_err());
    let unknown = clerk.post("/__emulator/users/bulk", json!({ "count": 1, "sufix": "x" })).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn many_users_change_and_go_with_or_without_events() {
    let (clerk, receiver) = wired().await;
    clerk.bulk_users(&BulkUsers::new(10)).unwrap();
    let before = clerk.get("/v1/users?limit=10&order_by=created_at").await.body;
    let ids: Vec<_> = (0..10).map(|n| before[n]["id"].as_str().unwrap().to_owned()).collect();
    let with_stranger = json!({ "ids": [ids[0], ids[1], "user_nobody"] });
    for number in [2, 3] {
        let changed = clerk.post("/__emulator/users/bulk_change", with_stranger.clone()).await.body;
        assert_eq!(changed, json!({ "changed": 2 }));
        let user = clerk.user(&ids[0]).unwrap();
        let name = before[0]["first_name"].as_str().unwrap();
        assert_eq!(user["first_name"], format!("{name} {number}"));
        assert!(user["updated_at"].as_i64() > before[0]["updated_at"].as_i64());
    }
    assert_eq!(clerk.user(&ids[2]).unwrap(), before[2]);
    let deleted = clerk.post("/__emulator/users/bulk_delete", with_stranger).await.body;
    assert_eq!(deleted, json!({ "deleted": 2 }));
    assert_eq!(clerk.user_count(), 8);
    clerk.deliveries_settled().await;
    assert!(receiver.received().is_empty());

    let loud = json!({ "ids": [ids[2]], "webhooks": true });
    clerk.post("/__emulator/users/bulk_change", loud.clone()).await;
    clerk.post("/__emulator/users/bulk_delete", loud).await;
    clerk.deliveries_settled().await;
    let types: BTreeSet<_> = receiver.types().into_iter().collect();
    assert_eq!(types, BTreeSet::from(["user.updated".to_owned(), "user.deleted".to_owned()]));
}

#[tokio::test]
async fn a_silent_deletion_takes_everything_along() {
    let clerk = Clerk::start().await;
    let user = clerk.create_user(NewUser::new().email("ada@example.com")).unwrap();
    let id = user["id"].as_str().unwrap().to_owned();
    let organization = clerk.create_organization("Engines", Some(&id)).unwrap();
    let session = clerk.start_session(&id, None).unwrap();
    assert_eq!(clerk.bulk_delete(&[id], false), 1);
    assert_eq!(clerk.get(&format!("/v1/sessions/{session}")).await.status, 404);
    let members = format!("/v1/organizations/{}/memberships", organization["id"].as_str().unwrap());
    assert_eq!(clerk.get(&members).await.body["total_count"], 0);
    clerk.create_user(NewUser::new().email("ada@example.com")).unwrap();
}
