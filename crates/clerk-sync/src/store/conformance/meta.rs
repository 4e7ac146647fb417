//! What is true of the whole database.

use super::*;
use crate::store::{Binding, conformance::Fixture};
use futures_util::future::join_all;

fn binding(instance_id: &str, key_fingerprint: &str) -> Binding {
    Binding { instance_id: instance_id.to_owned(), key_fingerprint: key_fingerprint.to_owned() }
}

/// Whoever is first, even among many; later only its keys may change.
pub async fn the_first_instance_binds(fixture: &impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.binding().await.unwrap(), None);
    let contenders = (0..8).map(|i| {
        let store = fixture.store();
        tokio::spawn(async move { store.bind(&binding(&format!("ins_{i}"), "key")).await.unwrap() })
    });
    let answers: Vec<_> =
        join_all(contenders).await.into_iter().map(|answer| answer.expect("no failure")).collect();
    let winner = store.binding().await.unwrap().expect("bound");
    assert!(answers.iter().all(|answer| *answer == winner));
    let rotated = binding(&winner.instance_id, "another key");
    assert_eq!(store.bind(&rotated).await.unwrap(), rotated);
    assert_eq!(store.bind(&binding("ins_other", "x")).await.unwrap(), rotated);
}

/// Also while another does.
pub async fn migrating_again_does_nothing(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 1)]).await;
    let migrations = (0..4).map(|_| {
        let store = fixture.store();
        tokio::spawn(async move { store.migrate().await.unwrap() })
    });
    for done in join_all(migrations).await {
        assert_eq!(done.expect("no failure"), Vec::<String>::new());
    }
    assert!(store.schema().await.unwrap().is_ready());
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 1"));
}

/// Only what is older than asked for, and only tombstones.
pub async fn old_tombstones_are_purged_and_no_row(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 1), gone("user_2", 5), gone("user_3", 6)]).await;
    assert_eq!(store.purge_tombstones(6).await.unwrap(), 1);
    assert_eq!(store.purge_tombstones(6).await.unwrap(), 0);
    assert_eq!(store.entry(&user("user_2")).await.unwrap(), None);
    assert!(store.entry(&user("user_3")).await.unwrap().is_some());
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 1"));
}

/// By state of the ledger.
pub async fn counts_are_right(fixture: &impl Fixture) {
    let store = fixture.store();
    let mut provisional = seen("user_0", 1);
    provisional.claim.version.state = crate::rule::State::Provisional;
    commit(&store, &[provisional, seen("user_1", 1), seen("user_2", 1), gone("user_3", 1)]).await;
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.provisional, summary.present, summary.gone), (1, 2, 1));
    assert_eq!((summary.last_change, summary.last_event_at), (2, None));
}

/// Never seen, seen, seen without a row, gone, and a row that nobody told us of.
pub async fn a_look_tells_the_ledger_and_the_row_apart(fixture: &impl Fixture) {
    let store = fixture.store();
    let mut provisional = seen("user_0", 1);
    provisional.claim.version.state = crate::rule::State::Provisional;
    commit(&store, &[provisional, seen("user_1", 1), seen("user_2", 1), gone("user_3", 1)]).await;
    let by_hand = fixture.run_sql("delete from users where clerk_id = 'user_2'").await
        && fixture.run_sql("insert into users (clerk_id) values ('user_4')").await;
    for (id, row) in [
        ("user_0", true),
        ("user_1", true),
        ("user_2", !by_hand),
        ("user_3", false),
        ("user_4", by_hand),
        ("user_5", false),
        ("USER_1", false),
    ] {
        let presence = store.presence(&user(id)).await.unwrap();
        assert_eq!(presence.row, row, "{id}");
        assert_eq!(presence.entry, store.entry(&user(id)).await.unwrap(), "{id}");
    }
}

/// In the order of bytes, whatever the collation.
pub async fn rows_are_paged_by_id(fixture: &impl Fixture) {
    let store = fixture.store();
    let ids = ["user_B", "user_a", "user_A", "user_b", "user_C"];
    commit(&store, &ids.map(|id| seen(id, 1))).await;
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let rows = store.rows(after.as_ref(), 2).await.unwrap();
        let Some(last) = rows.last() else { break };
        let Value::Text(id) = &last[0] else { panic!("an id") };
        after = Some(user(id));
        found.extend(rows.iter().map(|row| row[0].clone()));
    }
    let expected = ["user_A", "user_B", "user_C", "user_a", "user_b"].map(|id| Value::Text(id.to_owned()));
    assert_eq!(found, expected);
}

/// Replicas note events in any order.
pub async fn the_newest_event_time_is_kept(fixture: &impl Fixture) {
    let store = fixture.store();
    for now_ms in [5, 9, 7] {
        store.note_event(now_ms).await.unwrap();
    }
    assert_eq!(store.summary().await.unwrap().last_event_at, Some(9));
    assert_eq!(store.gauges().await.unwrap().last_event_at, Some(9));
}
