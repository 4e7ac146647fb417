//! Imports that are disturbed.

use super::rig::{Rig, born, is_unavailable};
use crate::{
    clerk::UserOrder,
    reconcile::{
        PassError, Tally,
        testing::clerk::{Call, Fault, Troubles, Vanished},
    },
};
use rstest::rstest;
use std::sync::Arc;

async fn import(rig: &Rig, parallel: usize) -> Result<crate::reconcile::Imported, PassError> {
    rig.process.reconciler.import(&rig.process.pass(None), parallel, &Arc::new(Tally::default())).await
}

/// The first calls of an import, before its first page.
const BEFORE: [Fault; 3] = [Fault::None; 3];

#[rstest]
#[case::nothing(&[])]
#[case::short_page(&[Fault::None, Fault::CutTo(1)])]
#[case::empty_page(&[Fault::None, Fault::CutTo(0)])]
#[case::empty_first_page(&[Fault::CutTo(0)])]
#[case::refused_cursor(&[Fault::None, Fault::Refused])]
#[case::repeated_page(&[Fault::None, Fault::Repeated])]
#[case::shuffled_page(&[Fault::None, Fault::Shuffled])]
#[case::failures(&[Fault::Fails, Fault::Throttled, Fault::None, Fault::HangsUp])]
#[case::no_date(&[Fault::Dateless])]
#[tokio::test(start_paused = true)]
async fn it_finds_everyone(#[case] faults: &[Fault]) {
    let rig = Rig::with(11);
    rig.clerk.next(BEFORE.into_iter().chain(faults.iter().copied()));
    let imported = import(&rig, 1).await.expect("imported");
    assert_eq!((imported.difference, imported.expected), (0, 11));
    assert!(rig.equals_clerk().await);
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn many_of_one_millisecond(
    #[values(Vanished::IsRefused, Vanished::LeadsNowhere, Vanished::IsIgnored)] vanished: Vanished,
    #[values(false, true)] refuses: bool,
) {
    let moments: Vec<i64> = [0, 1].into_iter().chain([2; 11]).chain([3, 4]).map(born).collect();
    let rig = Rig::born(&moments, vanished);
    if refuses {
        rig.clerk.trouble(Troubles { no_cursors: true, ..Troubles::default() });
    }
    assert_eq!(import(&rig, 1).await.expect("imported").difference, 0);
    assert!(rig.equals_clerk().await);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_does_not_complete_it() {
    let rig = Rig::with(5);
    rig.clerk.next(BEFORE);
    // Page and count in turn, until it is given up.
    rig.clerk.next([Fault::CutTo(0), Fault::None].into_iter().cycle().take(20));
    assert!(matches!(import(&rig, 1).await, Err(PassError::Unreliable(_))));
    assert!(!rig.process.reconciler.overview().await.expect("readable").is_imported());
}

#[tokio::test(start_paused = true)]
async fn more_rows_than_asked_for_are_an_error() {
    let rig = Rig::with(5);
    rig.clerk.next(BEFORE);
    rig.clerk.next([Fault::Surplus]);
    assert!(import(&rig, 1).await.is_err());
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn it_goes_on_where_it_was_stopped(
    #[values(1, 3)] parallel: usize,
    #[values(3, 5, 6, 7)] after: usize,
) {
    let rig = Rig::with(16);
    rig.clerk.next(
        [Fault::None; 5]
            .into_iter()
            .take(after)
            .chain([Fault::None; 2].into_iter().take(after.saturating_sub(5))),
    );
    rig.clerk.next([Fault::Fails; 8]);
    let stopped = import(&rig, parallel).await;
    rig.clerk.take_calls();
    rig.clerk.forget_faults();
    assert!(stopped.is_ok() || stopped.is_err_and(|error| is_unavailable(&error)));
    assert_eq!(import(&rig, parallel).await.expect("imported").difference, 0);
    assert!(rig.equals_clerk().await);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_not_read_again() {
    let rig = Rig::with(16);
    rig.clerk.next(BEFORE.into_iter().chain([Fault::None; 2]).chain([Fault::Fails; 4]));
    import(&rig, 1).await.expect_err("the third page does not come");
    rig.clerk.take_calls();
    let imported = import(&rig, 1).await.expect("imported");
    assert!(imported.resumed && imported.seen == 16);
    let calls = rig.clerk.take_calls();
    let pages = calls.iter().filter_map(|(_, call)| match call {
        Call::Users(query) if query.order == UserOrder::OldestFirst => query.starting_after.clone(),
        _ => None,
    });
    assert_eq!(pages.map(|cursor| cursor.to_string()).collect::<Vec<_>>()[..1], ["user_07"]);
}
