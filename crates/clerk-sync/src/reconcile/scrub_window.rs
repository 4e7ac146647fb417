//! Which users were seen in the window of `created_at` that is open. Pure.

use crate::user_id::UserId;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// The users of the open window. A millisecond in which very many were created must not take much memory, so only a
/// hash of each is kept; two users with one hash would hide a deletion until the next change, once in 2^64.
#[derive(Debug, Default)]
pub(super) struct Seen {
    created_at: HashMap<u64, i64>,
}

impl Seen {
    /// A user was seen. Without a `created_at` it counts as created at `otherwise`, Unix ms.
    pub(super) fn insert(&mut self, user: &UserId, created_at: Option<i64>, otherwise: i64) {
        self.created_at.insert(short(user), created_at.unwrap_or(otherwise));
    }

    pub(super) fn contains(&self, user: &UserId) -> bool {
        self.created_at.contains_key(&short(user))
    }

    /// Closes the window at `until`: only who was created then or later stays. Clerk's order among users of one
    /// millisecond is unknown, so the last one's may go on on the next page.
    pub(super) fn close(&mut self, until: i64) {
        self.created_at.retain(|_, created_at| *created_at >= until);
    }

    pub(super) fn len(&self) -> usize {
        self.created_at.len()
    }
}

/// Stands for an id where very many must be remembered.
pub(super) fn short(user: &UserId) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_millisecond_is_carried_over() {
        let user = |id: &str| UserId::try_new(id).expect("an id");
        let mut seen = Seen::default();
        seen.insert(&user("user_1"), Some(1), 2);
        seen.insert(&user("user_2"), Some(2), 2);
        seen.insert(&user("user_3"), None, 2);
        assert!(seen.contains(&user("user_1")));
        seen.close(2);
        assert!(!seen.contains(&user("user_1")));
        assert!(seen.contains(&user("user_2")) && seen.contains(&user("user_3")));
        assert_eq!(seen.len(), 2);
    }
}
