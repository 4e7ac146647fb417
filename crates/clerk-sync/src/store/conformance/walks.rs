//! What a walk through everyone writes, and what it leaves alone.

use super::*;
use crate::{
    rule::{Change, Verdict, Version},
    store::conformance::Fixture,
};

fn quiet(mut observation: Observation) -> Observation {
    observation.claim.quiet = true;
    observation
}

fn restoring(mut observation: Observation) -> Observation {
    observation.claim.restores = true;
    observation
}

async fn as_of(store: &Arc<dyn Store>, id: &str) -> i64 {
    store.entry(&user(id)).await.unwrap().expect("an entry").standing.version.as_of
}

/// A quiet sight of what is known writes nothing; one that tells something does.
pub async fn quiet_sights_of_the_known_write_nothing(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 5), seen("user_2", 5), gone("user_3", 5)]).await;
    let before = store.entry(&user("user_1")).await.unwrap();
    let batch = [
        quiet(seen_as("user_1", 5, 9, "user_1 5")),
        quiet(seen("user_2", 6)),
        quiet(gone("user_3", 9)),
        quiet(seen("user_4", 1)),
    ];
    let verdicts: Vec<_> = commit(&store, &batch).await.iter().map(|applied| applied.verdict).collect();
    assert_eq!(verdicts, [Verdict::Refreshed, Verdict::Stands, Verdict::Refreshed, Verdict::Stands]);
    assert_eq!(store.entry(&user("user_1")).await.unwrap(), before);
    assert_eq!(as_of(&store, "user_3").await, 5);
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("user_2 6"));
    assert_eq!(username(&store, "user_4").await.as_deref(), Some("user_4 1"));
    // Someone else says it aloud in the same batch.
    commit(&store, &[quiet(seen_as("user_1", 5, 10, "user_1 5")), seen_as("user_1", 5, 11, "user_1 5")])
        .await;
    assert_eq!(as_of(&store, "user_1").await, 11);
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 4);
}

/// A `created_at` that was not known is filled in, quietly too.
pub async fn a_quiet_sight_fills_in_created_at(fixture: &impl Fixture) {
    let store = fixture.store();
    let mut undated = seen("user_1", 5);
    undated.created_at = None;
    commit(&store, &[undated]).await;
    let dated = quiet(seen_as("user_1", 5, 7, "user_1 5"));
    let created_at = dated.created_at;
    assert!(created_at.is_some());
    commit(&store, &[dated]).await;
    let entry = store.entry(&user("user_1")).await.unwrap().expect("an entry");
    assert_eq!(entry.created_at, created_at);
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 1, "for readers nothing changed");
}

/// A row that was changed by hand is written again, by a quiet sight too.
pub async fn a_changed_row_is_restored(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 5), seen("user_2", 5)]).await;
    if !fixture.run_sql("update users set username = 'by hand'").await {
        return;
    }
    let sight = |id: &str| quiet(seen_as(id, 5, 9, &format!("{id} 5")));
    let applied = commit(&store, &[restoring(sight("user_1")), sight("user_2")]).await;
    assert_eq!((applied[0].verdict, applied[0].change), (Verdict::Refreshed, Some(Change::Updated)));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 5"));
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("by hand"), "nobody was told");
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 3);
}

/// The row of a user who is gone, put there by hand, is deleted again: readers saw it go, and are told nothing.
pub async fn a_row_of_a_gone_user_is_deleted_again(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 5), gone("user_1", 7)]).await;
    if !fixture.run_sql("insert into users (clerk_id, username) values ('user_1', 'by hand')").await {
        return;
    }
    let changes = store.changes(0, 10).await.unwrap().last_number;
    assert_eq!(commit(&store, &[gone("user_1", 7)]).await[0].verdict, Verdict::Duplicate);
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("by hand"), "nobody noticed");
    assert_eq!(commit(&store, &[restoring(gone("user_1", 6))]).await[0].change, None);
    assert_eq!(commit(&store, &[restoring(quiet(gone("user_1", 7)))]).await[0].change, None);
    let presence = store.presence(&user("user_1")).await.unwrap();
    assert!(!presence.row);
    assert_eq!(presence.entry.map(|entry| entry.standing.version), Some(Version::gone(7)));
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, changes);
}
