//! One page of a list: asked for until it comes, and looked at before anything is believed.

use super::{Pass, PassError, Reconciler, Tally};
use crate::{
    clerk::{ClerkError, ClerkErrorKind, Permit, UserOrder, UsersAnswer, UsersQuery},
    mapping::{MappedUser, UnreadableUser},
    user_id::UserId,
};
use std::{sync::atomic::Ordering, time::Duration};

/// How long the budget may keep a page waiting. Nobody waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A page that can be what was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Page {
    /// In the list's order.
    pub(super) users: Vec<MappedUser>,
    pub(super) unreadable: Vec<UnreadableUser>,
    /// All of them.
    pub(super) rows: usize,
    /// The last one whose id can be read.
    pub(super) last: Option<UserId>,
    /// The answer's `Date`, Unix ms.
    pub(super) date_ms: Option<i64>,
    /// How many of them a walk counts: not those that it saw before, nor those beyond its end.
    pub(super) counted: i64,
}

impl Reconciler {
    /// Asks for a page until Clerk gives one that can be right, or `pass.attempts` times.
    pub(super) async fn page(
        &self,
        pass: &Pass,
        tally: &Tally,
        query: &UsersQuery,
    ) -> Result<Page, PassError> {
        self.patiently(pass, || async {
            let permit = self.permit(pass).await?;
            tally.calls.fetch_add(1, Ordering::Relaxed);
            let answer = self.api.users(permit, query).await.inspect_err(|error| self.heard(error))?;
            self.read_page(query, answer)
        })
        .await
    }

    /// Clerk's count of users.
    pub(super) async fn ask_count(&self, pass: &Pass, tally: &Tally) -> Result<i64, PassError> {
        let count = self
            .patiently(pass, || async {
                let permit = self.permit(pass).await?;
                tally.calls.fetch_add(1, Ordering::Relaxed);
                Ok(self.api.count(permit).await.inspect_err(|error| self.heard(error))?)
            })
            .await?;
        tally.expect(count);
        Ok(count)
    }

    /// Waits for the right to make a call, until the pass is to stop.
    pub(super) async fn permit(&self, pass: &Pass) -> Result<Permit, PassError> {
        tokio::select! {
            biased;
            () = pass.stop.cancelled() => Err(PassError::Stopped),
            permit = self.budget.permit(pass.lane, PATIENCE) => Ok(permit?),
        }
    }

    async fn patiently<T, F: Future<Output = Result<T, PassError>>>(
        &self,
        pass: &Pass,
        call: impl Fn() -> F,
    ) -> Result<T, PassError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match call().await {
                Err(error) if error.is_transient() && !error.is_handover() && attempt < pass.attempts => {
                    tracing::debug!(%error, attempt, "a call to Clerk is made again");
                    tokio::select! {
                        biased;
                        () = self.clock().sleep(pause) => {}
                        () = pass.stop.cancelled() => return Err(PassError::Stopped),
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                result => return result,
            }
        }
        Err(PassError::Stopped)
    }

    fn read_page(&self, query: &UsersQuery, answer: UsersAnswer) -> Result<Page, PassError> {
        let mut page = Page { date_ms: answer.date_ms, ..Page::default() };
        for read in self.engine.mapping().read_users(&answer.users)? {
            page.rows += 1;
            let id = match &read {
                Ok(user) => Some(user.id.clone()),
                Err(unreadable) => unreadable.id.clone(),
            };
            page.last = id.or(page.last);
            match read {
                Ok(user) => page.users.push(user),
                Err(unreadable) => page.unreadable.push(unreadable),
            }
        }
        if page.rows > usize::from(query.limit) {
            return Err(unexpected("there are more users in it than were asked for"));
        }
        if page.rows > 0 && page.last.is_none() {
            return Err(PassError::Unreliable("no user of a page has an id"));
        }
        let stranger = |user: &MappedUser| !query.ids().is_empty() && !query.ids().contains(&user.id);
        if page.users.iter().any(stranger) {
            return Err(unexpected("there are users in it who were not asked for"));
        }
        let dates = || page.users.iter().filter_map(|user| user.created_at);
        if query.created_after.is_some_and(|after| dates().any(|created_at| created_at < after)) {
            return Err(PassError::Unreliable("a page holds users who are older than was asked for"));
        }
        if query.order == UserOrder::OldestFirst && !dates().is_sorted() {
            return Err(PassError::Unreliable("a page is not in the order that was asked for"));
        }
        Ok(page)
    }
}

fn unexpected(detail: &'static str) -> PassError {
    ClerkError::new(ClerkErrorKind::Unexpected, "listing users from Clerk", detail).into()
}
