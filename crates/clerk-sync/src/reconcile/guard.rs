//! How many deletions may be done without asking.

use std::{fmt, time::Duration};

/// The span within which deletions are counted together.
const SPAN: Duration = Duration::from_secs(24 * 60 * 60);

/// The most deletions that reconciling may do without being asked: the larger of a number and a share of all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxDeletes {
    /// At least so many are always allowed.
    pub count: u64,
    /// This many in a hundred users, rounded up.
    pub percent: u64,
}

impl Default for MaxDeletes {
    /// The larger of 10 and 1 %.
    fn default() -> Self {
        Self { count: 10, percent: 1 }
    }
}

impl MaxDeletes {
    /// How many deletions are allowed within 24 h where there are `users` users.
    pub fn for_users(&self, users: u64) -> u64 {
        let share = (u128::from(users) * u128::from(self.percent)).div_ceil(100);
        self.count.max(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for MaxDeletes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.count, self.percent) {
            (count, 0) => write!(out, "{count}"),
            (0, percent) => write!(out, "{percent}%"),
            (count, percent) => write!(out, "max({count}, {percent}%)"),
        }
    }
}

/// Forgets what lies more than 24 h back, and counts the rest.
pub(super) fn recent(deletions: &mut Vec<(i64, u64)>, now_ms: i64) -> u64 {
    let since = now_ms - SPAN.as_millis() as i64;
    deletions.retain(|(at, _)| *at > since);
    deletions.iter().map(|(_, count)| count).sum()
}

/// How many suspects may be looked into at most. `recent`: deletions of the last 24 h; `confirmed`: how many a person
/// said may go.
pub(super) fn most(limit: MaxDeletes, users: u64, recent: u64, confirmed: Option<u64>) -> u64 {
    limit.for_users(users).saturating_sub(recent).max(confirmed.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, 10)]
    #[case(1_000, 10)]
    #[case(1_001, 11)]
    #[case(1_000_000, 10_000)]
    fn one_in_a_hundred_and_at_least_ten(#[case] users: u64, #[case] most: u64) {
        assert_eq!(MaxDeletes::default().for_users(users), most);
    }

    #[test]
    fn a_day_counts_as_one() {
        let day = 24 * 60 * 60 * 1_000;
        let mut deletions = vec![(0, 4), (1_000, 3), (day, 2)];
        assert_eq!(recent(&mut deletions, day), 5);
        assert_eq!(deletions, [(1_000, 3), (day, 2)]);
    }

    #[rstest]
    #[case(0, None, 10)]
    #[case(4, None, 6)]
    #[case(40, None, 0)]
    #[case(40, Some(11), 11)]
    #[case(0, Some(1), 10)]
    fn beyond_the_most_a_person_decides(
        #[case] recent: u64,
        #[case] confirmed: Option<u64>,
        #[case] expected: u64,
    ) {
        assert_eq!(most(MaxDeletes::default(), 1_000, recent, confirmed), expected);
    }
}
