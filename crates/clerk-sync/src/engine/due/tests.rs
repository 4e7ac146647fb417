use super::*;
use crate::{
    engine::{
        Receipt,
        testing::{NOON, Rig, deleted, event, gone, person, updated, user},
    },
    mapping::{DeletionSpec, Mapping, MappingSpec},
    rule::State,
    store::{PendingDeletions as _, Store as _, StoreErrorKind, memory::MemoryStore},
};
use clerk_auth::clock::Clock;
use std::sync::Arc;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn holding_back() -> Rig {
    let deletion = DeletionSpec { delete_after: Some(WEEK), ..DeletionSpec::default() };
    let spec = MappingSpec { deletion, ..MappingSpec::default() };
    Rig::mirroring(Arc::new(Mapping::try_new(spec).expect("a mapping")))
}

async fn with_deleted(rig: &Rig, id: &str) {
    assert_eq!(rig.receive(&event("user.created", NOON, &person(id, NOON, id))).await, Receipt::Accepted);
    assert_eq!(rig.receive(&deleted(id, NOON + 1)).await, Receipt::Accepted);
}

async fn letters(rig: &Rig) -> Vec<String> {
    let letters = rig.memory.dead_letters(0, 10).await.expect("readable");
    letters.into_iter().map(|letter| letter.letter.reason).collect()
}

#[tokio::test]
async fn a_row_goes_a_week_after_its_user() {
    let rig = holding_back();
    with_deleted(&rig, "user_1").await;
    assert_eq!(rig.entry("user_1").await.expect("known").standing.version.state, State::Gone);
    rig.clock.advance(WEEK - Duration::from_millis(1));
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(0));
    assert_eq!(rig.username("user_1").await.as_deref(), Some("user_1"));
    rig.clock.advance(Duration::from_millis(1));
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(1));
    assert_eq!(rig.username("user_1").await, None);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(0));
    let feed = rig.store.changes(0, 10).await.expect("readable").entries;
    assert_eq!(feed.iter().map(|entry| entry.change.name()).collect::<Vec<_>>(), ["created", "deleted"]);
}

#[tokio::test]
async fn whoever_is_brought_back_stays() {
    let rig = holding_back();
    with_deleted(&rig, "user_1").await;
    rig.clerk.shows("user_1", &person("user_1", NOON, "back"));
    rig.force("user_1").await.expect("lifted");
    rig.clock.advance(WEEK * 2);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(0));
    assert_eq!(rig.username("user_1").await.as_deref(), Some("back"));
}

#[tokio::test]
async fn what_cannot_be_deleted_is_told_once_put_off_and_heals() {
    let rig = holding_back();
    for id in ["user_1", "user_2", "user_3"] {
        with_deleted(&rig, id).await;
    }
    rig.store.refuse_deletion("user_2");
    rig.clock.advance(WEEK);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(2));
    assert_eq!(rig.username("user_2").await.as_deref(), Some("user_2"));
    assert_eq!(rig.username("user_3").await, None);
    let [reason] = letters(&rig).await.try_into().expect("one letter");
    for words in ["orders_user_id_fkey", "on_delete_refused", "clerk-sync deletions run user_2"] {
        assert!(reason.contains(words), "{words}: {reason}");
    }
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(0));
    rig.clock.advance(TRY_AGAIN);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(0));
    assert_eq!(letters(&rig).await.len(), 1, "the same letter");
    rig.store.refuse_nothing();
    rig.clock.advance(TRY_AGAIN);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(1));
    assert_eq!((letters(&rig).await.len(), rig.username("user_2").await), (0, None));
}

#[tokio::test]
async fn what_takes_too_long_keeps_nobody_up() {
    let rig = holding_back();
    for id in ["user_1", "user_2", "user_3"] {
        with_deleted(&rig, id).await;
    }
    rig.store.time_out_deletion("user_1");
    rig.clock.advance(WEEK);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(2));
    assert_eq!((rig.username("user_1").await.as_deref(), letters(&rig).await.len()), (Some("user_1"), 0));
    rig.store.refuse_nothing();
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(0));
    rig.clock.advance(TRY_SOON);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(1));
}

#[tokio::test]
async fn while_the_database_is_away_nothing_is_put_off() {
    let rig = holding_back();
    with_deleted(&rig, "user_1").await;
    rig.clock.advance(WEEK);
    rig.store.away(Some(StoreErrorKind::Unavailable));
    assert!(rig.engine.carry_out_deletions().await.is_err());
    rig.store.away(None);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(1));
}

#[tokio::test]
async fn more_than_one_batch_is_carried_out() {
    let rig = holding_back();
    for i in 0..250 {
        with_deleted(&rig, &format!("user_{i}")).await;
    }
    rig.clock.advance(WEEK);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(250));
    assert!(rig.memory.pending_deletions(None, 10).await.expect("readable").is_empty());
}

#[tokio::test]
async fn a_user_name_is_free_again_at_once() {
    let rig = holding_back();
    assert!(rig.memory.require_unique("username"));
    with_deleted(&rig, "user_1").await;
    let newcomer = updated("user_2", NOON + 2, NOON + 2, "user_1");
    rig.clerk.shows("user_2", &person("user_2", NOON + 2, "user_1"));
    rig.clerk.misses("user_1");
    assert_eq!(rig.receive(&newcomer).await, Receipt::Accepted);
    assert_eq!(rig.username("user_2").await.as_deref(), Some("user_1"));
    assert!(rig.memory.row(&user("user_1")).await.expect("readable").is_some(), "without the name");
    assert_eq!(rig.memory.pending_count().await.expect("readable").waiting, 1);
}

#[tokio::test]
async fn what_is_due_is_done_though_the_setting_is_gone() {
    let clock = Arc::new(clerk_auth::clock::ManualClock::at(NOON));
    let deletion = DeletionSpec { delete_after: Some(WEEK), ..DeletionSpec::default() };
    let mapping = Mapping::try_new(MappingSpec { deletion, ..MappingSpec::default() }).expect("a mapping");
    let before = MemoryStore::new(Arc::new(mapping), Arc::clone(&clock) as Arc<dyn Clock>);
    before.commit(&[crate::engine::testing::present("user_1", 1, 1, "ada")]).await.expect("written");
    before.commit(&[gone("user_1", 2)]).await.expect("written");
    let after = before.with_mapping(crate::engine::testing::mapping());
    clock.advance(WEEK);
    assert_eq!(after.carry_out(&[user("user_1")], CarryOut::WhenDue).await, Ok(vec![user("user_1")]));
    assert_eq!(before.row(&user("user_1")).await, Ok(None));
}

#[tokio::test]
async fn a_replay_of_its_letter_deals_with_the_row() {
    let rig = holding_back();
    with_deleted(&rig, "user_1").await;
    rig.store.refuse_deletion("user_1");
    rig.clock.advance(WEEK);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(0));
    let number = rig.memory.dead_letters(0, 10).await.expect("readable")[0].number;
    assert!(rig.engine.replay(number, TRY_SOON).await.is_err(), "still refused");
    assert_eq!((letters(&rig).await.len(), rig.username("user_1").await.as_deref()), (1, Some("user_1")));
    rig.store.refuse_nothing();
    assert!(matches!(rig.engine.replay(number, TRY_SOON).await, Ok(Some(_))));
    assert_eq!((letters(&rig).await.len(), rig.username("user_1").await), (0, None));
}

/// As where the column may not be null, so that nobody else can have the value while the row waits.
#[tokio::test]
async fn whoever_waits_for_the_row_is_tried_again_once_it_is_gone() {
    let rig = holding_back();
    with_deleted(&rig, "user_1").await;
    rig.clerk.shows("user_2", &person("user_2", NOON, "user_1"));
    rig.engine.parts.waiting.add(user("user_2"), &[user("user_1")]);
    rig.clock.advance(WEEK);
    assert_eq!(rig.engine.carry_out_deletions().await, Ok(1));
    rig.pass(2).await;
    assert_eq!(rig.username("user_2").await.as_deref(), Some("user_1"));
}
