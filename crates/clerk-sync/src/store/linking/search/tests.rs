use super::*;
use crate::{
    mapping::{Column, LinkSpec, MappingSpec, Storage},
    store::dialect::Dialect,
};
use rstest::rstest;

fn mapping(by: LinkBy) -> Mapping {
    let columns = vec![Column::from_source("clerk_id", "id").expect("a source")];
    let link = Some(LinkSpec { by, column: Some("id".to_owned()) });
    Mapping::try_new(MappingSpec { create: false, columns, link, ..MappingSpec::default() })
        .expect("a mapping")
}

fn fit(mapping: &Mapping, storage: Storage) -> Fit {
    let link = Some(Held { storage, cast: String::new() });
    Fit { link, ..Fit::made_by_us(mapping, Dialect::Sqlite) }
}

fn found(text: &str, free: i64, taken: i64) -> Found {
    Found { text: text.to_owned(), free, taken }
}

/// What becomes of users who look for these, where the table holds what was found.
fn judged(sought: &[Option<&str>], present: &[usize], found: &[Found]) -> Vec<Option<Linking>> {
    judged_by(LinkBy::ExternalId, Storage::Integer { min: 1, max: 1_000 }, sought, present, found).0
}

/// The same, and what the rows hold that are given.
fn judged_by(
    by: LinkBy,
    storage: Storage,
    sought: &[Option<&str>],
    present: &[usize],
    found: &[Found],
) -> (Vec<Option<Linking>>, Vec<String>) {
    let mapping = mapping(by);
    let fit = fit(&mapping, storage);
    let users: Vec<UserId> =
        (0..sought.len()).map(|i| UserId::try_new(&format!("user_{i}")).expect("an id")).collect();
    let seekers = users.iter().zip(sought.iter().copied());
    let mut search = Search::new(mapping.link(), &fit, seekers).expect("a search");
    search.leave_out(&present.iter().map(|i| format!("user_{i}")).collect::<HashSet<_>>());
    let (answers, links) = search.judge(found);
    (answers, links.into_iter().map(|link| link.text.to_owned()).collect())
}

#[rstest]
#[case(&[found("7", 1, 0)], Linking::Linked)]
#[case(&[found("7", 0, 1)], Linking::Taken)]
#[case(&[found("7", 1, 1)], Linking::Linked)]
#[case(&[found("7", 2, 0)], Linking::Ambiguous)]
#[case(&[found("7", 3, 2)], Linking::Ambiguous)]
#[case(&[found("8", 1, 0)], Linking::NoRow)]
#[case(&[], Linking::NoRow)]
fn a_row_is_given_only_where_there_is_no_choice(#[case] found: &[Found], #[case] linking: Linking) {
    assert_eq!(judged(&[Some("7")], &[], found), [Some(linking)]);
}

#[test]
fn each_finds_its_own() {
    let sought = [None, Some("7"), Some("no number"), Some("8"), Some("9")];
    assert_eq!(
        judged(&sought, &[3], &[found("9", 0, 1), found("7", 1, 0), found("8", 1, 0)]),
        [Some(Linking::Unnamed), Some(Linking::Linked), Some(Linking::NoRow), None, Some(Linking::Taken)],
    );
}

#[test]
fn a_row_is_given_once() {
    let taken = Some(Linking::Taken);
    let all = judged(&[Some("7"); 3], &[], &[found("7", 1, 0)]);
    assert_eq!(all, [Some(Linking::Linked), taken, taken]);
}

const TEXT: Storage = Storage::Text { chars: None, bytes: None, padded: false, nul: true };

/// A collation finds more than is meant.
#[rstest]
#[case(LinkBy::ExternalId, "cust_1", "CUST_1", false)]
#[case(LinkBy::ExternalId, "cust_1", "cust_1 ", false)]
#[case(LinkBy::ExternalId, "cust_1", "cust_1", true)]
#[case(LinkBy::VerifiedEmail, "josé@example.com", "jose@example.com", false)]
#[case(LinkBy::VerifiedEmail, "straße@example.com", "strasse@example.com", false)]
#[case(LinkBy::VerifiedEmail, "kate@example.com", "\u{212a}ate@example.com", false)]
#[case(LinkBy::VerifiedEmail, "kate@example.com", "Kate@Example.com", true)]
fn what_only_looks_alike_is_no_match(
    #[case] by: LinkBy,
    #[case] sought: &str,
    #[case] held: &str,
    #[case] is_same: bool,
) {
    let (answers, given) = judged_by(by, TEXT, &[Some(sought)], &[], &[found(held, 1, 0)]);
    let linking = if is_same { Linking::Linked } else { Linking::NoRow };
    assert_eq!(answers, [Some(linking)]);
    assert_eq!(given, if is_same { vec![held.to_owned()] } else { Vec::new() });
}

#[test]
fn an_address_in_two_spellings_is_two_rows() {
    let rows = [found("Ada@example.com", 1, 0), found("ada@example.com", 1, 0)];
    let (answers, _) = judged_by(LinkBy::VerifiedEmail, TEXT, &[Some("ada@example.com")], &[], &rows);
    assert_eq!(answers, [Some(Linking::Ambiguous)]);
}

#[test]
fn nobody_searches_where_nothing_is_linked() {
    let mapping = mapping(LinkBy::ExternalId);
    let fit = fit(&mapping, TEXT);
    let user = UserId::try_new("user_1").expect("an id");
    assert!(Search::new(None, &fit, std::iter::once((&user, Some("7")))).is_none());
    assert!(Search::new(mapping.link(), &fit, std::iter::empty()).is_none());
}
