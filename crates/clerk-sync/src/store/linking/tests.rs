use super::*;
use crate::{
    mapping::{Column, LinkBy, LinkSpec, Mapping, MappingSpec, Storage},
    store::{
        dialect::Dialect,
        judge::{Fit, Held},
    },
};
use rstest::rstest;
use std::collections::HashSet;

fn mapping() -> Mapping {
    let columns = vec![Column::from_source("clerk_id", "id").expect("a source")];
    let link = Some(LinkSpec { by: LinkBy::ExternalId, column: Some("id".to_owned()) });
    Mapping::try_new(MappingSpec { create: false, columns, link, ..MappingSpec::default() })
        .expect("a mapping")
}

fn fit(mapping: &Mapping) -> Fit {
    let storage = Storage::Integer { min: 1, max: 1_000 };
    let link = Some(Held { storage, cast: String::new() });
    Fit { link, ..Fit::made_by_us(mapping, Dialect::Sqlite) }
}

fn found(value: i64, free: i64, taken: i64) -> Found {
    Found { value, free, taken }
}

/// What becomes of users who look for these, where the table holds what was found.
fn judged(sought: &[Option<&str>], present: &[usize], found: &[Found]) -> Vec<Option<Linking>> {
    let mapping = mapping();
    let fit = fit(&mapping);
    let users: Vec<UserId> =
        (0..sought.len()).map(|i| UserId::try_new(&format!("user_{i}")).expect("an id")).collect();
    let seekers = users.iter().zip(sought.iter().copied());
    let mut search = Search::new(mapping.link(), &fit, seekers).expect("a search");
    search.leave_out(&present.iter().map(|i| format!("user_{i}")).collect::<HashSet<_>>());
    search.judge(found)
}

#[rstest]
#[case(found(0, 1, 0), Linking::Linked)]
#[case(found(0, 0, 0), Linking::NoRow)]
#[case(found(0, 0, 1), Linking::Taken)]
#[case(found(0, 1, 1), Linking::Linked)]
#[case(found(0, 2, 0), Linking::Ambiguous)]
#[case(found(0, 3, 2), Linking::Ambiguous)]
#[case(found(1, 1, 0), Linking::NoRow)]
fn a_row_is_given_only_where_there_is_no_choice(#[case] found: Found, #[case] linking: Linking) {
    assert_eq!(judged(&[Some("7")], &[], &[found]), [Some(linking)]);
}

#[test]
fn values_count_among_those_that_are_looked_for() {
    let sought = [None, Some("7"), Some("no number"), Some("8"), Some("9")];
    assert_eq!(
        judged(&sought, &[3], &[found(0, 1, 0), found(1, 0, 1)]),
        [Some(Linking::Unnamed), Some(Linking::Linked), Some(Linking::NoRow), None, Some(Linking::Taken)],
    );
}

#[test]
fn a_row_is_given_once() {
    let both = judged(&[Some("7"), Some("7")], &[], &[found(0, 1, 0), found(1, 1, 0)]);
    assert_eq!(both, [Some(Linking::Linked), Some(Linking::Taken)]);
}

#[test]
fn nobody_searches_where_nothing_is_linked() {
    let mapping = mapping();
    let fit = fit(&mapping);
    let user = UserId::try_new("user_1").expect("an id");
    assert!(Search::new(None, &fit, std::iter::once((&user, Some("7")))).is_none());
    assert!(Search::new(mapping.link(), &fit, std::iter::empty()).is_none());
}

#[test]
fn statements_name_each_value_in_both_places() {
    assert_eq!(
        by_case::find("t", "k", "c", 2),
        "select case when c = ? then 0 when c = ? then 1 end, count(*) - count(k), count(k) from t where c in (?, ?) group by 1"
    );
    assert_eq!(
        by_case::give("t", "k", "c", 1),
        "update t set k = case when c = ? then ? end where k is null and c in (?)"
    );
}
