//! Values that only one row may hold.

use super::*;
use crate::{
    rule::{Change, Verdict},
    store::{Holder, conformance::Fixture},
};

/// A user of this name, as of `version`.
fn named(id: &str, version: i64, name: &str) -> Observation {
    seen_as(id, version, version, name)
}

async fn holders(store: &Arc<dyn Store>, wanted: &Observation) -> Vec<Holder> {
    store.holders(wanted).await.expect("looked for")
}

/// Everyone found, once each, in order.
async fn holder_ids(store: &Arc<dyn Store>, wanted: &Observation) -> Vec<String> {
    let found = holders(store, wanted).await;
    let mut ids: Vec<String> =
        found.iter().filter_map(|holder| holder.user.as_ref()).map(ToString::to_string).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Under the name of the index and with its columns; nobody for a free value, for one's own, or without an index.
pub async fn who_holds_a_value_is_named(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[named("user_1", 1, "taken"), named("user_2", 1, "other")]).await;
    assert_eq!(holders(&store, &named("user_3", 1, "taken")).await, [], "nothing is unique yet");
    if !fixture.require_unique("username").await {
        return;
    }
    let found = holders(&store, &named("user_3", 1, "taken")).await;
    let [holder] = found.as_slice() else { panic!("one holder, not {found:?}") };
    assert_eq!(holder.user, Some(user("user_1")));
    assert_eq!(holder.columns, ["username"]);
    assert!(holder.constraint.contains("users_by_username"), "{}", holder.constraint);
    assert_eq!(holder_ids(&store, &named("user_1", 1, "taken")).await, [""; 0], "its own");
    assert_eq!(holder_ids(&store, &named("user_3", 1, "free")).await, [""; 0]);
    let awkward = "O'Ada \"\\ %_ 🙂\u{0}";
    // As this store's columns hold it.
    let awkwardly = |id: &str, version: i64| {
        mapped_by(store.mapping(), &json!({"id": id, "updated_at": version, "username": awkward}), version)
    };
    commit(&store, &[awkwardly("user_1", 2)]).await;
    assert_eq!(holder_ids(&store, &awkwardly("user_3", 1)).await, ["user_1"]);
    let nobody = json!({"id": "user_3", "updated_at": 1});
    assert_eq!(holder_ids(&store, &seen_json(&nobody, 1)).await, [""; 0], "nulls are not equal");
}

/// Neither of them is in the other's way, and the feed tells both.
pub async fn values_swap_in_one_transaction(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    commit(&store, &[named("user_1", 1, "one"), named("user_2", 1, "two")]).await;
    let swap = [named("user_2", 2, "one"), named("user_1", 2, "two")];
    assert!(store.commit(&swap).await.expect_err("refused").is_rejection());
    let applied = store.commit_moving(&swap).await.unwrap();
    assert!(applied.iter().all(|applied| applied.verdict == Verdict::Stands && applied.change.is_some()));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("two"));
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("one"));
    assert_eq!(store.row(&user("user_2")).await.unwrap(), swap[0].row, "whole");
    let page = store.changes(0, 10).await.unwrap();
    assert_eq!((page.entries.len(), page.last_number), (4, 4));
    // The same again is nothing new.
    let again = store.commit_moving(&swap).await.unwrap();
    assert!(again.iter().all(|applied| applied.verdict == Verdict::Duplicate), "{again:?}");
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 4);
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("two"));
}

/// A chain of eight that ends where it began, with newcomers on its way.
pub async fn a_ring_moves_on(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    let id = |number: usize| format!("user_{}", number % 8);
    let old: Vec<Observation> = (0..7).map(|i| named(&id(i), 1, &id(i))).collect();
    commit(&store, &old).await;
    let set: Vec<Observation> = (0..8).map(|i| named(&id(i), 2, &id(i + 1))).collect();
    store.commit_moving(&set).await.unwrap();
    for number in 0..8 {
        assert_eq!(username(&store, &id(number)).await, Some(id(number + 1)));
    }
}

/// The row goes before its value is taken, and nothing of it passes on.
pub async fn a_deleted_users_value_is_taken(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    commit(&store, &[named("user_9", 1, "taken")]).await;
    store.commit_moving(&[named("user_1", 2, "taken"), gone("user_9", 2)]).await.unwrap();
    assert_eq!(store.row(&user("user_9")).await.unwrap(), None);
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("taken"));
    let told: Vec<_> = store
        .changes(1, 10)
        .await
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| (entry.user, entry.change))
        .collect();
    assert_eq!(told, [(user("user_1"), Change::Created), (user("user_9"), Change::Deleted)]);
}

/// Who has nothing new keeps its row: its value is not given up.
pub async fn who_is_not_written_keeps_its_values(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    commit(&store, &[named("user_1", 5, "one"), named("user_2", 5, "two")]).await;
    let set = [named("user_1", 3, "old"), named("user_2", 5, "two"), named("user_3", 1, "three")];
    store.commit_moving(&set).await.unwrap();
    for (id, name) in [("user_1", "one"), ("user_2", "two"), ("user_3", "three")] {
        assert_eq!(username(&store, id).await.as_deref(), Some(name));
    }
}

/// Two who want one value: all of it is refused, and nobody has lost a value.
pub async fn a_set_is_written_whole_or_not_at_all(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    commit(&store, &[named("user_1", 1, "one"), named("user_2", 1, "two")]).await;
    let set = [named("user_1", 2, "same"), named("user_2", 2, "same"), named("user_3", 1, "three")];
    let error = store.commit_moving(&set).await.expect_err("refused");
    assert!(error.is_rejection(), "{error}");
    assert!(!error.to_string().contains("same"), "no value in {error}");
    for (id, name) in [("user_1", Some("one")), ("user_2", Some("two")), ("user_3", None)] {
        assert_eq!(username(&store, id).await.as_deref(), name);
    }
    assert_eq!(store.entry(&user("user_3")).await.unwrap(), None);
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 2);
}

/// An index over an expression, compared as the database does.
pub async fn an_index_over_an_expression_counts(fixture: &impl Fixture) {
    let store = fixture.store();
    let sql = match store.name() {
        "MySQL" => {
            "alter table users add column folded varchar(150) generated always as (lower(username)) virtual, \
             add unique index users_folded (folded)"
        }
        "PostgreSQL" => {
            "create unique index users_folded on users (lower(username)) where first_name is not null"
        }
        _ => "create unique index users_folded on users (lower(username))",
    };
    if !fixture.run_sql(sql).await {
        return;
    }
    commit(&store, &[named("user_1", 1, "Ada"), named("user_2", 1, "Bob")]).await;
    assert!(store.commit(&[named("user_3", 1, "ADA")]).await.expect_err("refused").is_rejection());
    assert_eq!(holder_ids(&store, &named("user_3", 1, "aDA")).await, ["user_1"]);
    assert_eq!(holder_ids(&store, &named("user_3", 1, "Eve")).await, [""; 0]);
    store.commit_moving(&[named("user_1", 2, "bOB"), named("user_2", 2, "aDA")]).await.unwrap();
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("bOB"));
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("aDA"));
}

/// An index over two columns: only who has both is in the way. One over a column of the table's own counts, too.
pub async fn an_index_over_several_columns_counts(fixture: &impl Fixture) {
    let store = fixture.store();
    if !fixture.run_sql("create unique index users_both on users (username, score)").await {
        return;
    }
    let scored = |id: &str, version: i64, name: &str, score: i64| {
        let user = json!({
            "id": id, "updated_at": version, "username": name, "public_metadata": {"score": score},
        });
        seen_json(&user, version)
    };
    commit(&store, &[scored("user_1", 1, "ada", 1), scored("user_2", 1, "ada", 2)]).await;
    assert_eq!(holder_ids(&store, &scored("user_3", 1, "ada", 2)).await, ["user_2"]);
    assert_eq!(holder_ids(&store, &scored("user_3", 1, "ada", 3)).await, [""; 0]);
    store.commit_moving(&[scored("user_1", 2, "ada", 2), scored("user_2", 2, "ada", 1)]).await.unwrap();
    assert_eq!(store.row(&user("user_1")).await.unwrap().unwrap()[SCORE], Value::Integer(2));

    let drop =
        if store.name() == "MySQL" { "drop index users_both on users" } else { "drop index users_both" };
    fixture.run_sql(drop).await;
    commit(&store, &[scored("user_1", 3, "eve", 1)]).await;
    fixture.run_sql("alter table users add column tenant varchar(20) default 'ours'").await;
    fixture.run_sql("create unique index users_tenant on users (tenant, username)").await;
    assert_eq!(holder_ids(&store, &scored("user_3", 1, "ada", 9)).await, ["user_2"]);
    store.commit_moving(&[scored("user_1", 4, "ada", 1), scored("user_2", 4, "eve", 2)]).await.unwrap();
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("ada"));
}

/// A column that may not be null is not given up: the set is refused, unless nobody has to wait for another.
pub async fn a_value_that_may_not_be_null_is_not_given_up(fixture: &impl Fixture) {
    let store = fixture.store();
    let sql = match store.name() {
        "PostgreSQL" => "alter table users alter column username set not null",
        "MySQL" => "alter table users modify username varchar(100) not null",
        _ => return,
    };
    fixture.run_sql(sql).await;
    fixture.require_unique("username").await;
    commit(&store, &[named("user_1", 1, "one"), named("user_2", 1, "two")]).await;
    let swap = [named("user_1", 2, "two"), named("user_2", 2, "one")];
    assert!(store.commit_moving(&swap).await.expect_err("refused").is_rejection());
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("one"));
    store.commit_moving(&[named("user_0", 1, "one"), gone("user_1", 3)]).await.unwrap();
    assert_eq!(username(&store, "user_0").await.as_deref(), Some("one"));
}

/// A row whose key is no Clerk id has no user to ask about.
pub async fn a_row_of_nobody_is_told_apart(fixture: &impl Fixture) {
    let store = fixture.store();
    if !fixture.run_sql("insert into users (clerk_id, username) values ('by hand', 'taken')").await {
        return;
    }
    fixture.require_unique("username").await;
    let found = holders(&store, &named("user_1", 1, "taken")).await;
    assert_eq!(found.iter().map(|holder| holder.user.clone()).collect::<Vec<_>>(), [None]);
}

/// Sets that overlap and race: all end well, or are refused whole.
pub async fn racing_sets_leave_no_half(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    commit(&store, &[named("user_1", 1, "one"), named("user_2", 1, "two"), named("user_3", 1, "three")])
        .await;
    let mut racers = tokio::task::JoinSet::new();
    for version in 2..10_i64 {
        let store = Arc::clone(&store);
        racers.spawn(async move {
            let names = ["one", "two", "three"];
            let shift = version as usize;
            let set: Vec<Observation> =
                (0..3).map(|i| named(&format!("user_{}", i + 1), version, names[(i + shift) % 3])).collect();
            store.commit_moving(&set).await
        });
    }
    while let Some(result) = racers.join_next().await {
        result.expect("no panic").expect("written");
    }
    let names: Vec<_> = [
        username(&store, "user_1").await,
        username(&store, "user_2").await,
        username(&store, "user_3").await,
    ]
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(names, ["one", "two", "three"], "the newest, version 9");
}
