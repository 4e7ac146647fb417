//! The lanes: who waits for a call, and so who goes first.

use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::Notify;

/// Who waits for a call. Earlier variants go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// A person waits.
    Person = 0,
    /// A webhook's sender waits.
    Webhook = 1,
    /// Nobody waits: a timer's work. At most half of the limit, spread evenly.
    Background = 2,
    /// Everything that a command of a person's reads, an import say: as much as nobody else needs, spread evenly.
    Bulk = 3,
}

impl Lane {
    pub(super) const ALL: [Self; 4] = [Self::Person, Self::Webhook, Self::Background, Self::Bulk];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Webhook => "webhook",
            Self::Background => "background",
            Self::Bulk => "bulk",
        }
    }

    /// Whether its calls are spread over the window instead of going at once.
    pub(super) fn is_paced(self) -> bool {
        matches!(self, Self::Background | Self::Bulk)
    }
}

/// Something for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PerLane<T>([T; Lane::ALL.len()]);

impl<T> PerLane<T> {
    pub(super) fn of(&self, lane: Lane) -> &T {
        let [person, webhook, background, bulk] = &self.0;
        match lane {
            Lane::Person => person,
            Lane::Webhook => webhook,
            Lane::Background => background,
            Lane::Bulk => bulk,
        }
    }

    pub(super) fn of_mut(&mut self, lane: Lane) -> &mut T {
        let [person, webhook, background, bulk] = &mut self.0;
        match lane {
            Lane::Person => person,
            Lane::Webhook => webhook,
            Lane::Background => background,
            Lane::Bulk => bulk,
        }
    }
}

/// A lane that can be raised while its call still waits: somebody more urgent joined it.
#[derive(Debug)]
pub(in crate::clerk) struct RaisableLane {
    lane: AtomicU8,
    /// Wakes the call that waits in it.
    pub(super) wake: Notify,
}

impl RaisableLane {
    pub(in crate::clerk) fn new(lane: Lane) -> Self {
        Self { lane: AtomicU8::new(lane as u8), wake: Notify::new() }
    }

    pub(super) fn get(&self) -> Lane {
        let number = self.lane.load(Ordering::SeqCst);
        Lane::ALL.into_iter().find(|lane| *lane as u8 == number).unwrap_or(Lane::Bulk)
    }

    /// Moves it up to `lane`; never down.
    pub(in crate::clerk) fn raise(&self, lane: Lane) {
        if self.lane.fetch_min(lane as u8, Ordering::SeqCst) > lane as u8 {
            self.wake.notify_one();
        }
    }
}
