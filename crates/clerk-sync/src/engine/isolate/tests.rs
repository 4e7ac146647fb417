use super::*;
use crate::{
    engine::testing::{Fault, GatedStore, NOON, gone, mapping, present, user, username},
    rule::{State, Verdict},
    store::memory::MemoryStore,
};
use clerk_auth::clock::ManualClock;
use rstest::rstest;
use std::sync::Arc;

mod property;

fn store() -> Arc<GatedStore> {
    let clock = Arc::new(ManualClock::at(NOON));
    GatedStore::new(Arc::new(MemoryStore::new(mapping(), clock)), 1)
}

/// A user of its own, whose row is refused or not.
fn single(number: usize, bad: bool) -> Observation {
    let name = if bad { "bad".to_owned() } else { format!("name_{number}") };
    present(&format!("user_{number:03}"), NOON, NOON, &name)
}

async fn row(store: &GatedStore, id: &str) -> Option<String> {
    store.row(&user(id)).await.expect("readable").as_ref().map(username)
}

fn kinds(outcomes: &[Outcome]) -> Vec<Result<Verdict, StoreErrorKind>> {
    let kinds = outcomes.iter().map(|outcome| match outcome {
        Ok(applied) => Ok(applied.verdict),
        Err(error) => Err(error.kind().clone()),
    });
    kinds.collect()
}

fn refused() -> Result<Verdict, StoreErrorKind> {
    Err(StoreErrorKind::Rejected { constraint: Some("users_by_username".to_owned()) })
}

#[tokio::test]
async fn one_bad_row_never_fails_its_neighbours_wherever_it_stands() {
    for size in 1..=17 {
        for bad in 0..size {
            let store = store();
            store.refuse("bad");
            let batch: Vec<_> = (0..size).map(|number| single(number, number == bad)).collect();
            let outcomes = commit(store.as_ref(), &batch).await;
            for (number, outcome) in outcomes.iter().enumerate() {
                assert_eq!(outcome.is_err(), number == bad, "{number} of {size}, {bad} is bad");
                let there = row(&store, &format!("user_{number:03}")).await;
                assert_eq!(there.is_some(), number != bad, "{number} of {size}, {bad} is bad");
            }
            assert!(outcomes[bad].as_ref().is_err_and(StoreError::is_rejection));
            // One for the whole, then two on each level.
            let most = 1 + 2 * size.next_power_of_two().ilog2() as usize;
            assert!(store.begun() <= most, "{} commits for {size}", store.begun());
        }
    }
}

#[tokio::test]
async fn several_bad_rows_are_found_each() {
    let store = store();
    store.refuse("bad");
    let is_bad = |number: usize| [0, 1, 17, 40, 63].contains(&number);
    let batch: Vec<_> = (0..64).map(|number| single(number, is_bad(number))).collect();
    let outcomes = commit(store.as_ref(), &batch).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_err(), is_bad(number), "{number}");
    }
    assert_eq!(store.summary().await.expect("readable").present, 64 - 5);
}

#[tokio::test]
async fn all_bad_is_all_refused_and_nothing_written() {
    let store = store();
    store.refuse("bad");
    let batch: Vec<_> = (0..8).map(|number| single(number, true)).collect();
    let outcomes = commit(store.as_ref(), &batch).await;
    assert_eq!(kinds(&outcomes), vec![refused(); 8]);
    assert_eq!(store.changes(0, 1).await.expect("readable").last_number, 0);
}

#[tokio::test]
async fn if_a_folded_winner_cannot_be_written_its_losers_are_tried() {
    let store = store();
    store.refuse("bad");
    let batch = [
        present("user_1", NOON + 1, NOON + 1, "first"),
        present("user_1", NOON + 3, NOON + 3, "bad"),
        present("user_2", NOON, NOON, "neighbour"),
        present("user_1", NOON + 2, NOON + 2, "second"),
    ];
    let outcomes = commit(store.as_ref(), &batch).await;
    // The first was folded away by the second, which stands: both are told the truth.
    assert_eq!(kinds(&outcomes), [Ok(Verdict::Stands), refused(), Ok(Verdict::Stands), Ok(Verdict::Stands)]);
    assert_eq!(row(&store, "user_1").await.as_deref(), Some("second"));
    assert_eq!(row(&store, "user_2").await.as_deref(), Some("neighbour"));
}

#[tokio::test]
async fn losers_that_are_bad_too_fall_one_after_another() {
    let store = store();
    store.refuse("bad");
    let batch = [
        present("user_1", NOON + 4, NOON, "bad"),
        present("user_1", NOON + 1, NOON, "good"),
        present("user_1", NOON + 3, NOON, "bad"),
        present("user_1", NOON + 2, NOON, "bad"),
    ];
    let outcomes = commit(store.as_ref(), &batch).await;
    assert_eq!(kinds(&outcomes), [refused(), Ok(Verdict::Stands), refused(), refused()]);
    assert_eq!(row(&store, "user_1").await.as_deref(), Some("good"));
}

#[tokio::test]
async fn a_refused_deletion_leaves_the_row_of_its_loser() {
    let store = store();
    store.refuse_deletion("user_1");
    let batch = [present("user_1", NOON, NOON, "there"), gone("user_1", NOON + 1)];
    let outcomes = commit(store.as_ref(), &batch).await;
    assert_eq!(kinds(&outcomes), [Ok(Verdict::Stands), refused()]);
    assert_eq!(row(&store, "user_1").await.as_deref(), Some("there"));
}

/// A lifted deletion ranks highest by its version, and yet it is not the row that was refused.
#[tokio::test]
async fn a_deletion_is_not_refused_for_a_row_that_lifts_it() {
    let store = store();
    store.refuse("bad");
    let mut lifting = present("user_1", NOON, NOON + 60_000, "bad");
    lifting.claim.lifts_as_of = Some(NOON + 60_000);
    let outcomes = commit(store.as_ref(), &[gone("user_1", NOON + 1), lifting]).await;
    assert_eq!(kinds(&outcomes), [Ok(Verdict::Stands), refused()]);
    let entry = store.entry(&user("user_1")).await.expect("readable").expect("a tombstone");
    assert_eq!(entry.standing.version.state, State::Gone);
}

#[tokio::test]
async fn an_unavailable_database_is_not_asked_again() {
    let store = store();
    store.next([Fault::Before(StoreErrorKind::Unavailable)]);
    let batch: Vec<_> = (0..8).map(|number| single(number, false)).collect();
    let outcomes = commit(store.as_ref(), &batch).await;
    assert_eq!(kinds(&outcomes), vec![Err(StoreErrorKind::Unavailable); 8]);
    assert_eq!(store.begun(), 1);
}

#[tokio::test]
async fn a_database_that_goes_away_while_splitting_fails_all_that_was_not_written() {
    let store = store();
    store.refuse("bad");
    // The whole is refused, the first quarter of what follows is written, then the database goes away.
    let batch: Vec<_> = (0..8).map(|number| single(number, number == 3)).collect();
    store.next([Fault::None, Fault::None, Fault::None, Fault::Before(StoreErrorKind::Unavailable)]);
    let outcomes = commit(store.as_ref(), &batch).await;
    assert_eq!(store.sizes(), [8, 4, 2, 2], "none of the others is tried");
    for (number, outcome) in outcomes.iter().enumerate() {
        let written = row(&store, &format!("user_{number:03}")).await.is_some();
        assert_eq!(outcome.is_ok(), written, "{number}");
        assert_eq!(written, number < 2, "{number}");
        let kind = outcome.as_ref().map_err(|error| error.kind().clone());
        assert!(written || kind == Err(StoreErrorKind::Unavailable), "{number}: {kind:?}");
    }
}

#[rstest]
#[case(StoreErrorKind::Schema)]
#[case(StoreErrorKind::Corrupt)]
#[tokio::test]
async fn what_concerns_the_whole_database_is_not_split(#[case] kind: StoreErrorKind) {
    let store = store();
    store.next([Fault::Before(kind.clone())]);
    let batch: Vec<_> = (0..4).map(|number| single(number, false)).collect();
    assert_eq!(kinds(&commit(store.as_ref(), &batch).await), vec![Err(kind); 4]);
    assert_eq!(store.begun(), 1);
}

#[tokio::test]
async fn contention_is_split_into_smaller_transactions() {
    let store = store();
    store.contended_above(3);
    let batch: Vec<_> = (0..16).map(|number| single(number, false)).collect();
    let outcomes = commit(store.as_ref(), &batch).await;
    assert_eq!(kinds(&outcomes), vec![Ok(Verdict::Stands); 16]);
    assert_eq!(store.sizes().into_iter().filter(|size| *size <= 3).sum::<usize>(), 16);
}

#[tokio::test]
async fn one_users_contention_is_not_split() {
    let store = store();
    store.contended_above(1);
    let batch = [
        present("user_1", NOON, NOON, "a"),
        present("user_2", NOON, NOON, "b"),
        present("user_1", NOON + 1, NOON, "c"),
    ];
    let outcomes = commit(store.as_ref(), &batch).await;
    let contended = || Err(StoreErrorKind::Contended);
    assert_eq!(kinds(&outcomes), [contended(), Ok(Verdict::Stands), contended()]);
    assert_eq!(row(&store, "user_1").await, None);
}
