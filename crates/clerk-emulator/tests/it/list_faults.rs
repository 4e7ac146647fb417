use clerk_emulator::{BulkUsers, DeletedCursor, Fault, FaultKind};
use serde_json::json;

use crate::harness::{Clerk, NOON};

/// Thirty users of whom nothing is wrong yet, and their ids from the oldest on.
async fn thirty() -> (Clerk, Vec<String>) {
    let clerk = Clerk::start().await;
    let mut bulk = BulkUsers::new(30);
    bulk.created_at_from = Some(NOON);
    clerk.bulk_users(&bulk).unwrap();
    let ids = clerk.get("/v1/users?limit=500&order_by=created_at").await.ids();
    (clerk, ids)
}

const LIST: &str = "/v1/users?order_by=created_at&limit=5";

#[tokio::test]
async fn a_list_can_be_empty_once() {
    let (clerk, ids) = thirty().await;
    clerk.post("/__emulator/faults", json!({ "kind": "empty_list", "times": 1 })).await;
    assert_eq!(clerk.get(LIST).await.body, json!([]));
    assert_eq!(clerk.get(LIST).await.ids(), ids[..5]);
}

#[tokio::test]
async fn a_page_can_come_again() {
    let (clerk, ids) = thirty().await;
    clerk.post("/__emulator/faults", json!({ "kind": "repeated_page", "times": 3 })).await;
    // Without a cursor or an offset nothing is repeated, and nothing is used up.
    assert_eq!(clerk.get(LIST).await.ids(), ids[..5]);
    for start in [format!("starting_after={}", ids[4]), "offset=5".to_owned(), "offset=10".to_owned()] {
        assert_eq!(clerk.get(&format!("{LIST}&{start}")).await.ids(), ids[..5], "{start}");
    }
    assert_eq!(clerk.get(&format!("{LIST}&offset=5")).await.ids(), ids[5..10]);

    // In an order that nobody has asked for yet it is the first page.
    clerk.add_fault(Fault::new(FaultKind::RepeatedPage).times(1));
    let first = clerk.get("/v1/users?order_by=-updated_at&limit=5&offset=5").await.ids();
    assert_eq!(first, clerk.get("/v1/users?order_by=-updated_at&limit=5").await.ids());
}

#[tokio::test]
async fn a_cursor_can_vanish_although_its_user_is_there() {
    let (clerk, ids) = thirty().await;
    let list = format!("{LIST}&starting_after={}", ids[4]);
    for (choice, status, left) in [
        (DeletedCursor::Refused, 422, &ids[..0]),
        (DeletedCursor::Empty, 200, &ids[..0]),
        (DeletedCursor::Continues, 200, &ids[5..10]),
    ] {
        clerk.set_deleted_cursor(choice);
        clerk.add_fault(Fault::new(FaultKind::VanishedCursor).times(1));
        // The first page has no cursor.
        assert_eq!(clerk.get(LIST).await.ids(), ids[..5]);
        let reply = clerk.get(&list).await;
        assert_eq!(reply.status, status, "{choice:?}");
        if status == 200 {
            assert_eq!(reply.ids(), left, "{choice:?}");
        }
        assert_eq!(clerk.get(&list).await.ids(), ids[5..10]);
    }
}

#[tokio::test]
async fn a_cursor_and_a_window_can_be_too_much_together() {
    let (clerk, ids) = thirty().await;
    clerk.post("/__emulator/faults", json!({ "kind": "refused_filter_with_cursor" })).await;
    let (cursor, window) = (format!("&starting_after={}", ids[4]), format!("&created_at_after={NOON}"));
    let both = clerk.get(&format!("{LIST}{cursor}{window}")).await;
    assert_eq!((both.status, both.param()), (422, "starting_after"));
    assert_eq!(clerk.get(&format!("{LIST}{cursor}")).await.ids(), ids[5..10]);
    assert_eq!(clerk.get(&format!("{LIST}{window}")).await.ids(), ids[1..6]);
    clerk.clear_faults();
    assert_eq!(clerk.get(&format!("{LIST}{cursor}{window}")).await.ids(), ids[5..10]);
}

#[tokio::test]
async fn counts_can_be_wrong() {
    let (clerk, _) = thirty().await;
    let count = async || clerk.get("/v1/users/count").await.body["total_count"].clone();
    for (off_by, total) in [(3, 33), (-2, 28), (-100, 0)] {
        clerk
            .post("/__emulator/faults", json!({ "kind": "wrong_count", "off_by": off_by, "times": 1 }))
            .await;
        assert_eq!(count().await, total);
    }
    assert_eq!(count().await, 30);
}

#[tokio::test]
async fn a_page_can_hold_users_nobody_asked_for() {
    let (clerk, ids) = thirty().await;
    clerk.post("/__emulator/faults", json!({ "kind": "surplus_rows", "rows": 2, "times": 1 })).await;
    let window = format!("{LIST}&created_at_after={}", NOON + 9);
    let expected = [&ids[10..15], &ids[..2]].concat();
    assert_eq!(clerk.get(&window).await.ids(), expected);
    assert_eq!(clerk.get(&window).await.ids(), ids[10..15]);
    clerk.post("/__emulator/faults", json!({ "kind": "surplus_rows", "times": 1 })).await;
    assert_eq!(clerk.get(LIST).await.ids(), ids[..15]);
}

#[tokio::test]
async fn a_page_can_be_in_disorder() {
    let (clerk, ids) = thirty().await;
    clerk.add_fault(Fault::new(FaultKind::ShuffledPage).times(20));
    for _ in 0..20 {
        let mut page = clerk.get(LIST).await.ids();
        assert_ne!(page, ids[..5]);
        page.sort();
        let mut expected = ids[..5].to_vec();
        expected.sort();
        assert_eq!(page, expected);
    }
    assert_eq!(clerk.get(LIST).await.ids(), ids[..5]);
}

#[tokio::test]
async fn trouble_can_be_limited_to_lists_alone() {
    let (clerk, ids) = thirty().await;
    let (one, count) = (format!("/v1/users/{}", ids[0]), "/v1/users/count");
    let burst = json!({ "kind": "api_too_many_requests", "retry_after": 1, "exact_path": "/v1/users", "method": "GET" });
    clerk.post("/__emulator/faults", burst).await;
    for (path, status) in [(LIST, 429), (&one, 200), (count, 200), ("/v1/instance", 200)] {
        assert_eq!(clerk.get(path).await.status, status, "{path}");
    }
    assert_eq!(clerk.post("/v1/users", json!({})).await.status, 200);
    clerk.clear_faults();
    // Faults of lists and counts heed the path too.
    clerk.add_fault(Fault::new(FaultKind::ShortList { keep: 1 }).exact_path("/v1/users"));
    clerk.add_fault(Fault::new(FaultKind::WrongCount { off_by: 1 }).exact_path("/v1/users"));
    assert_eq!(clerk.get(LIST).await.ids().len(), 1);
    assert_eq!(clerk.get(count).await.body["total_count"], 31);
    let classes = clerk.get("/__emulator/stats").await.body;
    assert_eq!(classes["classes"]["user_lists"], json!({ "let_in": 2, "too_many_requests": 1 }));
    assert_eq!(classes["classes"]["user_counts"], json!({ "let_in": 2, "too_many_requests": 0 }));
    assert_eq!(classes["classes"]["user_reads"]["let_in"], 1);
    assert_eq!(classes["classes"]["instance"]["let_in"], 1);
    assert_eq!(classes["peak_per_10s"], 7);
}

#[tokio::test]
async fn lists_can_be_answered_otherwise_while_it_runs() {
    let (clerk, ids) = thirty().await;
    let window = format!("{LIST}&created_at_after={NOON}");
    assert_eq!(clerk.get(&window).await.ids(), ids[1..6]);
    clerk.delete_user(&ids[4]).unwrap();
    let after = format!("{LIST}&starting_after={}", ids[4]);
    assert_eq!(clerk.get(&after).await.status, 422);
    let settings = json!({ "deleted_cursor": "continues", "inclusive_time_filters": true });
    assert_eq!(clerk.put("/__emulator/lists", settings).await.status, 204);
    assert_eq!(clerk.get(&window).await.ids()[..4], ids[..4]);
    assert_eq!(clerk.get(&after).await.ids(), ids[5..10]);
    clerk.put("/__emulator/lists", json!({ "deleted_cursor": "empty" })).await;
    assert_eq!(clerk.get(&after).await.body, json!([]));
    assert_eq!(clerk.get(&window).await.ids()[..4], ids[..4], "what is not named stays");
    let wrong = clerk.put("/__emulator/lists", json!({ "deleted_cursor": "ignored" })).await;
    assert_eq!((wrong.status, wrong.param()), (422, "deleted_cursor"));
    clerk.reset();
    assert_eq!(clerk.get(&after).await.status, 422);
}

#[tokio::test]
async fn lists_are_compressed_for_those_who_ask_unless_told_not_to() {
    let (clerk, _) = thirty().await;
    let raw = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let get = async |encoding: &str| {
        let request = raw.get(format!("{}{LIST}", clerk.url())).header("accept-encoding", encoding);
        let response = request.bearer_auth(&clerk.config().secret_key).send().await.unwrap();
        let compressed = response.headers().get("content-encoding").is_some_and(|value| value == "gzip");
        (compressed, response.bytes().await.unwrap().len())
    };
    let (compressed, small) = get("gzip, deflate").await;
    let (plain, large) = get("identity").await;
    assert!(compressed && !plain && small * 3 < large, "{small} of {large}");
    assert!(clerk.get(LIST).await.ids().len() == 5, "a client that unpacks");
    clerk.put("/__emulator/lists", json!({ "compress": false })).await;
    assert_eq!(get("gzip").await, (false, large));
}
