//! Who is told of what the door wrote, and of the engine's end.

use crate::{observation::Observation, store::Applied};
use std::{
    fmt,
    sync::{PoisonError, RwLock, Weak},
};
use tokio::sync::watch;

/// Hears of every committed observation before its caller does. It must not block.
pub(crate) trait Observer: Send + Sync + fmt::Debug {
    /// `observation` was committed, and `applied` is what became of it.
    fn committed(&self, observation: &Observation, applied: &Applied);
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Observers {
    all: RwLock<Vec<Weak<dyn Observer>>>,
    draining: watch::Sender<bool>,
}

impl Observers {
    /// Tells `observer` from now on, for as long as it lives.
    pub(super) fn add(&self, observer: Weak<dyn Observer>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.strong_count() > 0);
        all.push(observer);
    }

    pub(super) fn committed(&self, observation: &Observation, applied: &Applied) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        for observer in all.iter().filter_map(Weak::upgrade) {
            observer.committed(observation, applied);
        }
    }

    /// The engine ends.
    pub(super) fn close(&self) {
        self.draining.send_replace(true);
    }

    /// Becomes true when the engine ends.
    pub(super) fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }
}
