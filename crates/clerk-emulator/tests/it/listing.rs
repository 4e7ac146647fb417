use std::collections::BTreeSet;

use clerk_emulator::{DeletedCursor, NewUser, UserChange};
use serde_json::json;

use crate::harness::{Clerk, NOON};

/// Users in threes that share their `created_at`.
async fn populated(count: i64) -> Clerk {
    let clerk = Clerk::start().await;
    let users = (0..count).map(|n| {
        NewUser::new()
            .email(format!("user{n}@example.com"))
            .first_name(format!("Name{n:03}"))
            .created_at(NOON + n / 3)
            .updated_at(NOON + 10_000 - n)
    });
    clerk.import_users(users).unwrap();
    clerk
}

#[tokio::test]
async fn the_list_is_a_bare_array_of_the_ten_newest() {
    let clerk = populated(30).await;
    let reply = clerk.get("/v1/users").await;
    let users = reply.body.as_array().unwrap();
    assert_eq!(users.len(), 10);
    assert!(users.windows(2).all(|pair| pair[0]["created_at"].as_i64() >= pair[1]["created_at"].as_i64()));
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(clerk.get("/v1/users?limit=501").await.ids().len(), 10);
    assert_eq!(clerk.get("/v1/users?limit=500").await.ids().len(), 30);
    assert_eq!(
        clerk.get("/v1/users/count").await.body,
        json!({ "object": "total_count", "total_count": 30 })
    );
}

#[tokio::test]
async fn a_cursor_walk_sees_everyone_once_in_both_directions() {
    let clerk = populated(100).await;
    for order in ["%2Bcreated_at", "-created_at"] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = clerk.get(&format!("/v1/users?limit=7&order_by={order}{after}")).await.ids();
            let Some(last) = page.last() else { break };
            after = format!("&starting_after={last}");
            seen.extend(page);
        }
        assert_eq!(seen.len(), 100);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 100);
    }
}

#[tokio::test]
async fn the_order_of_equals_means_nothing_but_is_stable() {
    let clerk = Clerk::start().await;
    let made: Vec<_> = (0..30).map(|n| format!("user_{n:027}")).collect();
    let users = made.iter().map(|id| NewUser::new().id(id).created_at(NOON).updated_at(NOON));
    clerk.import_users(users).unwrap();
    let listed = clerk.get("/v1/users?limit=30&order_by=created_at").await.ids();
    assert_ne!(listed, made);
    assert_eq!(listed, clerk.get("/v1/users?limit=30&order_by=%2Bcreated_at").await.ids());
}

#[tokio::test]
async fn a_cursor_belongs_to_created_at_and_excludes_an_offset() {
    let clerk = populated(5).await;
    let id = clerk.get("/v1/users").await.ids()[0].clone();
    for query in [
        format!("order_by=-updated_at&starting_after={id}"),
        format!("offset=1&starting_after={id}"),
        "starting_after=user_nobody".to_owned(),
    ] {
        let reply = clerk.get(&format!("/v1/users?{query}")).await;
        assert_eq!((reply.status, reply.param()), (422, "starting_after"), "{query}");
    }
    assert_eq!(clerk.get(&format!("/v1/users?offset=0&starting_after={id}")).await.ids().len(), 4);
}

#[tokio::test]
async fn what_a_deleted_cursor_does_can_be_chosen() {
    for (choice, status, left) in
        [(DeletedCursor::Refused, 422, 0), (DeletedCursor::Empty, 200, 0), (DeletedCursor::Continues, 200, 2)]
    {
        let clerk = Clerk::start_with(|config| config.deleted_cursor = choice).await;
        clerk.import_users((0..5).map(|n| NewUser::new().created_at(NOON + n))).unwrap();
        let id = clerk.get("/v1/users?order_by=created_at").await.ids()[2].clone();
        clerk.delete_user(&id).unwrap();
        let reply = clerk.get(&format!("/v1/users?order_by=created_at&starting_after={id}")).await;
        assert_eq!(reply.status, status, "{choice:?}");
        if status == 200 {
            assert_eq!(reply.ids().len(), left, "{choice:?}");
        }
    }
}

#[tokio::test]
async fn every_documented_order_is_taken_both_ways() {
    let clerk = Clerk::start().await;
    let user = |n: i64| {
        NewUser::new()
            .email(format!("{n}@example.com"))
            .phone(format!("+1555555010{n}"))
            .wallet(format!("0x{n}"))
            .username(format!("name_{n}"))
            .first_name(format!("F{n}"))
            .last_name(format!("L{n}"))
            .created_at(NOON + n)
            .updated_at(NOON + n)
            .last_active_at(NOON + n * 86_400_000)
            .last_sign_in_at(NOON + n)
    };
    clerk.import_users([user(2), user(0), user(1)]).unwrap();
    for order in [
        "created_at",
        "updated_at",
        "email_address",
        "web3wallet",
        "first_name",
        "last_name",
        "phone_number",
        "username",
        "last_active_at",
        "last_sign_in_at",
    ] {
        let names = async |prefix: &str| {
            let body = clerk.get(&format!("/v1/users?order_by={prefix}{order}")).await.body;
            let users = body.as_array().unwrap().clone();
            users.iter().map(|user| user["first_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("").await, ["F0", "F1", "F2"], "{order}");
        assert_eq!(names("%2B").await, ["F0", "F1", "F2"], "+{order}");
        assert_eq!(names("-").await, ["F2", "F1", "F0"], "-{order}");
    }
    for order in ["web3_wallet", "+created_at", "id"] {
        assert_eq!(clerk.get(&format!("/v1/users?order_by={order}")).await.param(), "order_by", "{order}");
    }
}

#[tokio::test]
async fn a_change_moves_a_user_to_the_head_of_updated_at() {
    let clerk = populated(20).await;
    let id = clerk.get("/v1/users?order_by=created_at").await.ids()[3].clone();
    clerk.update_user(&id, UserChange::new().first_name("Moved")).unwrap();
    assert_eq!(clerk.get("/v1/users?order_by=-updated_at&limit=1").await.ids(), [id]);
}

#[tokio::test]
async fn filters_include_and_exclude() {
    let clerk = populated(9).await;
    let ids = clerk.get("/v1/users?order_by=created_at").await.ids();
    let (a, b) = (&ids[0], &ids[1]);
    let count = async |query: &str| {
        let listed = clerk.get(&format!("/v1/users?limit=500&{query}")).await;
        assert_eq!(listed.status, 200, "{query}: {}", listed.body);
        let counted = clerk.get(&format!("/v1/users/count?{query}")).await.body["total_count"].as_u64();
        assert_eq!(counted, Some(listed.ids().len() as u64), "{query}");
        listed.ids().len()
    };
    assert_eq!(count(&format!("user_id={a}&user_id=%2B{b}&user_id=user_nobody")).await, 2);
    assert_eq!(count(&format!("user_id=-{a}")).await, 8);
    assert_eq!(count(&format!("user_id={a}&user_id=-{a}")).await, 0);
    assert_eq!(count("email_address=USER3@example.com&email_address=user4@example.com").await, 2);
    assert_eq!(count("query=name00").await, 9);
    assert_eq!(count("email_address_query=user3").await, 1);
    assert_eq!(count("name_query=NAME004").await, 1);
    assert_eq!(count("phone_number_query=555").await, 0);
    assert_eq!(count("banned=true").await, 0);
    assert_eq!(count(&format!("created_at_after={}", NOON)).await, 6);
    assert_eq!(count(&format!("created_at_before={}", NOON + 1)).await, 3);
    assert_eq!(count("last_active_at_after=0").await, 0);
    let many: Vec<_> = (0..101).map(|n| format!("user_id=user_{n}")).collect();
    assert_eq!(clerk.get(&format!("/v1/users?{}", many.join("&"))).await.param(), "user_id");
    assert_eq!(clerk.get("/v1/users?provider=google").await.param(), "provider_user_id");
}

#[tokio::test]
async fn rarer_filters_find_their_users() {
    let clerk = Clerk::start().await;
    let account =
        json!({ "object": "google_account", "provider": "oauth_google", "provider_user_id": "g-1" });
    let ada = NewUser::new().external_id("ext-1").username("ada_l").banned(true).external_account(account);
    let ada = clerk.create_user(ada.last_sign_in_at(NOON).last_active_at(NOON)).unwrap();
    let ada = ada["id"].as_str().unwrap();
    let bob = clerk.create_user(NewUser::new().phone("+15555550100").external_id("ext-2")).unwrap();
    let bob = bob["id"].as_str().unwrap();
    let body = json!({ "name": "Engines", "created_by": ada });
    let organization = clerk.post("/v1/organizations", body).await.id().to_owned();
    for (query, expected) in [
        ("external_id=ext-1".to_owned(), ada),
        ("external_id=-ext-1".to_owned(), bob),
        ("username=ADA_L".to_owned(), ada),
        ("username_query=da_".to_owned(), ada),
        ("banned=true".to_owned(), ada),
        ("banned=false".to_owned(), bob),
        ("phone_number=%2B15555550100".to_owned(), bob),
        ("provider=google&provider_user_id=g-1".to_owned(), ada),
        (format!("organization_id={organization}"), ada),
        (format!("organization_id=-{organization}"), bob),
        (format!("last_sign_in_at_after={}", NOON - 1), ada),
        (format!("last_active_at_since={NOON}"), ada),
        (format!("last_active_at_before={NOON}"), ada),
    ] {
        assert_eq!(clerk.get(&format!("/v1/users?{query}")).await.ids(), [expected], "{query}");
    }
}
