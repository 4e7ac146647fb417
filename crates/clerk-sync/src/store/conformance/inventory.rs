//! What is stored can be listed, in the orders in which it is compared with Clerk.

use super::*;
use crate::{
    rule::State,
    store::{Living, conformance::Fixture},
};

/// Of `id`, created at `created_at` or who knows when.
fn created(id: &str, created_at: Option<i64>) -> Observation {
    let mut observation = seen(id, 5);
    observation.created_at = created_at;
    observation
}

fn living(created_at: i64, id: &str) -> Living {
    Living { created_at, user: user(id) }
}

/// Some at the same moment, one gone, one provisional, one whose moment is not known.
async fn populate(store: &Arc<dyn Store>) {
    let mut provisional = created("user_e", Some(30));
    provisional.claim.version.state = State::Provisional;
    let batch = [
        created("user_b", Some(20)),
        created("user_A", Some(20)),
        created("user_a", Some(20)),
        created("user_c", Some(10)),
        created("user_d", Some(25)),
        provisional,
        created("user_g", None),
        created("user_F", None),
        created("user_z", Some(-5)),
    ];
    commit(store, &batch).await;
    commit(store, &[gone("user_d", 9), gone("user_never", 9)]).await;
}

/// Entry and row side by side; an entry without a row and a row without an entry too, and nothing of the unknown.
pub async fn stored_users_are_seen_whole(fixture: &impl Fixture) {
    let store = fixture.store();
    populate(&store).await;
    assert_eq!(store.stored(&[]).await.unwrap(), []);
    let ids = ["user_a", "user_d", "user_unknown", "user_g", "user_A"].map(user);
    let mut found = store.stored(&ids).await.unwrap();
    found.sort_by(|one, other| one.user.cmp(&other.user));
    let users: Vec<_> = found.iter().map(|stored| stored.user.as_str()).collect();
    assert_eq!(users, ["user_A", "user_a", "user_d", "user_g"]);
    for stored in &found {
        assert_eq!(stored.entry, store.entry(&stored.user).await.unwrap());
        assert_eq!(stored.row, store.row(&stored.user).await.unwrap());
        assert_eq!(stored.row.is_none(), stored.user == user("user_d"));
    }
    if !fixture.run_sql("delete from users where clerk_id = 'user_a'").await {
        return;
    }
    fixture.run_sql("insert into users (clerk_id, username) values ('user_unknown', 'by hand')").await;
    let found = store.stored(&ids).await.unwrap();
    let of = |id: &str| found.iter().find(|stored| stored.user == user(id)).expect("stored");
    assert!(of("user_a").entry.is_some() && of("user_a").row.is_none());
    assert!(of("user_unknown").entry.is_none());
    assert_eq!(of("user_unknown").row.as_ref().unwrap()[USERNAME], Value::Text("by hand".to_owned()));
    assert!(of("user_A").row.is_some());
}

/// As many as a page of Clerk's holds, with every kind of value.
pub async fn five_hundred_are_stored_at_once(fixture: &impl Fixture) {
    let store = fixture.store();
    let batch: Vec<_> = (0..500).map(|i| seen(&format!("user_{i}"), i + 1)).collect();
    commit(&store, &batch).await;
    let users: Vec<_> = batch.iter().map(|observation| observation.user.clone()).collect();
    for count in [500, 499, 65, 3] {
        let found = store.stored(&users[..count]).await.unwrap();
        assert_eq!(found.len(), count);
        for stored in &found {
            let written =
                batch.iter().find(|observation| observation.user == stored.user).expect("asked for");
            assert_eq!(stored.row, written.row);
            assert_eq!(stored.entry.map(|entry| entry.standing.version), Some(written.claim.version));
        }
    }
}

/// By `created_at` and then id, page after page, between two moments.
pub async fn the_living_are_listed_by_creation(fixture: &impl Fixture) {
    let store = fixture.store();
    populate(&store).await;
    let all = [
        living(-5, "user_z"),
        living(10, "user_c"),
        living(20, "user_A"),
        living(20, "user_a"),
        living(20, "user_b"),
        living(30, "user_e"),
    ];
    assert_eq!(store.living(i64::MIN, None, None, 100).await.unwrap(), all);
    assert_eq!(store.living(10, Some(30), None, 100).await.unwrap(), all[1..5]);
    assert_eq!(store.living(11, Some(20), None, 100).await.unwrap(), []);
    assert_eq!(store.living(30, Some(31), None, 100).await.unwrap(), all[5..]);
    assert_eq!(store.living(30, Some(30), None, 100).await.unwrap(), []);
    assert_eq!(
        store.living(20, None, Some(&all[1]), 100).await.unwrap(),
        all[2..],
        "a place before the range"
    );
    assert_eq!(
        store.living(0, None, Some(&living(25, "user_d")), 100).await.unwrap(),
        all[5..],
        "nobody's place"
    );
    for size in [1, 2, 3] {
        let mut listed = Vec::new();
        loop {
            let page = store.living(0, Some(31), listed.last(), size).await.unwrap();
            assert!(page.len() <= size as usize);
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, all[1..], "pages of {size}");
    }
}

/// Those without a `created_at`, by id.
pub async fn the_undated_are_listed_by_id(fixture: &impl Fixture) {
    let store = fixture.store();
    populate(&store).await;
    commit(&store, &[created("user_h", None)]).await;
    let mut listed: Vec<UserId> = Vec::new();
    loop {
        let page = store.undated(listed.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, ["user_F", "user_g", "user_h"].map(user));
    assert_eq!(store.undated(None, 1).await.unwrap(), [user("user_F")]);
}

/// Rows of users who are unknown or gone, by id. What cannot be Clerk's is left out, however much there is of it.
pub async fn strays_are_found_among_other_rows(fixture: &impl Fixture) {
    let store = fixture.store();
    populate(&store).await;
    assert_eq!(store.strays(None, 100).await.unwrap(), []);
    for id in
        ["user_d", "user_B", "user_x", "user_never", "not an id", "", "a b", "user_\u{e9}", "..", "user_x y"]
    {
        if !fixture.run_sql(&format!("insert into users (clerk_id) values ('{id}')")).await {
            return;
        }
    }
    let strays = ["user_B", "user_d", "user_never", "user_x"].map(user);
    assert_eq!(store.strays(None, 100).await.unwrap(), strays);
    for size in [1, 2] {
        let mut listed: Vec<UserId> = Vec::new();
        loop {
            let page = store.strays(listed.last(), size).await.unwrap();
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, strays, "pages of {size}");
    }
}

/// Whoever is present or provisional, dated or not.
pub async fn the_living_are_counted(fixture: &impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.living_count().await.unwrap(), 0);
    populate(&store).await;
    assert_eq!(store.living_count().await.unwrap(), 8);
    commit(&store, &[gone("user_a", 99)]).await;
    assert_eq!(store.living_count().await.unwrap(), 7);
}
