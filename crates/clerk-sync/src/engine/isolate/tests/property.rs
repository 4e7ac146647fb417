//! Every answer is true, whatever is refused in whatever batch.

use super::*;
use crate::engine::testing::block_on;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
struct Sight {
    user: u8,
    version: i64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    Bad,
    Gone,
}

fn sight() -> impl Strategy<Value = Sight> {
    let kind = prop_oneof![5 => Just(Kind::Good), 3 => Just(Kind::Bad), 1 => Just(Kind::Gone)];
    (0..8_u8, 0..6_i64, kind).prop_map(|(user, version, kind)| Sight { user, version, kind })
}

fn observation(sight: Sight) -> Observation {
    let id = format!("user_{}", sight.user);
    match sight.kind {
        Kind::Good => present(&id, NOON + sight.version, NOON, &format!("{id} {}", sight.version)),
        Kind::Bad => present(&id, NOON + sight.version, NOON, "bad"),
        Kind::Gone => gone(&id, NOON + sight.version),
    }
}

async fn judge(before: Vec<Sight>, batch: Vec<Sight>, stuck: Option<u8>) -> Result<(), TestCaseError> {
    let store = store();
    for sight in before.into_iter().filter(|sight| sight.kind != Kind::Bad) {
        store.commit(&[observation(sight)]).await.expect("written");
    }
    store.refuse("bad");
    if let Some(user) = stuck {
        store.refuse_deletion(&format!("user_{user}"));
    }
    let setup = store.begun();
    let batch: Vec<Observation> = batch.into_iter().map(observation).collect();
    let outcomes = commit(store.as_ref(), &batch).await;
    prop_assert_eq!(outcomes.len(), batch.len());
    let mut refused = 0;
    for (observation, outcome) in batch.iter().zip(&outcomes) {
        match outcome {
            Ok(_) => {
                let entry = store.entry(&observation.user).await.expect("readable").expect("an entry");
                prop_assert!(
                    entry.standing.version >= observation.claim.version,
                    "{observation:?} is not there"
                );
                let there = row(&store, observation.user.as_str()).await;
                match entry.standing.version.state {
                    State::Gone => prop_assert_eq!(there, None),
                    _ => prop_assert!(there.is_some_and(|name| name != "bad")),
                }
            }
            Err(error) => {
                refused += 1;
                prop_assert!(error.is_rejection(), "{error}");
                prop_assert!(store.refuses(observation), "{observation:?} could have been written");
                let entry = store.entry(&observation.user).await.expect("readable");
                prop_assert!(entry.is_none_or(|entry| entry.standing.version < observation.claim.version));
            }
        }
    }
    let levels = batch.len().next_power_of_two().ilog2() as usize + 1;
    let commits = store.begun() - setup;
    prop_assert!(
        commits <= 1 + 2 * refused * levels,
        "{commits} commits, {refused} refused of {}",
        batch.len()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_time: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn an_ok_is_true_an_error_was_due_and_few_commits_are_made(
        before in prop::collection::vec(sight(), 0..6),
        batch in prop::collection::vec(sight(), 1..40),
        stuck in prop::option::of(0..8_u8),
    ) {
        block_on(judge(before, batch, stuck))?;
    }
}
