//! When a single answer of Clerk's is not enough. Pure; all times are Clerk's, in Unix ms.

use crate::rule::{State, Version};

/// A user younger than this may be missing from an answer although it exists.
pub const YOUNG_MS: i64 = 10 * 60 * 1000;

/// Two answers that lie this far apart are two witnesses.
pub const APART_MS: i64 = 60 * 1000;

/// A `Date` is cut to its second, so an `updated_at` within that second is not ahead of it.
const DATE_PRECISION_MS: i64 = 999;

/// Whether a `resource_not_found` is a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It is.
    Counts,
    /// It must be heard again, a minute after the first time.
    NotYet {
        /// The `Date` of the first answer that said so; `None` if none had one.
        first: Option<i64>,
    },
}

/// Judges an absence. `created_at`: Clerk's, from the ledger; `date`: of this answer; `first`: of the earliest
/// answer in a row that said the same.
pub fn absence(created_at: Option<i64>, date: Option<i64>, first: Option<i64>) -> Absence {
    let Some(date) = date else { return Absence::NotYet { first } };
    let old_enough = created_at.is_some_and(|created_at| date - created_at > YOUNG_MS);
    let heard_twice = first.is_some_and(|first| date - first >= APART_MS);
    if old_enough || heard_twice { Absence::Counts } else { Absence::NotYet { first: first.or(Some(date)) } }
}

/// The `updated_at` that a direct read counts with: one ahead of the answer's own time counts as that time.
pub fn believable_updated_at(updated_at: i64, as_of: i64) -> i64 {
    if updated_at > as_of.saturating_add(DATE_PRECISION_MS) { as_of } else { updated_at }
}

/// A direct read that found a lower `updated_at` than the ledger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lower {
    /// What the read found.
    pub updated_at: i64,
    /// When.
    pub as_of: i64,
    /// The ledger's, which it contradicts.
    pub standing: i64,
}

/// Compares a direct read with what stands: the contradiction, if there is one.
pub fn lower(read: &Version, standing: &Version) -> Option<Lower> {
    let both_present = read.state == State::Present && standing.state == State::Present;
    (both_present && read.updated_at < standing.updated_at).then_some(Lower {
        updated_at: read.updated_at,
        as_of: read.as_of,
        standing: standing.updated_at,
    })
}

/// The standing `updated_at` that gives way, if `again` confirms `first` a minute later.
pub fn confirmed(first: &Lower, again: &Lower) -> Option<i64> {
    let same = first.updated_at == again.updated_at && first.standing == again.standing;
    (same && again.as_of - first.as_of >= APART_MS).then_some(again.standing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Digest;
    use rstest::rstest;

    const MINUTE: i64 = 60_000;

    #[rstest]
    // Known, and older than ten minutes.
    #[case(Some(0), Some(10 * MINUTE + 1), None, Absence::Counts)]
    #[case(Some(0), Some(10 * MINUTE), None, Absence::NotYet { first: Some(10 * MINUTE) })]
    // Unknown, or young: twice, a minute apart.
    #[case(None, Some(5_000), None, Absence::NotYet { first: Some(5_000) })]
    #[case(None, Some(5_000 + MINUTE - 1), Some(5_000), Absence::NotYet { first: Some(5_000) })]
    #[case(None, Some(5_000 + MINUTE), Some(5_000), Absence::Counts)]
    #[case(Some(4_000), Some(5_000 + MINUTE), Some(5_000), Absence::Counts)]
    // Without a date it proves nothing.
    #[case(Some(0), None, None, Absence::NotYet { first: None })]
    #[case(Some(0), None, Some(5_000), Absence::NotYet { first: Some(5_000) })]
    fn an_absence_must_be_beyond_doubt(
        #[case] created_at: Option<i64>,
        #[case] date: Option<i64>,
        #[case] first: Option<i64>,
        #[case] expected: Absence,
    ) {
        assert_eq!(absence(created_at, date, first), expected);
    }

    #[rstest]
    #[case(5_999, 5_000, 5_999)]
    #[case(6_000, 5_000, 5_000)]
    #[case(1, 5_000, 1)]
    fn an_updated_at_ahead_of_its_answer_counts_as_its_time(
        #[case] updated_at: i64,
        #[case] as_of: i64,
        #[case] counts: i64,
    ) {
        assert_eq!(believable_updated_at(updated_at, as_of), counts);
    }

    fn version(state: State, updated_at: i64, as_of: i64) -> Version {
        Version { state, updated_at, as_of, digest: Digest::default() }
    }

    #[test]
    fn only_a_lower_read_of_a_present_user_contradicts() {
        let standing = version(State::Present, 9, 9);
        let read = |updated_at| version(State::Present, updated_at, 20);
        assert_eq!(lower(&read(8), &standing), Some(Lower { updated_at: 8, as_of: 20, standing: 9 }));
        assert_eq!(lower(&read(9), &standing), None);
        assert_eq!(lower(&read(8), &version(State::Gone, 9, 9)), None);
        assert_eq!(lower(&version(State::Gone, 0, 20), &standing), None);
    }

    #[test]
    fn two_reads_a_minute_apart_must_agree() {
        let first = Lower { updated_at: 8, as_of: 20, standing: 9 };
        let again = Lower { as_of: 20 + MINUTE, ..first };
        assert_eq!(confirmed(&first, &again), Some(9));
        assert_eq!(confirmed(&first, &Lower { as_of: 19 + MINUTE, ..again }), None);
        assert_eq!(confirmed(&first, &Lower { updated_at: 7, ..again }), None);
        assert_eq!(confirmed(&first, &Lower { standing: 10, ..again }), None);
    }
}
