//! One user, compared, from every state.

use super::*;
use crate::{
    engine::testing::{NOON, mapping, person, user},
    rule::{Fingerprint, Standing, Version},
    store::Entry,
};
use rstest::rstest;

const AT: i64 = NOON;
/// The list's `Date`, long after everything.
const DATE: i64 = NOON + 60 * 60_000;

fn mapped(updated_at: i64, name: &str) -> MappedUser {
    mapping().read_user(person("user_1", updated_at, name).to_string().as_bytes()).expect("readable")
}

/// What is stored after `name` was seen at [`AT`], while the table holds `row`.
fn stored(state: State, name: &str, row: Option<&str>) -> Stored {
    let seen = mapped(AT, name);
    let version = match state {
        State::Gone => Version::gone(AT),
        state => Version { state, updated_at: AT, as_of: AT, digest: seen.digest },
    };
    let standing = Standing { version, fingerprint: mapping().fingerprint(), lifted_as_of: None };
    let created_at = if state == State::Gone { None } else { seen.created_at };
    let row = row.map(|name| mapped(AT, name).row);
    Stored { user: user("user_1"), entry: Some(Entry { standing, created_at }), row }
}

const WRITES: Finding = Finding::Write { restores: false, visible: false };
const REPAIRS: Finding = Finding::Write { restores: true, visible: true };

#[rstest]
#[case::equal(stored(State::Present, "Ann", Some("Ann")), 0, "Ann", Finding::Same)]
#[case::edited(stored(State::Present, "Ann", Some("hand")), 0, "Ann", REPAIRS)]
#[case::row_lost(stored(State::Present, "Ann", None), 0, "Ann", REPAIRS)]
#[case::changed(stored(State::Present, "Ann", Some("Ann")), 1, "Eve", REPAIRS)]
#[case::changed_and_edited(stored(State::Present, "Ann", Some("hand")), 1, "Ann", REPAIRS)]
#[case::a_tie(stored(State::Present, "Ann", Some("Ann")), 0, "Eve", REPAIRS)]
#[case::the_list_is_older(stored(State::Present, "Ann", Some("Ann")), -1, "Old", Finding::Read { restores: false })]
#[case::the_list_is_older_and_the_row_edited(stored(State::Present, "Ann", Some("hand")), -1, "Old", Finding::Read { restores: true })]
#[case::alive(stored(State::Gone, "Ann", None), 0, "Ann", Finding::Alive { settled: true })]
#[case::provisional(stored(State::Provisional, "Ann", Some("Ann")), 0, "Ann", Finding::Write { restores: false, visible: true })]
fn a_user_and_what_is_stored(
    #[case] stored: Stored,
    #[case] later: i64,
    #[case] name: &str,
    #[case] expected: Finding,
) {
    assert_eq!(compare(&mapped(AT + later, name), Some(DATE), Some(&stored), &mapping()), expected);
}

#[test]
fn nobody_knows_it() {
    let missing = Finding::Write { restores: false, visible: true };
    assert_eq!(compare(&mapped(AT, "Ann"), Some(DATE), None, &mapping()), missing);
    let row_only = Stored { entry: None, ..stored(State::Present, "Ann", Some("Ann")) };
    assert_eq!(compare(&mapped(AT, "Ann"), Some(DATE), Some(&row_only), &mapping()), WRITES);
}

#[rstest]
#[case::a_list_that_lags_behind_a_change(State::Present, -1, Finding::Same)]
#[case::a_list_that_lags_behind_a_deletion(State::Gone, 0, Finding::Alive { settled: false })]
fn what_was_written_lately_is_not_doubted_for_a_list(
    #[case] state: State,
    #[case] later: i64,
    #[case] expected: Finding,
) {
    let stored = stored(state, "Ann", (state == State::Present).then_some("Ann"));
    let soon = AT + SETTLED_MS;
    assert_eq!(compare(&mapped(AT + later, "Old"), Some(soon), Some(&stored), &mapping()), expected);
}

#[test]
fn digests_of_another_mapping_are_not_compared() {
    let mut before = stored(State::Present, "Ann", Some("other columns"));
    if let Some(entry) = &mut before.entry {
        entry.standing.fingerprint = Fingerprint(0);
    }
    assert_eq!(compare(&mapped(AT, "Ann"), Some(DATE), Some(&before), &mapping()), REPAIRS);
    let older = Finding::Read { restores: false };
    assert_eq!(compare(&mapped(AT - 1, "Ann"), Some(DATE), Some(&before), &mapping()), older);
}

#[test]
fn an_unknown_age_is_written_down() {
    let mut undated = stored(State::Present, "Ann", Some("Ann"));
    if let Some(entry) = &mut undated.entry {
        entry.created_at = None;
    }
    assert_eq!(compare(&mapped(AT, "Ann"), Some(DATE), Some(&undated), &mapping()), WRITES);
}

#[test]
fn a_difference_names_its_columns() {
    let difference = |stored: Option<Row>, clerk: Option<Row>| Difference {
        user: user("user_1"),
        kind: DifferenceKind::Differs,
        stored,
        clerk,
    };
    let (ann, eve) = (mapped(AT, "Ann").row, mapped(AT, "Eve").row);
    assert_eq!(difference(Some(ann.clone()), Some(eve)).columns(&mapping()), ["username"]);
    assert!(difference(None, Some(ann)).columns(&mapping()).len() > 1);
}
