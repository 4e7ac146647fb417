//! Joined reads: at most one request for a user at a time, however many ask.

use super::{Budget, ClerkApi, ClerkError, ClerkErrorKind, Lane, UserAnswer, budget::RaisableLane};
use crate::user_id::UserId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Which read a caller may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Any that is on its way: the caller needs a row, not the newest one.
    Joined,
    /// Only one that has not been sent yet: the answer must be younger than what the caller has seen.
    Unsent,
}

type Outcome = Result<Arc<UserAnswer>, ClerkError>;
type Pending = watch::Receiver<Option<Outcome>>;

/// See the module.
#[derive(Debug)]
pub struct Reads {
    api: Arc<dyn ClerkApi>,
    budget: Arc<Budget>,
    slots: Mutex<HashMap<UserId, Slot>>,
}

/// The reads of one user: one on its way, one that waits to go.
#[derive(Debug, Default)]
struct Slot {
    sent: Option<Pending>,
    waiting: Option<(Pending, Arc<RaisableLane>)>,
}

impl Reads {
    /// Reads through `api`, within `budget`.
    pub fn new(api: Arc<dyn ClerkApi>, budget: Arc<Budget>) -> Arc<Self> {
        Arc::new(Self { api, budget, slots: Mutex::default() })
    }

    /// Reads a user. `patience`: how long the budget may keep it waiting, if this call is the one that starts it.
    ///
    /// # Errors
    /// See [`ClerkErrorKind`].
    pub async fn read(
        self: &Arc<Self>,
        user: &UserId,
        freshness: Freshness,
        lane: Lane,
        patience: Duration,
    ) -> Outcome {
        let mut pending = self.join_or_start(user, freshness, lane, patience);
        let lost = || {
            ClerkError::new(ClerkErrorKind::Unavailable, "reading a user from Clerk", "the read was given up")
        };
        match pending.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(lost())),
            Err(_) => Err(lost()),
        }
    }

    fn join_or_start(
        self: &Arc<Self>,
        user: &UserId,
        freshness: Freshness,
        lane: Lane,
        patience: Duration,
    ) -> Pending {
        let mut slots = self.slots();
        let slot = slots.entry(user.clone()).or_default();
        if freshness == Freshness::Joined
            && let Some(sent) = &slot.sent
        {
            return sent.clone();
        }
        if let Some((waiting, its_lane)) = &slot.waiting {
            let waiting = waiting.clone();
            its_lane.raise(lane);
            return waiting;
        }
        let (answer, pending) = watch::channel(None);
        let lane = Arc::new(RaisableLane::new(lane));
        slot.waiting = Some((pending.clone(), Arc::clone(&lane)));
        let before = slot.sent.clone();
        // A task of its own: a caller that goes away takes nobody else's answer along.
        tokio::spawn(Arc::clone(self).run(user.clone(), before, lane, patience, answer));
        pending
    }

    async fn run(
        self: Arc<Self>,
        user: UserId,
        before: Option<Pending>,
        lane: Arc<RaisableLane>,
        patience: Duration,
        answer: watch::Sender<Option<Outcome>>,
    ) {
        if let Some(mut before) = before {
            // Ends when the read has been answered, or given up.
            let _ = before.wait_for(Option::is_some).await;
        }
        let outcome = match self.budget.permit_raisable(&lane, patience).await {
            Ok(permit) => {
                if let Some(slot) = self.slots().get_mut(&user) {
                    slot.sent = slot.waiting.take().map(|(pending, _)| pending);
                }
                let outcome = self.api.user(permit, &user).await;
                if let Some(retry_after) = outcome.as_ref().err().and_then(ClerkError::retry_after) {
                    self.budget.throttled(retry_after);
                }
                outcome.map(Arc::new)
            }
            Err(error) => {
                if let Some(slot) = self.slots().get_mut(&user) {
                    slot.waiting = None;
                }
                Err(error)
            }
        };
        let mut slots = self.slots();
        if let Some(slot) = slots.get_mut(&user) {
            let ours = slot.sent.as_ref().is_some_and(|sent| answer.subscribe().same_channel(sent));
            if ours {
                slot.sent = None;
            }
            if slot.sent.is_none() && slot.waiting.is_none() {
                slots.remove(&user);
            }
        }
        drop(slots);
        answer.send_replace(Some(outcome));
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<UserId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clerk::{Instance, Permit, UsersAnswer, UsersQuery};
    use async_trait::async_trait;
    use clerk_auth::clock::{Clock, ManualClock};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// Answers when told to, with the number of the call as the date.
    #[derive(Debug)]
    struct Gate {
        calls: AtomicUsize,
        answers: Semaphore,
    }

    #[async_trait]
    impl ClerkApi for Gate {
        async fn user(&self, _permit: Permit, _user: &UserId) -> Result<UserAnswer, ClerkError> {
            let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            self.answers.acquire().await.expect("open").forget();
            if call == 99 {
                return Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""));
            }
            Ok(UserAnswer { user: None, date_ms: Some(call as i64) })
        }

        async fn users(&self, _permit: Permit, _query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
            Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
        }

        async fn count(&self, _permit: Permit) -> Result<i64, ClerkError> {
            Err(ClerkError::new(ClerkErrorKind::Rejected, "testing", "no lists here"))
        }

        async fn instance(&self, _permit: Permit) -> Result<Instance, ClerkError> {
            Ok(Instance { id: "ins_1".to_owned() })
        }
    }

    fn reads(limit: u32) -> (Arc<Reads>, Arc<Gate>, Arc<ManualClock>) {
        let gate = Arc::new(Gate { calls: AtomicUsize::new(0), answers: Semaphore::new(0) });
        let clock = Arc::new(ManualClock::at(0));
        let budget = Arc::new(Budget::new(limit, Arc::clone(&clock) as Arc<dyn Clock>));
        (Reads::new(Arc::clone(&gate) as Arc<dyn ClerkApi>, budget), gate, clock)
    }

    fn ask(reads: &Arc<Reads>, id: &str, freshness: Freshness) -> tokio::task::JoinHandle<Option<i64>> {
        let (reads, user) = (Arc::clone(reads), UserId::try_new(id).expect("an id"));
        tokio::spawn(async move {
            reads
                .read(&user, freshness, Lane::Webhook, Duration::from_secs(60))
                .await
                .expect("an answer")
                .date_ms
        })
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_callers_share_one_read() {
        let (reads, gate, _) = reads(100);
        let callers: Vec<_> = (0..50).map(|_| ask(&reads, "user_1", Freshness::Joined)).collect();
        settle().await;
        assert_eq!(gate.calls.load(Ordering::SeqCst), 1);
        gate.answers.add_permits(1);
        for caller in callers {
            assert_eq!(caller.await.expect("no panic"), Some(1));
        }
        assert!(reads.slots().is_empty());
    }

    #[tokio::test]
    async fn a_settling_read_never_joins_one_that_was_sent() {
        let (reads, gate, _) = reads(100);
        let first = ask(&reads, "user_1", Freshness::Joined);
        settle().await;
        let settling: Vec<_> = (0..10).map(|_| ask(&reads, "user_1", Freshness::Unsent)).collect();
        settle().await;
        assert_eq!(gate.calls.load(Ordering::SeqCst), 1, "one at a time");
        let joined = ask(&reads, "user_1", Freshness::Joined);
        settle().await;
        gate.answers.add_permits(1);
        assert_eq!(first.await.expect("no panic"), Some(1));
        assert_eq!(joined.await.expect("no panic"), Some(1));
        settle().await;
        assert_eq!(gate.calls.load(Ordering::SeqCst), 2, "all settling ones share the next");
        gate.answers.add_permits(1);
        for settling in settling {
            assert_eq!(settling.await.expect("no panic"), Some(2));
        }
        assert!(reads.slots().is_empty());
    }

    #[tokio::test]
    async fn users_do_not_wait_for_each_other() {
        let (reads, gate, _) = reads(100);
        let callers = [ask(&reads, "user_1", Freshness::Joined), ask(&reads, "user_2", Freshness::Joined)];
        settle().await;
        assert_eq!(gate.calls.load(Ordering::SeqCst), 2);
        gate.answers.add_permits(2);
        for caller in callers {
            caller.await.expect("no panic");
        }
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_takes_nothing_along() {
        let (reads, gate, _) = reads(100);
        let first = ask(&reads, "user_1", Freshness::Joined);
        settle().await;
        let second = ask(&reads, "user_1", Freshness::Joined);
        settle().await;
        first.abort();
        gate.answers.add_permits(1);
        assert_eq!(second.await.expect("no panic"), Some(1));
    }

    #[tokio::test]
    async fn no_budget_is_told_to_all_and_leaves_nothing_behind() {
        let (reads, gate, _) = reads(1);
        gate.answers.add_permits(10);
        ask(&reads, "user_1", Freshness::Joined).await.expect("the first is free");
        let user = UserId::try_new("user_2").expect("an id");
        let refused = reads.read(&user, Freshness::Joined, Lane::Person, Duration::from_secs(1)).await;
        assert_eq!(
            refused.map(|_| ()).map_err(|error| error.retry_after()),
            Err(Some(Duration::from_secs(10)))
        );
        assert!(reads.slots().is_empty());
    }
}
