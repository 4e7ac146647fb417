//! Refused users who wait until somebody else changes.
//!
//! A dead letter heals with its user's next change; but here the change may be another's, who gives the value up. So the
//! letter names who holds it, and a change of any of them reads the refused user again. What this process refuses it
//! remembers at once; what others refused, or this one before it was restarted, it finds among the dead letters.

use super::reason::holders_in;
use crate::{
    engine::{Parts, observers::Observer, settle::Settling},
    observation::Observation,
    rule::Verdict,
    store::{Applied, StoreError},
    user_id::UserId,
};
use clerk_auth::clock::Clock;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How often the dead letters are looked through.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Letters looked at in one statement.
const LETTERS: u32 = 200;
/// Users who are watched for; who comes after them heals with their own change, or with a scrub.
const MOST: usize = 1_000;

/// See the module.
#[derive(Debug)]
pub(in crate::engine) struct Waiting {
    by_user: Mutex<HashMap<UserId, Wait>>,
    /// How many there are: nearly always none, which must cost nothing.
    count: AtomicUsize,
    settling: Arc<Settling>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Wait {
    holders: BTreeSet<UserId>,
    letters: BTreeSet<i64>,
}

impl Waiting {
    pub(in crate::engine) fn new(settling: Arc<Settling>, clock: Arc<dyn Clock>) -> Self {
        Self { by_user: Mutex::default(), count: AtomicUsize::new(0), settling, clock }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Wait>> {
        self.by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `user` waits for a change of any of `holders`.
    pub(in crate::engine) fn add(&self, user: UserId, holders: &[UserId]) {
        let mut by_user = self.lock();
        if by_user.len() < MOST || by_user.contains_key(&user) {
            by_user.entry(user).or_default().holders = holders.iter().cloned().collect();
        }
        self.count.store(by_user.len(), Ordering::Release);
    }

    /// What the dead letters say now: for each user their numbers, and who is in the way. Who was not known yet is read
    /// once: the change may have come before the letter was seen.
    fn found(&self, letters: BTreeMap<UserId, Wait>) {
        let mut by_user = self.lock();
        by_user.retain(|user, wait| wait.letters.is_empty() || letters.contains_key(user));
        for (user, wait) in letters {
            if let Some(known) = by_user.get_mut(&user) {
                known.letters = wait.letters;
            } else if by_user.len() < MOST {
                self.settling.recheck(user.clone(), self.clock.monotonic());
                by_user.insert(user, wait);
            }
        }
        self.count.store(by_user.len(), Ordering::Release);
    }

    /// `user` is as Clerk says. Answers with the letters that are void now.
    fn done(&self, user: &UserId) -> BTreeSet<i64> {
        if self.count.load(Ordering::Acquire) == 0 {
            return BTreeSet::new();
        }
        let mut by_user = self.lock();
        let letters = by_user.remove(user).map(|wait| wait.letters).unwrap_or_default();
        self.count.store(by_user.len(), Ordering::Release);
        letters
    }

    /// The row of `user` may have given up what it held.
    pub(in crate::engine) fn freed(&self, user: &UserId) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        for (waiting, _) in self.lock().iter().filter(|(_, wait)| wait.holders.contains(user)) {
            self.settling.recheck(waiting.clone(), self.clock.monotonic());
        }
    }

    #[cfg(test)]
    pub(in crate::engine) fn len(&self) -> usize {
        self.lock().len()
    }
}

impl Observer for Waiting {
    fn committed(&self, observation: &Observation, applied: &Applied) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let user = &observation.user;
        if applied.change.is_some() {
            self.freed(user);
        }
        // Its own change removes its letters with the row; without a change of the row they stay, and are void.
        if applied.verdict == Verdict::Stands && self.lock().contains_key(user) {
            self.settling.recheck(user.clone(), self.clock.monotonic());
        }
    }
}

impl Parts {
    /// `user` was read and is as Clerk says: its letters about unique values are void.
    pub(in crate::engine) async fn forget_letters(&self, user: &UserId) {
        for number in self.waiting.done(user) {
            if let Err(error) = self.store.drop_dead_letter(number).await {
                // The next look finds it.
                tracing::debug!(user.id = %user, %error, "a void dead letter stays for now");
            }
        }
    }

    async fn look_for_letters(&self) -> Result<(), StoreError> {
        let mut found: BTreeMap<UserId, Wait> = BTreeMap::new();
        let mut after = 0;
        loop {
            let page = self.store.dead_letters(after, LETTERS).await?;
            let Some(last) = page.last().filter(|_| found.len() < MOST) else { break };
            after = last.number;
            for kept in page {
                let holders = holders_in(&kept.letter.reason);
                if let (Some(user), false) = (kept.letter.user, holders.is_empty()) {
                    let wait = found.entry(user).or_default();
                    wait.letters.insert(kept.number);
                    wait.holders.extend(holders);
                }
            }
        }
        self.waiting.found(found);
        Ok(())
    }
}

/// Looks through the dead letters now and then, until the engine is gone or drained.
pub(in crate::engine) async fn watch_letters(parts: Weak<Parts>) {
    let Some((clock, mut draining)) =
        parts.upgrade().map(|parts| (Arc::clone(&parts.clock), parts.observers.draining()))
    else {
        return;
    };
    loop {
        tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => return,
            () = clock.sleep(LOOK_EVERY) => {}
        }
        let Some(strong) = parts.upgrade() else { return };
        // The instance is known once there is a database with our tables.
        if strong.instance.get().is_some()
            && let Err(error) = strong.look_for_letters().await
        {
            tracing::debug!(%error, "the dead letters were not looked through");
        }
    }
}
