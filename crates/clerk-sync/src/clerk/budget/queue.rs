//! Those who wait, in order. Only the first of each lane looks whether it may go: nobody else wakes for nothing.

use super::lane::{Lane, PerLane, RaisableLane};
use std::{collections::BTreeMap, sync::Arc};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    next: u64,
    lanes: PerLane<BTreeMap<u64, Arc<RaisableLane>>>,
}

impl Queue {
    /// Joins the end of a lane, and answers the number by which it leaves.
    pub(super) fn join(&mut self, lane: Lane, waiting: Arc<RaisableLane>) -> u64 {
        self.next += 1;
        self.lanes.of_mut(lane).insert(self.next, waiting);
        self.next
    }

    /// Moves up to another lane, where it goes before those who came later.
    pub(super) fn change(&mut self, number: u64, from: Lane, to: Lane) {
        if let Some(waiting) = self.lanes.of_mut(from).remove(&number) {
            self.lanes.of_mut(to).insert(number, waiting);
            self.wake_first();
        }
    }

    pub(super) fn leave(&mut self, number: u64, lane: Lane) {
        self.lanes.of_mut(lane).remove(&number);
    }

    pub(super) fn is_first(&self, number: u64, lane: Lane) -> bool {
        self.lanes.of(lane).first_key_value().is_some_and(|(first, _)| *first == number)
    }

    /// How many wait in each lane.
    pub(super) fn waiting(&self) -> PerLane<usize> {
        let mut waiting = PerLane::default();
        for lane in Lane::ALL {
            *waiting.of_mut(lane) = self.lanes.of(lane).len();
        }
        waiting
    }

    /// Wakes the first of each lane.
    pub(super) fn wake_first(&self) {
        for lane in Lane::ALL {
            if let Some((_, first)) = self.lanes.of(lane).first_key_value() {
                first.wake.notify_one();
            }
        }
    }
}
