//! Who holds the lease: the rule that every store follows. Pure; times are Unix ms by the store's clock.

use super::Lease;
use std::time::Duration;

/// The lease as it is stored. Its default was never taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LeaseState {
    /// Who took it last.
    pub(super) holder: Option<String>,
    pub(super) token: i64,
    pub(super) expires_at: i64,
    /// Who asks for it, and until when the wish counts.
    pub(super) wish: Option<(String, i64)>,
}

/// A length of time as the stores add it to a clock.
pub(super) fn ttl_ms(ttl: Duration) -> i64 {
    // A clock's time may be added to it.
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 2)
}

impl LeaseState {
    /// Takes or renews it, or leaves a wish, or changes nothing. See [`super::Coordination::take_lease`].
    pub(super) fn take(&mut self, holder: &str, now: i64, ttl_ms: i64, insists: bool) {
        self.wish = self.wish.take().filter(|(_, until)| *until > now);
        let wished_by_another = self.wish.as_ref().is_some_and(|(by, _)| by != holder);
        let free = self.holder.is_none() || self.expires_at <= now;
        if !free && self.holder.as_deref() == Some(holder) {
            self.expires_at = now + ttl_ms;
        } else if free && (insists || !wished_by_another) {
            self.holder = Some(holder.to_owned());
            self.token += 1;
            self.expires_at = now + ttl_ms;
            self.drop_wish(holder);
        } else if insists {
            self.wish = Some((holder.to_owned(), now + ttl_ms));
        }
    }

    /// Lets it go, if `holder` has it, and takes back its wish.
    pub(super) fn release(&mut self, holder: &str, now: i64) {
        if self.holder.as_deref() == Some(holder) {
            self.expires_at = self.expires_at.min(now);
        }
        self.drop_wish(holder);
    }

    fn drop_wish(&mut self, holder: &str) {
        self.wish = self.wish.take().filter(|(by, _)| by != holder);
    }

    /// Whether nobody has taken the lease since whoever was given this token.
    pub(super) fn is_current(&self, token: i64) -> bool {
        self.holder.is_some() && self.token == token
    }

    /// As callers see it; `None` if it was never taken.
    pub(super) fn shown(&self, now: i64) -> Option<Lease> {
        Some(Lease {
            holder: self.holder.clone()?,
            token: self.token,
            expires_in: Duration::from_millis((self.expires_at - now).max(0).unsigned_abs()),
            wanted_by: self.wanted_by(now),
        })
    }

    /// The answer to whoever asked for it. Only a wish by another keeps a lease that was never taken from being taken.
    pub(super) fn answered(&self, now: i64) -> Lease {
        self.shown(now).unwrap_or_else(|| Lease {
            holder: String::new(),
            token: 0,
            expires_in: Duration::ZERO,
            wanted_by: self.wanted_by(now),
        })
    }

    fn wanted_by(&self, now: i64) -> Option<String> {
        self.wish.as_ref().filter(|(_, until)| *until > now).map(|(by, _)| by.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(state: &mut LeaseState, by: &str, now: i64, insists: bool) -> (String, i64) {
        state.take(by, now, 10, insists);
        let lease = state.answered(now);
        (lease.holder, lease.token)
    }

    fn by(holder: &str, token: i64) -> (String, i64) {
        (holder.to_owned(), token)
    }

    #[test]
    fn the_token_grows_with_every_take_over_and_with_no_renewal() {
        let mut state = LeaseState::default();
        assert!(state.shown(0).is_none() && !state.is_current(0));
        assert_eq!(taken(&mut state, "a", 0, false), by("a", 1));
        assert_eq!(taken(&mut state, "a", 9, false), by("a", 1));
        assert_eq!(taken(&mut state, "b", 18, false), by("a", 1));
        assert_eq!(taken(&mut state, "a", 19, false), by("a", 2), "it had run out");
        assert_eq!(taken(&mut state, "b", 29, false), by("b", 3));
        state.release("a", 30);
        assert_eq!(taken(&mut state, "a", 30, false), by("b", 3), "only its holder lets it go");
        state.release("b", 31);
        assert_eq!(taken(&mut state, "a", 31, false), by("a", 4));
    }

    #[test]
    fn a_wish_keeps_a_free_lease_for_whoever_wished() {
        let mut state = LeaseState::default();
        taken(&mut state, "a", 0, false);
        taken(&mut state, "b", 5, true);
        assert_eq!(state.answered(5).wanted_by.as_deref(), Some("b"));
        state.release("a", 6);
        assert_eq!(taken(&mut state, "a", 7, false), by("a", 1));
        assert_eq!(state.answered(7).expires_in, Duration::ZERO);
        assert_eq!(taken(&mut state, "b", 8, false), by("b", 2));
        assert_eq!(state.answered(8).wanted_by, None);
        taken(&mut state, "a", 9, true);
        state.release("b", 10);
        assert_eq!(taken(&mut state, "c", 19, false), by("c", 3), "a wish has an end");
    }
}
