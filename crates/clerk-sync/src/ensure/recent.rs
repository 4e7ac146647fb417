//! What happened to users within the last seconds, within bounds.

use crate::user_id::UserId;
use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Notes that each hold for a while. Of too many, the oldest go early. All times are those of the monotonic clock.
#[derive(Debug)]
pub(super) struct Recent<T> {
    keep: Duration,
    /// Notes in one generation.
    room: usize,
    generations: Mutex<Generations<T>>,
}

type Notes<T> = HashMap<UserId, (Duration, T)>;

#[derive(Debug)]
struct Generations<T> {
    young: Notes<T>,
    old: Notes<T>,
    turned: Duration,
}

impl<T: Clone> Recent<T> {
    /// Notes that hold for `keep`; at most twice `room` of them.
    pub(super) fn new(keep: Duration, room: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new(), turned: Duration::ZERO };
        Self { keep, room, generations: Mutex::new(generations) }
    }

    /// Notes something of a user at `now`.
    pub(super) fn note(&self, user: &UserId, now: Duration, what: T) {
        let mut generations = self.lock();
        if generations.young.len() >= self.room || now.saturating_sub(generations.turned) > self.keep {
            generations.old = mem::take(&mut generations.young);
            generations.turned = now;
        }
        generations.young.insert(user.clone(), (now, what));
    }

    /// What was noted of a user and still holds at `now`.
    pub(super) fn get(&self, user: &UserId, now: Duration) -> Option<T> {
        let generations = self.lock();
        let note = generations.young.get(user).or_else(|| generations.old.get(user));
        note.filter(|(noted, _)| now.saturating_sub(*noted) <= self.keep).map(|(_, what)| what.clone())
    }

    /// Forgets what was noted of a user.
    pub(super) fn remove(&self, user: &UserId) {
        let mut generations = self.lock();
        generations.young.remove(user);
        generations.old.remove(user);
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut generations = self.lock();
        generations.young.clear();
        generations.old.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Generations<T>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: usize) -> UserId {
        UserId::try_new(&format!("user_{number}")).expect("an id")
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_note_holds_for_its_time_and_no_longer() {
        let recent = Recent::new(5 * SECOND, 100);
        recent.note(&user(1), 10 * SECOND, "a");
        assert_eq!(recent.get(&user(1), 15 * SECOND), Some("a"));
        assert_eq!(recent.get(&user(1), 15 * SECOND + Duration::from_nanos(1)), None);
        // Turning keeps what still holds.
        recent.note(&user(2), 14 * SECOND, "b");
        recent.note(&user(3), 20 * SECOND, "c");
        assert_eq!((recent.get(&user(2), 19 * SECOND), recent.get(&user(2), 20 * SECOND)), (Some("b"), None));
        assert_eq!(recent.get(&user(4), 20 * SECOND), None);
    }

    #[test]
    fn the_newest_note_of_a_user_counts() {
        let recent = Recent::new(5 * SECOND, 1);
        recent.note(&user(1), SECOND, "a");
        recent.note(&user(1), 4 * SECOND, "b");
        assert_eq!(recent.get(&user(1), 8 * SECOND), Some("b"));
        recent.remove(&user(1));
        assert_eq!(recent.get(&user(1), 8 * SECOND), None, "removed from both generations");
        recent.note(&user(2), 8 * SECOND, "c");
        recent.clear();
        assert_eq!(recent.get(&user(2), 8 * SECOND), None);
    }

    #[test]
    fn there_are_never_too_many() {
        let recent = Recent::new(SECOND, 10);
        (0..1_000).for_each(|number| recent.note(&user(number), SECOND, ()));
        let generations = recent.lock();
        assert!(generations.young.len() + generations.old.len() <= 20);
        drop(generations);
        assert_eq!(recent.get(&user(999), SECOND), Some(()));
    }
}
