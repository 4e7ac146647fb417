//! Passes over users who take each other's unique names.

use super::rig::{Rig, born};
use crate::{
    engine::testing::HOUR,
    reconcile::{Imported, PassError, Tally, testing::life::sleep_ms},
    store::Store as _,
};
use std::sync::Arc;

async fn import(rig: &Rig) -> Result<Imported, PassError> {
    rig.process.reconciler.import(&rig.process.pass(None), 1, &Arc::new(Tally::default())).await
}

async fn scrub(rig: &Rig) {
    let tally = Arc::new(Tally::default());
    rig.process.reconciler.scrub(&rig.process.pass(None), None, &tally).await.expect("scrubbed");
}

/// Each has a name of its own, as the table has it, which takes each name once.
async fn unique(users: u64) -> Rig {
    let rig = Rig::with(users as i64);
    for number in 0..users {
        rig.clerk.put(&format!("user_{number:02}"), born(number as i64), 100 + number);
    }
    assert!(rig.memory.require_unique("username"));
    import(&rig).await.expect("imported");
    assert!(rig.equals_clerk().await);
    sleep_ms(HOUR).await;
    rig
}

fn put(rig: &Rig, number: i64, name: u64) {
    rig.clerk.put(&format!("user_{number:02}"), born(number), name);
}

#[tokio::test(start_paused = true)]
async fn a_scrub_and_an_import_follow_swaps_and_rings_within_a_page_and_beyond() {
    for by_import in [false, true] {
        let rig = unique(9).await;
        // Two on one page, and a ring over three pages.
        put(&rig, 0, 101);
        put(&rig, 1, 100);
        put(&rig, 2, 106);
        put(&rig, 6, 108);
        put(&rig, 8, 102);
        if by_import {
            import(&rig).await.expect("imported");
        } else {
            scrub(&rig).await;
        }
        assert!(rig.equals_clerk().await, "by an import: {by_import}");
        assert_eq!(rig.memory.dead_letters(0, 10).await.expect("readable"), []);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_gone_gives_way_to_who_came_after() {
    let rig = unique(5).await;
    rig.clerk.delete("user_01");
    put(&rig, 4, 101);
    scrub(&rig).await;
    assert!(rig.equals_clerk().await);
    assert_eq!(rig.memory.dead_letters(0, 10).await.expect("readable"), []);
}

#[tokio::test(start_paused = true)]
async fn a_true_conflict_stops_nobody_and_heals_with_a_later_scrub() {
    let rig = unique(9).await;
    put(&rig, 3, 100);
    put(&rig, 7, 177);
    scrub(&rig).await;
    let letters = rig.memory.dead_letters(0, 10).await.expect("readable");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].letter.reason.contains("to two users"), "{letters:?}");
    let table = rig.table().await;
    assert_eq!((table[3].1.as_str(), table[7].1.as_str()), ("name 103", "name 177"));
    put(&rig, 0, 199);
    scrub(&rig).await;
    sleep_ms(5_000).await;
    assert!(rig.equals_clerk().await);
    assert_eq!(rig.memory.dead_letters(0, 10).await.expect("readable"), []);
}
