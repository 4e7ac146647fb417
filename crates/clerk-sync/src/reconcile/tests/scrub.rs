//! Scrubs.

use super::rig::{Rig, born};
use crate::{
    engine::testing::{HOUR, user},
    reconcile::{
        DifferenceKind, Scrubbed, Tally,
        testing::{
            clerk::{Call, Fault},
            life::sleep_ms,
        },
    },
};
use std::sync::Arc;

async fn imported(users: i64) -> Rig {
    let rig = Rig::with(users);
    let tally = Arc::new(Tally::default());
    rig.process.reconciler.import(&rig.process.pass(None), 1, &tally).await.expect("imported");
    sleep_ms(HOUR).await;
    rig.clerk.take_calls();
    rig
}

async fn scrub(rig: &Rig, confirmed: Option<u64>) -> Scrubbed {
    let tally = Arc::new(Tally::default());
    rig.process.reconciler.scrub(&rig.process.pass(None), confirmed, &tally).await.expect("scrubbed")
}

#[tokio::test(start_paused = true)]
async fn hands_and_lost_webhooks_are_mended() {
    let rig = imported(9).await;
    rig.edit("user_01", Some(99));
    rig.edit("user_02", None);
    rig.edit("user_stray", Some(99));
    rig.edit("ours_1", Some(99));
    rig.clerk.delete("user_03");
    rig.clerk.put("user_04", born(4), 7);
    rig.clerk.put("user_new", born(100), 7);
    let scrubbed = scrub(&rig, None).await;
    assert_eq!((scrubbed.repaired, scrubbed.deleted, scrubbed.complete), (4, 2, true));
    rig.memory.edit(&user("ours_1"), None);
    assert!(rig.equals_clerk().await);
    assert_eq!(scrub(&rig, None).await, Scrubbed { seen: 9, complete: true, ..Scrubbed::default() });
}

#[tokio::test(start_paused = true)]
async fn too_many_missing_are_kept_and_not_even_asked_for() {
    let rig = imported(9).await;
    for id in ["user_00", "user_04", "user_08"] {
        rig.clerk.delete(id);
    }
    rig.edit("user_01", Some(99));
    let held = scrub(&rig, None).await;
    assert_eq!((held.held, held.deleted, held.repaired), (3, 0, 1));
    let is_about_one = |call: &Call| match call {
        Call::User(_) => true,
        Call::Users(query) => !query.ids().is_empty(),
        _ => false,
    };
    assert!(!rig.clerk.take_calls().iter().any(|(_, call)| is_about_one(call)));
    assert_eq!(scrub(&rig, Some(3)).await.deleted, 3);
    assert!(rig.equals_clerk().await);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_whole_deletes_nobody() {
    for cut in 0..4 {
        let rig = imported(9).await;
        // The instance, then pages and counts.
        rig.clerk.next([Fault::None]);
        rig.clerk.next([Fault::CutTo(cut), Fault::None].into_iter().cycle().take(8));
        let tally = Arc::new(Tally::default());
        let _ = rig.process.reconciler.scrub(&rig.process.pass(None), None, &tally).await;
        rig.clerk.forget_faults();
        assert!(rig.equals_clerk().await, "cut to {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_writes_nothing() {
    let rig = imported(6).await;
    rig.edit("user_01", Some(99));
    rig.clerk.delete("user_02");
    rig.clerk.put("user_new", born(100), 7);
    let before = rig.table().await;
    let mut found = Vec::new();
    let tally = Arc::new(Tally::default());
    let pass = rig.process.pass(None);
    rig.process
        .reconciler
        .look(&pass, &tally, |it| found.push((it.user.to_string(), it.kind)))
        .await
        .expect("looked");
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("user_01", DifferenceKind::Differs),
        ("user_02", DifferenceKind::Surplus),
        ("user_new", DifferenceKind::Missing),
    ];
    assert_eq!(found, expected.map(|(id, kind)| (id.to_owned(), kind)));
    assert_eq!(rig.table().await, before);
}
