//! What is due, from every state.

use super::*;
use crate::reconcile::record::{CatchUpRecord, ImportRecord, ScrubRecord};
use rstest::rstest;

/// The mapping of this process.
const MAPPING: i64 = 7;
const NOW: i64 = 10_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: Duration = Duration::from_secs(3_600);

fn at_rest() -> Overview {
    let import = ImportRecord {
        started_at: NOW - 100 * MINUTE,
        completed_at: Some(NOW - 90 * MINUTE),
        first_completed_at: Some(NOW - 90 * MINUTE),
        difference: Some(0),
        ..ImportRecord::default()
    };
    let catch_up = CatchUpRecord { completed_at: Some(NOW), ..CatchUpRecord::default() };
    let scrub = ScrubRecord {
        completed_at: Some(NOW - 10 * MINUTE),
        since_import: import.completed_at,
        ..ScrubRecord::default()
    };
    Overview { import, catch_up, scrub, scrubbing: false }
}

fn view(overview: &Overview) -> View<'_> {
    View {
        now_ms: NOW,
        overview,
        imports: true,
        catch_up_every: Some(Duration::from_secs(300)),
        scrub_every: Some(HOUR),
        count_in: Duration::from_secs(60),
        disagrees: false,
        fingerprint: MAPPING,
        stepped_at: None,
        hurried: false,
        skips: None,
    }
}

fn change(change: impl FnOnce(&mut Overview)) -> Overview {
    let mut overview = at_rest();
    change(&mut overview);
    overview
}

#[rstest]
#[case::at_rest(at_rest(), Task::Count, 60)]
#[case::never_imported(Overview::default(), Task::Import, 0)]
#[case::too_much_changed(change(|it| it.catch_up.needs_import = true), Task::Import, 0)]
#[case::catch_up(change(|it| it.catch_up.completed_at = Some(NOW - 4 * MINUTE - 59_000)), Task::CatchUp, 1)]
#[case::never_caught_up(change(|it| it.catch_up.completed_at = None), Task::CatchUp, 0)]
#[case::of_a_clock_ahead(change(|it| it.catch_up.completed_at = Some(NOW + 60 * MINUTE)), Task::CatchUp, 0)]
#[case::scrub(change(|it| it.scrub.completed_at = Some(NOW - 59 * MINUTE - 30_000)), Task::ScrubStep, 30)]
#[case::scrub_of_a_clock_ahead(change(|it| it.scrub.completed_at = Some(NOW + MINUTE)), Task::ScrubStep, 0)]
#[case::the_list_came_short(change(|it| it.scrub.incomplete_at = Some(NOW - 9 * MINUTE - 30_000)), Task::ScrubStep, 30)]
#[case::the_import_left_something(change(|it| { it.import.difference = Some(1); it.scrub.since_import = None; }), Task::ScrubStep, 0)]
#[case::a_scrub_has_looked_since(change(|it| it.import.difference = Some(1)), Task::Count, 60)]
#[case::interrupted(change(|it| it.scrubbing = true), Task::ScrubStep, 0)]
fn the_first_of_what_is_due(#[case] overview: Overview, #[case] task: Task, #[case] wait_s: u64) {
    assert_eq!(next(&view(&overview)), Some((task, Duration::from_secs(wait_s))));
}

#[test]
fn without_an_import_nothing_is_compared() {
    let overview = Overview::default();
    assert_eq!(next(&View { imports: false, ..view(&overview) }), None);
}

#[test]
fn a_scrub_takes_its_time_unless_the_counts_disagree() {
    let overview = change(|it| it.scrubbing = true);
    // Of an hour a quarter, and one page: no longer than a minute.
    let slow = View { stepped_at: Some(NOW - 1_000), count_in: HOUR, ..view(&overview) };
    assert_eq!(next(&slow), Some((Task::ScrubStep, Duration::from_secs(59))));
    assert_eq!(next(&View { hurried: true, ..slow.clone() }), Some((Task::ScrubStep, Duration::ZERO)));
    assert_eq!(next(&View { disagrees: true, ..slow.clone() }), Some((Task::ScrubStep, Duration::ZERO)));
    assert_eq!(
        next(&View { count_in: Duration::ZERO, ..slow }),
        Some((Task::Count, Duration::ZERO)),
        "the counts are compared meanwhile"
    );
}

#[test]
fn two_counts_that_disagree_bring_a_scrub_forward() {
    let overview = at_rest();
    assert_eq!(next(&View { disagrees: true, ..view(&overview) }), Some((Task::ScrubStep, Duration::ZERO)));
}

#[test]
fn another_mapping_brings_a_scrub_forward_until_one_has_ended_by_it() {
    let by = |import, scrub| change(|it| (it.import.fingerprint, it.scrub.fingerprint) = (import, scrub));
    let scrubs_now = |overview: &Overview| next(&view(overview)) == Some((Task::ScrubStep, Duration::ZERO));
    assert!(!scrubs_now(&by(Some(MAPPING), Some(MAPPING))));
    assert!(scrubs_now(&by(Some(MAPPING), Some(MAPPING + 1))), "the scrub was the last to write all");
    assert!(!scrubs_now(&by(Some(MAPPING + 1), Some(MAPPING))), "it has ended by this mapping");
    assert!(!scrubs_now(&by(None, None)), "an earlier version did not say");
    let imported_since = change(|it| {
        (it.import.fingerprint, it.scrub.fingerprint) = (Some(MAPPING + 1), Some(MAPPING));
        it.scrub.since_import = None;
    });
    assert!(scrubs_now(&imported_since));
    // Also where scrubs are off, and then none by itself.
    let off = |overview: &Overview| next(&View { scrub_every: None, ..view(overview) }).map(|(task, _)| task);
    assert_eq!(off(&imported_since), Some(Task::ScrubStep));
    assert_eq!(off(&at_rest()), Some(Task::CatchUp));
    // One that came to nothing is repeated, but not as often as by those who want scrubs.
    let incomplete = Overview {
        scrub: ScrubRecord { incomplete_at: Some(NOW - 60 * MINUTE), ..imported_since.scrub.clone() },
        ..imported_since
    };
    let none_else = View { catch_up_every: None, ..view(&incomplete) };
    assert_eq!(next(&none_else), Some((Task::ScrubStep, Duration::ZERO)));
    assert_eq!(next(&View { scrub_every: None, ..none_else }), Some((Task::ScrubStep, 5 * HOUR)));
}

#[test]
fn the_count_comes_with_catch_ups_that_are_frequent() {
    let overview = at_rest();
    let due = View { count_in: Duration::ZERO, ..view(&overview) };
    assert_eq!(next(&due), Some((Task::Count, Duration::ZERO)));
    let frequent = View { catch_up_every: Some(FREQUENT), ..due.clone() };
    assert_eq!(next(&frequent), Some((Task::CatchUp, FREQUENT)));
    let none = View { catch_up_every: None, ..due };
    assert_eq!(next(&none), Some((Task::Count, Duration::ZERO)));
}

#[test]
fn what_fails_does_not_starve_the_others() {
    let overview = change(|overview| overview.catch_up.completed_at = Some(NOW - HOUR.as_millis() as i64));
    let due = View { count_in: Duration::ZERO, ..view(&overview) };
    assert_eq!(next(&due), Some((Task::CatchUp, Duration::ZERO)));
    let failed = View { skips: Some(Task::CatchUp), ..due };
    assert_eq!(next(&failed), Some((Task::Count, Duration::ZERO)));
}
