//! Catch-ups.

use super::rig::{Rig, born};
use crate::{
    engine::testing::{HOUR, MINUTE},
    reconcile::{
        CaughtUp, Tally,
        testing::{clerk::Fault, life::sleep_ms},
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

async fn catch_up(rig: &Rig) -> CaughtUp {
    rig.process.reconciler.catch_up(&rig.process.pass(None), &Tally::default()).await.expect("caught up")
}

#[tokio::test(start_paused = true)]
async fn one_call_when_nothing_changed() {
    let rig = imported(9).await;
    // The first one still looks down to where the import began.
    catch_up(&rig).await;
    rig.clerk.put("user_00", born(0), 2);
    sleep_ms(6 * MINUTE).await;
    catch_up(&rig).await;
    assert!(rig.equals_clerk().await);
    sleep_ms(6 * MINUTE).await;
    rig.clerk.take_calls();
    assert_eq!(catch_up(&rig).await, CaughtUp::Done { written: 0 });
    assert_eq!(rig.clerk.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_cut_short_leaves_nobody_out() {
    for faults in [
        &[Fault::CutTo(1)][..],
        &[Fault::CutTo(0)],
        &[Fault::None, Fault::CutTo(1)],
        &[Fault::None, Fault::CutTo(0)],
    ] {
        let rig = imported(9).await;
        for number in 0..6 {
            rig.clerk.put(&format!("user_{number:02}"), born(number), 2);
            sleep_ms(MINUTE).await;
        }
        rig.clerk.next(faults.iter().copied());
        catch_up(&rig).await;
        catch_up(&rig).await;
        assert!(rig.equals_clerk().await, "{faults:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_it_reads_takes_an_import() {
    let rig = imported(30).await;
    for number in 0..30 {
        rig.clerk.put(&format!("user_{number:02}"), born(number), 2);
        sleep_ms(MINUTE).await;
    }
    assert_eq!(catch_up(&rig).await, CaughtUp::NeedsImport);
    assert!(rig.process.reconciler.overview().await.expect("readable").catch_up.needs_import);
}

#[tokio::test(start_paused = true)]
async fn before_an_import_there_is_nothing_to_catch_up_with() {
    let rig = Rig::with(1);
    assert_eq!(catch_up(&rig).await, CaughtUp::NotImported);
    assert_eq!(rig.clerk.calls(), 0);
}
