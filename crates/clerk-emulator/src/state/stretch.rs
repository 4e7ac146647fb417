//! A stretch of an ordered index, so that a list of a few users out of a million touches only these.

use std::collections::BTreeSet;

use super::users::Position;

/// Everything between two places, neither of which is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    after: Option<Position>,
    before: Option<Position>,
}

impl Stretch {
    /// Narrows it to what comes after a place.
    pub(crate) fn after(mut self, place: Position) -> Self {
        // `None` comes before everything, as it should here.
        self.after = self.after.max(Some(place));
        self
    }

    /// Narrows it to what comes before a place.
    pub(crate) fn before(mut self, place: Position) -> Self {
        self.before = Some(match self.before {
            Some(nearer) if nearer < place => nearer,
            _ => place,
        });
        self
    }

    /// What the index has in it, in order.
    pub(crate) fn of<'a>(
        &self,
        index: &'a BTreeSet<Position>,
    ) -> impl DoubleEndedIterator<Item = &'a Position> + use<'a> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = self.after.as_ref().map_or(Unbounded, Excluded);
        let until = self.before.as_ref().map_or(Unbounded, Excluded);
        let range = match (&self.after, &self.before) {
            // Ends that have crossed are no range at all.
            (Some(after), Some(before)) if after >= before => None,
            _ => Some(index.range::<Position, _>((from, until))),
        };
        range.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossed_and_touching_ends_hold_nothing() {
        let index: BTreeSet<_> = (0..5).map(Position::before_all_at).collect();
        let at = Position::before_all_at;
        assert_eq!(Stretch::default().of(&index).count(), 5);
        assert_eq!(Stretch::default().after(at(1)).before(at(4)).of(&index).count(), 2);
        assert_eq!(Stretch::default().after(at(1)).before(at(1)).of(&index).count(), 0);
        assert_eq!(Stretch::default().after(at(4)).before(at(1)).of(&index).count(), 0);
        assert_eq!(Stretch::default().after(at(3)).after(at(1)).of(&index).count(), 1);
        assert_eq!(Stretch::default().before(at(1)).before(at(3)).of(&index).count(), 1);
    }
}
