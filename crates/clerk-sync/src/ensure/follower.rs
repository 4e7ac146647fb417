//! Follows the feed for deletions, so that what one process deletes is forgotten by all.

use super::Inner;
use crate::store::{Bell, StoreError};
use clerk_auth::clock::Clock;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Entries of the feed in one look.
const AT_ONCE: u32 = 10_000;
/// Whoever lies further behind forgets everyone and goes on from the end: looking through all that was missed would take
/// longer than finding the users again.
const TOO_FAR: i64 = 100_000;
/// However often the bell rings. Deletions that come together are found together.
const GAP: Duration = Duration::from_millis(20);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where the follower is in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    epoch: String,
    number: i64,
}

/// What ends the follower: everyone who asks is gone, or the engine is.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) alive: watch::Receiver<()>,
    pub(super) draining: watch::Receiver<bool>,
}

impl End {
    async fn comes(&mut self) {
        tokio::select! {
            _ = self.alive.changed() => {}
            _ = self.draining.wait_for(|draining| *draining) => {}
        }
    }
}

/// Looks every `every`, and at once when `wake` says so.
pub(super) async fn run(
    inner: Weak<Inner>,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
    every: Duration,
    mut end: End,
) {
    let mut cursor = None;
    let mut failing = false;
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let looked = strong.look(&mut cursor).await;
        drop(strong);
        match looked {
            Ok(()) if failing => {
                failing = false;
                tracing::info!("the feed is followed again");
            }
            Ok(()) => {}
            // Once is enough: it fails as long as the database is away.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "the feed cannot be followed; known users are looked up again meanwhile");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = clock.sleep(every) => {}
            () = rung_after_a_gap(clock.as_ref(), &wake) => {}
            () = end.comes() => return,
        }
    }
}

async fn rung_after_a_gap(clock: &dyn Clock, wake: &Notify) {
    clock.sleep(GAP).await;
    wake.notified().await;
}

/// Hears the bell for as long as that works, and tries again with growing pauses where it does not.
pub(super) async fn listen(mut bell: Box<dyn Bell>, clock: Arc<dyn Clock>, wake: Arc<Notify>, mut end: End) {
    let mut pause = FIRST_PAUSE;
    loop {
        let heard = tokio::select! {
            heard = bell.rung() => heard,
            () = end.comes() => return,
        };
        match heard {
            Ok(()) => {
                pause = FIRST_PAUSE;
                wake.notify_one();
            }
            Err(error) => {
                tracing::debug!(%error, "deletions are not heard of at once; the feed is looked at instead");
                tokio::select! {
                    () = clock.sleep(pause) => {}
                    () = end.comes() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

impl Inner {
    /// Forgets everyone who was deleted since the last look.
    async fn look(&self, cursor: &mut Option<Cursor>) -> Result<(), StoreError> {
        loop {
            let began = self.clock.monotonic();
            let after = cursor.as_ref().map_or(0, |cursor| cursor.number);
            let limit = if cursor.is_some() { AT_ONCE } else { 0 };
            let found = self.store.deletions(after, limit).await?;
            let through = match cursor {
                Some(cursor)
                    if cursor.epoch == found.epoch
                        && cursor.number <= found.last_number
                        && found.last_number - found.through <= TOO_FAR =>
                {
                    for user in &found.users {
                        self.forget(user);
                    }
                    found.through
                }
                // The first look, numbers that began anew, or too much to look through.
                _ => {
                    if cursor.as_ref().is_some_and(|cursor| cursor.epoch != found.epoch) {
                        tracing::info!("the feed has a new epoch; every known user is looked up again");
                    }
                    self.forget_everyone();
                    found.last_number
                }
            };
            *cursor = Some(Cursor { epoch: found.epoch, number: through });
            if through >= found.last_number {
                self.looked(began);
                return Ok(());
            }
        }
    }
}
