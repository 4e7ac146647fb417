use std::collections::BTreeSet;

use clerk_emulator::NewUser;
use serde_json::Value;

use crate::harness::{Clerk, NOON};

/// Users of whom many share a moment, some have names that a filter finds, and all have times of change of their own.
async fn crowd(inclusive: bool) -> Clerk {
    let clerk = Clerk::start_with(|config| config.inclusive_time_filters = inclusive).await;
    let users = (0..400).map(|n: i64| {
        NewUser::new()
            .first_name(if n % 3 == 0 { "Ada" } else { "Bob" })
            .created_at(NOON + (n * n) % 17)
            .updated_at(NOON + (n * 31) % 211)
    });
    clerk.import_users(users).unwrap();
    clerk
}

async fn walk(clerk: &Clerk, query: &str, limit: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = clerk.get(&format!("/v1/users?limit={limit}&{query}{after}")).await.ids();
        let Some(last) = page.last() else { return seen };
        after = format!("&starting_after={last}");
        seen.extend(page);
    }
}

#[tokio::test]
async fn a_walk_through_one_millisecond_sees_everyone_once() {
    let clerk = Clerk::start().await;
    clerk.import_users((0..600).map(|_| NewUser::new().created_at(NOON))).unwrap();
    for order in ["created_at", "-created_at"] {
        for window in ["", "&created_at_after=0", "&created_at_before=9000000000000"] {
            let seen = walk(&clerk, &format!("order_by={order}{window}"), 37).await;
            assert_eq!(seen.len(), 600, "{order}{window}");
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 600, "{order}{window}");
        }
    }
}

#[tokio::test]
async fn descending_is_ascending_backwards() {
    let clerk = crowd(false).await;
    for order in ["updated_at", "created_at"] {
        let mut up = clerk.get(&format!("/v1/users?limit=500&order_by={order}")).await.ids();
        let mut down = Vec::new();
        while down.len() < 400 {
            let page = format!("/v1/users?limit=50&offset={}&order_by=-{order}", down.len());
            down.extend(clerk.get(&page).await.ids());
        }
        up.reverse();
        assert_eq!(down, up, "{order}");
    }
}

#[tokio::test]
async fn windows_agree_with_a_filter_of_everyone() {
    for inclusive in [false, true] {
        let clerk = crowd(inclusive).await;
        let everyone = clerk.get("/v1/users?limit=500&order_by=created_at").await.body;
        let everyone = everyone.as_array().unwrap();
        for (after, before) in [(-1, 20), (3, 9), (5, 5), (5, 6), (5, 7), (9, 3), (16, 40), (-9, 0)] {
            let (after, before) = (NOON + after, NOON + before);
            let window = format!("created_at_after={after}&created_at_before={before}");
            let within = |user: &&Value| {
                let at = user["created_at"].as_i64().unwrap();
                if inclusive { after <= at && at <= before } else { after < at && at < before }
            };
            let ids = |users: Vec<&Value>| -> Vec<_> {
                users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
            };
            let expected = ids(everyone.iter().filter(within).collect());
            assert_eq!(walk(&clerk, &format!("order_by=created_at&{window}"), 11).await, expected);
            let mut backwards = walk(&clerk, &format!("order_by=-created_at&{window}"), 11).await;
            backwards.reverse();
            assert_eq!(backwards, expected);
            let changed = clerk.get(&format!("/v1/users?limit=500&order_by=updated_at&{window}")).await.ids();
            assert_eq!(changed.iter().collect::<BTreeSet<_>>(), expected.iter().collect());
            let count = async |query: &str| {
                clerk.get(&format!("/v1/users/count?{query}")).await.body["total_count"].as_u64().unwrap()
            };
            assert_eq!(count(&window).await, expected.len() as u64);
            let adas = everyone.iter().filter(within).filter(|user| user["first_name"] == "Ada").count();
            assert_eq!(count(&format!("{window}&name_query=ada")).await, adas as u64);
        }
    }
}
