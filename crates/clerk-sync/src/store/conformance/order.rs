//! The rule, as the store carries it out.

use super::*;
use crate::{
    rule::{Change, Fingerprint, State, Verdict, Version},
    store::conformance::Fixture,
};

/// One commit writes ledger, row and feed.
pub async fn a_first_sight_makes_row_entry_and_change(fixture: &impl Fixture) {
    let store = fixture.store();
    let observation = seen("user_1", 5);
    let applied = commit(&store, std::slice::from_ref(&observation)).await;
    assert_eq!((applied[0].verdict, applied[0].change), (Verdict::Stands, Some(Change::Created)));
    assert_eq!(applied[0].standing, Some(observation.claim.version));
    assert_eq!(store.row(&user("user_1")).await.unwrap(), observation.row);
    let entry = store.entry(&user("user_1")).await.unwrap().expect("an entry");
    assert_eq!(entry.standing.version, observation.claim.version);
    assert_eq!((entry.standing.fingerprint, entry.created_at), (mapping().fingerprint(), Some(1)));
    assert_eq!(store.changes(0, 10).await.unwrap().entries.len(), 1);
    assert_eq!(store.entry(&user("user_2")).await.unwrap(), None);
    assert_eq!(store.row(&user("user_2")).await.unwrap(), None);
}

/// Every column is that of the newer version.
pub async fn a_later_version_replaces_the_whole_row(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 5)]).await;
    let later = seen("user_1", 6);
    let applied = commit(&store, std::slice::from_ref(&later)).await;
    assert_eq!(applied[0].change, Some(Change::Updated));
    assert_eq!(store.row(&user("user_1")).await.unwrap(), later.row);
}

/// Neither is an error, and neither writes.
pub async fn stale_and_duplicate_sights_change_nothing(fixture: &impl Fixture) {
    let store = fixture.store();
    let newest = seen_as("user_1", 5, 9, "new");
    commit(&store, std::slice::from_ref(&newest)).await;
    for (again, verdict) in [
        (newest.clone(), Verdict::Duplicate),
        (seen_as("user_1", 5, 8, "new"), Verdict::Duplicate),
        (seen_as("user_1", 4, 99, "old"), Verdict::Stale),
    ] {
        let applied = commit(&store, &[again]).await;
        assert_eq!((applied[0].verdict, applied[0].change), (verdict, None));
        assert_eq!(applied[0].standing, Some(newest.claim.version));
    }
    assert_eq!(store.row(&user("user_1")).await.unwrap(), newest.row);
    assert_eq!(store.changes(0, 10).await.unwrap().entries.len(), 1);
    // The same content seen later moves the as-of and nothing else.
    assert_eq!(commit(&store, &[seen_as("user_1", 5, 10, "new")]).await[0].verdict, Verdict::Refreshed);
    assert_eq!(store.entry(&user("user_1")).await.unwrap().unwrap().standing.version.as_of, 10);
    assert_eq!(store.changes(0, 10).await.unwrap().entries.len(), 1);
}

/// Either order leaves the later as-of, and asks Clerk.
pub async fn a_tie_is_decided_and_asks_for_a_read(fixture: &impl Fixture) {
    let store = fixture.store();
    for (id, first, second) in [("user_1", 20, 30), ("user_2", 30, 20)] {
        commit(&store, &[seen_as(id, 5, first, &format!("as of {first}"))]).await;
        let applied = commit(&store, &[seen_as(id, 5, second, &format!("as of {second}"))]).await;
        assert_eq!(applied[0].settle_from, Some(31), "{id}");
        assert_eq!(username(&store, id).await.as_deref(), Some("as of 30"));
    }
}

/// A late `user.created` or `user.updated` does not bring a deleted user back.
pub async fn a_tombstone_comes_before_its_user(fixture: &impl Fixture) {
    let store = fixture.store();
    assert_eq!(commit(&store, &[gone("user_1", 5)]).await[0].verdict, Verdict::Stands);
    assert_eq!(commit(&store, &[seen("user_1", 9_000)]).await[0].verdict, Verdict::Stale);
    assert_eq!(store.row(&user("user_1")).await.unwrap(), None);
    assert_eq!(store.changes(0, 10).await.unwrap().entries, []);
    let entry = store.entry(&user("user_1")).await.unwrap().expect("a tombstone");
    assert_eq!(entry.standing.version, Version::gone(5));
}

/// The tombstone holds the id and the as-of.
pub async fn a_deletion_takes_the_row_and_leaves_a_bare_tombstone(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 5), seen("user_2", 5)]).await;
    let applied = commit(&store, &[gone("user_1", 7)]).await;
    assert_eq!(applied[0].change, Some(Change::Deleted));
    assert_eq!(store.row(&user("user_1")).await.unwrap(), None);
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("user_2 5"));
    let entry = store.entry(&user("user_1")).await.unwrap().expect("a tombstone");
    assert_eq!((entry.standing.version, entry.created_at), (Version::gone(7), None));
    assert_eq!(commit(&store, &[gone("user_1", 9)]).await[0].verdict, Verdict::Refreshed);
    assert_eq!(store.changes(0, 10).await.unwrap().entries.len(), 3);
}

/// Deletions up to the lift stay stale, a later one counts.
pub async fn a_lifted_tombstone_gives_way(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 5), gone("user_1", 7)]).await;
    let mut lift = seen("user_1", 6);
    lift.claim.lifts_as_of = Some(8);
    let applied = commit(&store, &[lift]).await;
    assert_eq!((applied[0].verdict, applied[0].change), (Verdict::Stands, Some(Change::Created)));
    assert_eq!(applied[0].settle_from, Some(8));
    assert_eq!(commit(&store, &[gone("user_1", 8)]).await[0].verdict, Verdict::Stale);
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 6"));
    assert_eq!(store.entry(&user("user_1")).await.unwrap().unwrap().standing.lifted_as_of, Some(8));
    assert_eq!(commit(&store, &[gone("user_1", 9)]).await[0].verdict, Verdict::Stands);
    assert_eq!(store.row(&user("user_1")).await.unwrap(), None);
}

/// A row from session claims is no `created` yet; the first real sight is.
pub async fn a_provisional_row_is_replaced(fixture: &impl Fixture) {
    let store = fixture.store();
    let mut provisional = seen("user_1", 900);
    provisional.claim.version.state = State::Provisional;
    let applied = commit(&store, &[provisional]).await;
    assert_eq!((applied[0].verdict, applied[0].change), (Verdict::Stands, None));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 900"));
    let applied = commit(&store, &[seen("user_1", 5)]).await;
    assert_eq!(applied[0].change, Some(Change::Created));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 5"));
}

/// Clerk's ids are case-sensitive; some collations are not.
pub async fn ids_that_differ_by_case_are_two_users(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_a", 5), seen("user_A", 5), seen("USER_a", 5)]).await;
    commit(&store, &[seen("user_A", 6), gone("USER_a", 7)]).await;
    assert_eq!(username(&store, "user_a").await.as_deref(), Some("user_a 5"));
    assert_eq!(username(&store, "user_A").await.as_deref(), Some("user_A 6"));
    assert_eq!(username(&store, "USER_a").await, None);
    assert_eq!(store.rows(None, 10).await.unwrap().len(), 2);
}

/// Where a row is missing behind the ledger's back, a sight that says nothing new writes it again, once it knows of that.
pub async fn a_missing_row_is_restored(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 5), seen("user_2", 5)]).await;
    if !fixture.run_sql("delete from users where clerk_id = 'user_1'").await {
        return;
    }
    let before = store.presence(&user("user_1")).await.unwrap();
    assert!(before.entry.is_some() && !before.row);
    assert_eq!(commit(&store, &[seen("user_1", 5)]).await[0].verdict, Verdict::Duplicate);
    assert_eq!(username(&store, "user_1").await, None, "nobody noticed");
    let restoring = |observation: Observation| {
        let mut observation = observation;
        observation.claim.restores = true;
        observation
    };
    let applied = commit(&store, &[restoring(seen("user_1", 4)), restoring(seen("user_1", 5))]).await;
    assert_eq!(
        (applied[0].verdict, applied[0].change),
        (Verdict::Stale, None),
        "what is older restores nothing"
    );
    assert_eq!((applied[1].verdict, applied[1].change), (Verdict::Duplicate, Some(Change::Updated)));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 5"));
    assert_eq!(store.presence(&user("user_1")).await.unwrap().entry, before.entry);
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 3);
    // Seen later, and there already: neither does harm.
    commit(&store, &[restoring(seen_as("user_2", 5, 9, "user_2 5"))]).await;
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("user_2 5"));
    assert_eq!(store.entry(&user("user_2")).await.unwrap().unwrap().standing.version.as_of, 9);
    // A deleted user stays deleted.
    commit(&store, &[gone("user_1", 9)]).await;
    let applied = commit(&store, &[restoring(seen("user_1", 5))]).await;
    assert_eq!((applied[0].verdict, applied[0].change), (Verdict::Stale, None));
    assert_eq!(username(&store, "user_1").await, None);
}

/// Whoever restores and whoever deletes at the same moment: the deletion stands and no row.
pub async fn a_restored_row_never_outlives_its_user(fixture: &impl Fixture) {
    let store = fixture.store();
    for round in 0..20 {
        let id = format!("user_{round}");
        commit(&store, &[seen(&id, 5)]).await;
        if !fixture.run_sql(&format!("delete from users where clerk_id = '{id}'")).await {
            return;
        }
        let mut restoring = seen(&id, 5);
        restoring.claim.restores = true;
        let (one, other) = (fixture.store(), fixture.store());
        let (deletion, restoring) = ([gone(&id, 9)], [restoring]);
        let (restored, deleted) = futures_util::join!(one.commit(&restoring), other.commit(&deletion));
        restored.expect("restored or stale");
        assert_eq!(deleted.expect("deleted")[0].verdict, Verdict::Stands);
        let presence = store.presence(&user(&id)).await.unwrap();
        assert_eq!(presence.entry.map(|entry| entry.standing.version), Some(Version::gone(9)));
        assert!(!presence.row, "{id} outlived its deletion");
    }
}

/// The same version under another fingerprint is written anew.
pub async fn another_mapping_rewrites_the_row(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen_as("user_1", 5, 5, "old mapping")]).await;
    let mut remapped = seen_as("user_1", 5, 5, "new mapping");
    remapped.claim.fingerprint = Fingerprint(mapping().fingerprint().0.wrapping_add(1));
    let applied = commit(&store, &[remapped]).await;
    assert_eq!((applied[0].verdict, applied[0].settle_from), (Verdict::Stands, None));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("new mapping"));
}
