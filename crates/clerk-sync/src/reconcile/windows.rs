//! An import's windows of `created_at`: how many, and who takes over from whom. Pure.
//!
//! No window needs a filter together with a cursor: it begins by time, goes on by cursor, and ends where a page reaches
//! into the next one.

use super::walk::Place;
use serde::{Deserialize, Serialize};

/// A stretch of `created_at`, and how far its walk is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// The first moment, Unix ms; `None` for the beginning.
    pub(super) from: Option<i64>,
    /// The moment that is no longer in it; `None` for the end.
    pub(super) until: Option<i64>,
    /// The last user that was written.
    pub(super) after: Option<Place>,
    /// Users seen in it.
    pub(super) seen: i64,
    /// Whether it was walked to its end.
    pub(super) done: bool,
}

impl Window {
    /// About how many users are left in it, if `newest` is the last user's `created_at` and `per_ms` the users of a
    /// millisecond.
    fn left(&self, oldest: i64, newest: i64, per_ms: f64) -> f64 {
        if self.done {
            return 0.0;
        }
        let from = self.from.unwrap_or(oldest);
        let at = self.after.as_ref().map_or(from, |place| place.created_at);
        let own = if at > from && self.seen > 0 { self.seen as f64 / (at - from) as f64 } else { per_ms };
        (self.until.unwrap_or(newest + 1) - at).max(0) as f64 * own
    }
}

/// The range of an instance's users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// The first user's `created_at`, Unix ms.
    pub(super) oldest: i64,
    /// The last one's.
    pub(super) newest: i64,
    /// How many users lie between them.
    pub(super) users: i64,
    /// Fewer than this are not worth another window.
    pub(super) worthwhile: u32,
}

impl Range {
    /// Cuts the range into `parts` windows of equal length; fewer where there are few users.
    pub(super) fn cut(self, parts: usize) -> Vec<Window> {
        let worthwhile = (self.users as f64 / f64::from(self.worthwhile)).ceil().max(1.0) as usize;
        let span = self.newest.saturating_sub(self.oldest) + 1;
        let parts = (parts.min(worthwhile).max(1) as i64).min(span);
        let bound = |i: i64| self.oldest + (i128::from(span) * i128::from(i) / i128::from(parts)) as i64;
        // Parts shorter than a millisecond are none.
        let mut bounds: Vec<Option<i64>> =
            (1..parts).map(bound).filter(|at| *at > self.oldest).map(Some).collect();
        bounds.dedup();
        let from = std::iter::once(None).chain(bounds.iter().copied());
        let until = bounds.iter().copied().chain(std::iter::once(None));
        from.zip(until).map(|(from, until)| Window { from, until, ..Window::default() }).collect()
    }

    /// Splits the window with most left in it: its position, and the moment at which a new window takes over. `None`
    /// where nothing is left that is worth it.
    pub(super) fn split(self, windows: &[Window]) -> Option<(usize, i64)> {
        let per_ms = self.users as f64 / (self.newest.saturating_sub(self.oldest) + 1) as f64;
        let left = |window: &Window| window.left(self.oldest, self.newest, per_ms);
        let (position, window) =
            windows.iter().enumerate().max_by(|(_, a), (_, b)| left(a).total_cmp(&left(b)))?;
        let at = window.after.as_ref().map(|place| place.created_at).or(window.from).unwrap_or(self.oldest);
        let until = window.until.unwrap_or(self.newest + 1);
        let middle = at + (until - at) / 2;
        // Not the very next moments either: the page that is on its way reaches beyond them.
        (left(window) >= f64::from(self.worthwhile) && middle > at + 1 && middle < until)
            .then_some((position, middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_id::UserId;
    use proptest::prelude::*;

    fn place(created_at: i64) -> Place {
        Place { user: UserId::try_new("user_1").expect("an id"), created_at }
    }

    #[test]
    fn few_users_are_one_window() {
        let range = Range { oldest: 0, newest: 1_000_000, users: 1_999, worthwhile: 2_000 };
        assert_eq!(range.cut(16), [Window::default()]);
        let same = Range { oldest: 5, newest: 5, users: 1_000_000, worthwhile: 2_000 };
        assert_eq!(same.cut(16).len(), 1, "one millisecond cannot be cut");
    }

    #[test]
    fn the_one_with_most_left_is_split_in_its_rest() {
        let range = Range { oldest: 0, newest: 999_999, users: 1_000_000, worthwhile: 2_000 };
        let mut windows = range.cut(2);
        windows[0] = Window { after: Some(place(400_000)), seen: 400_000, ..windows[0].clone() };
        assert_eq!(range.split(&windows), Some((1, 750_000)));
        windows[1].done = true;
        assert_eq!(range.split(&windows), Some((0, 450_000)));
        windows[0].after = Some(place(499_000));
        windows[0].seen = 499_000;
        assert_eq!(range.split(&windows), None);
    }

    proptest! {
        #[test]
        fn windows_cover_everything_once(oldest in -10_i64..10, span in 0_i64..100_000, users in 0_i64..100_000, parts in 0_usize..40) {
            let windows = Range { oldest, newest: oldest + span, users, worthwhile: 2_000 }.cut(parts);
            prop_assert!(!windows.is_empty() && windows.len() <= parts.max(1));
            prop_assert_eq!(windows[0].from, None);
            prop_assert_eq!(windows[windows.len() - 1].until, None);
            for pair in windows.windows(2) {
                prop_assert!(pair[0].until.is_some());
                prop_assert_eq!(pair[0].until, pair[1].from);
                prop_assert!(pair[0].from < pair[1].from);
            }
        }
    }
}
