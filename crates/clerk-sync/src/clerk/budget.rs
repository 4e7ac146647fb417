//! The budget of requests: never more than Clerk allows in any ten seconds, people before machines.

use super::{ClerkError, ClerkErrorKind};
use clerk_auth::clock::Clock;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

const WINDOW: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Who waits for a call. Earlier variants go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// A person waits.
    Person = 0,
    /// A webhook's sender waits.
    Webhook = 1,
    /// Nobody waits.
    Background = 2,
}

const LANES: usize = 3;

impl Lane {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Webhook => "webhook",
            Self::Background => "background",
        }
    }
}

/// A lane that can be raised while its call still waits: somebody more urgent joined it.
#[derive(Debug)]
pub(super) struct RaisableLane(AtomicU8);

impl RaisableLane {
    pub(super) fn new(lane: Lane) -> Self {
        Self(AtomicU8::new(lane as u8))
    }

    fn get(&self) -> usize {
        usize::from(self.0.load(Ordering::SeqCst))
    }

    /// True if the lane was raised by this.
    fn raise(&self, lane: Lane) -> bool {
        self.0.fetch_min(lane as u8, Ordering::SeqCst) > lane as u8
    }
}

/// The right to make one call. Made by [`Budget::permit`] alone.
#[derive(Debug)]
pub struct Permit(());

/// See the module.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// When the calls of the last window were permitted.
    sent: VecDeque<Duration>,
    /// Clerk said `Retry-After`: nothing before this.
    closed_until: Duration,
    waiting: [usize; LANES],
}

impl Budget {
    /// `limit`: calls in any ten seconds, at least 1.
    pub fn new(limit: u32, clock: Arc<dyn Clock>) -> Self {
        Self { limit: (limit as usize).max(1), clock, state: Mutex::default(), changed: Notify::new() }
    }

    /// Waits for the right to make one call, at most `patience`.
    ///
    /// # Errors
    /// [`ClerkErrorKind::Throttled`] where it would take longer.
    pub async fn permit(&self, lane: Lane, patience: Duration) -> Result<Permit, ClerkError> {
        self.permit_raisable(&RaisableLane::new(lane), patience).await
    }

    pub(super) async fn permit_raisable(
        &self,
        lane: &RaisableLane,
        patience: Duration,
    ) -> Result<Permit, ClerkError> {
        let deadline = self.clock.monotonic() + patience;
        loop {
            let changed = self.changed.notified();
            let now = self.clock.monotonic();
            let (place, wait) = {
                let mut state = self.state();
                let place = lane.get();
                match state.wait(now, self.limit, place) {
                    None => {
                        state.sent.push_back(now);
                        return Ok(Permit(()));
                    }
                    Some(wait) => {
                        if now + wait > deadline {
                            let kind = ClerkErrorKind::Throttled { retry_after: wait };
                            return Err(ClerkError::new(kind, "waiting for the budget of requests", ""));
                        }
                        if let Some(waiting) = state.waiting.get_mut(place) {
                            *waiting += 1;
                        }
                        (place, wait)
                    }
                }
            };
            let _waiting = Waiting { budget: self, place };
            tokio::select! {
                () = self.clock.sleep(wait) => {}
                () = changed => {}
            }
        }
    }

    /// Moves a waiting call up to `lane`.
    pub(super) fn raise(&self, waiting: &RaisableLane, lane: Lane) {
        if waiting.raise(lane) {
            self.changed.notify_waiters();
        }
    }

    /// Obeys a `Retry-After`: no call before it has passed.
    pub fn close_for(&self, duration: Duration) {
        let until = self.clock.monotonic().saturating_add(duration);
        let mut state = self.state();
        state.closed_until = state.closed_until.max(until);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long a call in the lane at `place` has to wait; `None` if it may go now.
    fn wait(&mut self, now: Duration, limit: usize, place: usize) -> Option<Duration> {
        while self.sent.front().is_some_and(|sent| *sent + WINDOW <= now) {
            self.sent.pop_front();
        }
        let closed = self.closed_until.saturating_sub(now);
        let ahead: usize = self.waiting.iter().take(place).sum();
        // The call that must leave the window before this one fits, counting those that go first.
        let full = (self.sent.len() + ahead + 1).saturating_sub(limit);
        let free = match full
            .checked_sub(1)
            .and_then(|index| self.sent.get(index.min(self.sent.len().saturating_sub(1))))
        {
            Some(sent) => (*sent + WINDOW).saturating_sub(now),
            // The window is empty, and those that go first woke at the same moment and have not gone yet.
            None if full > 0 => LOOK_AGAIN,
            None => Duration::ZERO,
        };
        Some(closed.max(free)).filter(|wait| !wait.is_zero())
    }
}

/// Counts a waiting call, however its waiting ends.
struct Waiting<'a> {
    budget: &'a Budget,
    place: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.budget.state().waiting.get_mut(self.place) {
            *waiting = waiting.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clerk_auth::clock::ManualClock;

    const PATIENT: Duration = Duration::from_secs(3_600);

    fn budget(limit: u32) -> (Arc<Budget>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(0));
        (Arc::new(Budget::new(limit, Arc::clone(&clock) as Arc<dyn Clock>)), clock)
    }

    #[tokio::test]
    async fn never_more_than_the_limit_in_any_ten_seconds() {
        let (budget, clock) = budget(3);
        let granted = Arc::new(Mutex::new(Vec::new()));
        let callers: Vec<_> = (0..12)
            .map(|_| {
                let (budget, clock, granted) =
                    (Arc::clone(&budget), Arc::clone(&clock), Arc::clone(&granted));
                tokio::spawn(async move {
                    budget.permit(Lane::Background, PATIENT).await.expect("a permit");
                    granted.lock().expect("no panic").push(clock.monotonic());
                })
            })
            .collect();
        for _ in 0..5_000 {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_millis(10));
        }
        for caller in callers {
            caller.await.expect("every caller is served");
        }
        let granted = granted.lock().expect("no panic");
        for window in granted.windows(4) {
            assert!(window[3] - window[0] >= WINDOW, "{window:?}");
        }
        // All of it is used: twelve calls at three in ten seconds end in the fourth window.
        assert!(granted[11] < Duration::from_millis(30_100), "{granted:?}");
    }

    #[tokio::test]
    async fn people_go_before_machines() {
        let (budget, clock) = budget(1);
        budget.permit(Lane::Background, PATIENT).await.expect("the first is free");
        let (order, mut served) = tokio::sync::mpsc::unbounded_channel();
        for lane in [Lane::Background, Lane::Webhook, Lane::Person] {
            let (budget, order) = (Arc::clone(&budget), order.clone());
            tokio::spawn(async move {
                budget.permit(lane, PATIENT).await.expect("a permit");
                order.send(lane).expect("the test listens");
            });
            tokio::task::yield_now().await;
        }
        let mut lanes = Vec::new();
        while lanes.len() < 3 {
            clock.advance(Duration::from_secs(1));
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            while let Ok(lane) = served.try_recv() {
                lanes.push(lane);
            }
        }
        assert_eq!(lanes, [Lane::Person, Lane::Webhook, Lane::Background]);
    }

    /// Everyone wakes when the window is empty again, and whoever happens to be first looks first.
    #[test]
    fn a_machine_that_wakes_first_lets_the_people_go() {
        let mut state = State { waiting: [1, 0, 0], ..State::default() };
        let now = Duration::from_secs(100);
        assert_eq!(state.wait(now, 1, Lane::Background as usize), Some(LOOK_AGAIN));
        assert_eq!(state.wait(now, 2, Lane::Background as usize), None, "there is room for both");
        assert_eq!(state.wait(now, 1, Lane::Person as usize), None);
    }

    #[tokio::test]
    async fn the_impatient_are_told_when_to_come_back() {
        let (budget, clock) = budget(1);
        budget.permit(Lane::Person, Duration::ZERO).await.expect("the first is free");
        clock.advance(Duration::from_secs(4));
        let error = budget.permit(Lane::Person, Duration::from_secs(5)).await.expect_err("too long");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(6)));
    }

    #[tokio::test]
    async fn a_retry_after_is_obeyed_by_everyone() {
        let (budget, clock) = budget(100);
        budget.close_for(Duration::from_secs(7));
        budget.close_for(Duration::from_secs(2));
        let error = budget.permit(Lane::Person, Duration::ZERO).await.expect_err("closed");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        clock.advance(Duration::from_secs(7));
        budget.permit(Lane::Background, Duration::ZERO).await.expect("open again");
    }
}
