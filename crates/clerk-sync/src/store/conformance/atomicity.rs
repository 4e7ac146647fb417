//! A batch is written whole or not at all.

use super::*;
use crate::{rule::Verdict, store::conformance::Fixture};

/// No observation, no transaction to speak of.
pub async fn an_empty_batch_is_nothing(fixture: &impl Fixture) {
    let store = fixture.store();
    assert_eq!(commit(&store, &[]).await, []);
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 0);
}

/// The answers stand in the batch's order; the row is the newest.
pub async fn a_batch_may_hold_a_user_twice(fixture: &impl Fixture) {
    let store = fixture.store();
    let applied =
        commit(&store, &[seen("user_1", 5), seen("user_2", 1), seen("user_1", 3), seen("user_1", 7)]).await;
    let verdicts: Vec<_> = applied.iter().map(|applied| applied.verdict).collect();
    assert_eq!(verdicts, [Verdict::Stands, Verdict::Stands, Verdict::Stale, Verdict::Stands]);
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 7"));
    assert_eq!(store.changes(0, 10).await.unwrap().entries.len(), 2);
    let applied = commit(&store, &[seen("user_1", 9), gone("user_1", 9)]).await;
    assert_eq!(applied[1].verdict, Verdict::Stands);
    assert_eq!(username(&store, "user_1").await, None);
}

/// A thousand users, some new, some known, some gone.
pub async fn a_large_batch_is_one_transaction(fixture: &impl Fixture) {
    let store = fixture.store();
    let first: Vec<_> = (0..500).map(|i| seen(&format!("user_{i}"), 1)).collect();
    commit(&store, &first).await;
    let second: Vec<_> = (0..1_000)
        .map(|i| if i % 10 == 0 { gone(&format!("user_{i}"), 5) } else { seen(&format!("user_{i}"), 2) })
        .collect();
    let applied = commit(&store, &second).await;
    assert!(applied.iter().all(|applied| applied.verdict == Verdict::Stands));
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.present, summary.gone), (900, 100));
    assert_eq!(store.rows(None, 2_000).await.unwrap().len(), 900);
    // 500 first ones; then 450 created, 450 updated and 50 deleted, for 50 of the gone had never been seen.
    assert_eq!(store.changes(0, 10_000).await.unwrap().entries.len(), 500 + 450 + 450 + 50);
}

/// The whole batch is refused with the constraint's name, and every other row can be written without it.
pub async fn a_row_that_cannot_be_written_takes_nothing_along(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    commit(&store, &[seen_as("user_1", 1, 1, "taken")]).await;
    let batch = [
        seen("user_2", 1),
        seen_as("user_3", 1, 1, "taken"),
        seen_as("user_1", 2, 2, "taken"),
        gone("user_9", 1),
    ];
    let error = store.commit(&batch).await.expect_err("refused");
    assert!(error.is_rejection(), "{error}");
    assert!(!error.to_string().contains("taken"), "no value in {error}");
    assert!(!format!("{error:?}").contains("taken"), "no value in {error:?}");
    for id in ["user_2", "user_3", "user_9"] {
        assert_eq!(store.entry(&user(id)).await.unwrap(), None, "{id}");
        assert_eq!(store.row(&user(id)).await.unwrap(), None, "{id}");
    }
    let page = store.changes(0, 10).await.unwrap();
    assert_eq!((page.entries.len(), page.last_number), (1, 1));
    let error = store.commit(&batch[1..2]).await.expect_err("refused alone too");
    assert!(error.is_rejection(), "{error}");
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("taken"), "the holder keeps its row");
    commit(&store, &[batch[0].clone(), batch[2].clone(), batch[3].clone()]).await;
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("user_2 1"));
}

/// The ledger says that it is there and the table disagrees: the next change writes it again.
pub async fn a_row_removed_by_hand_comes_back(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 1), seen("user_2", 1)]).await;
    if !fixture.run_sql("delete from users where clerk_id = 'user_1'").await {
        return;
    }
    commit(&store, &[seen("user_1", 2), seen("user_2", 2)]).await;
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 2"));
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("user_2 2"));
}

/// The ledger has never seen the user and the table has: the row becomes what Clerk says.
pub async fn a_row_added_by_hand_is_taken_over(fixture: &impl Fixture) {
    let store = fixture.store();
    if !fixture.run_sql("insert into users (clerk_id, username) values ('user_1', 'by hand')").await {
        return;
    }
    commit(&store, &[seen("user_0", 1), seen("user_1", 1), seen("user_2", 1)]).await;
    for id in ["user_0", "user_1", "user_2"] {
        assert_eq!(username(&store, id).await, Some(format!("{id} 1")));
    }
    fixture.run_sql("insert into users (clerk_id, username) values ('user_3', 'by hand')").await;
    commit(&store, &[gone("user_3", 1)]).await;
    assert_eq!(username(&store, "user_3").await, None);
}
