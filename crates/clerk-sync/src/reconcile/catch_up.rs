//! The catch-up: what changed lately, newest first, down to where the last one began.
//!
//! Clerk has no cursor in this order, so rows move while they are paged through. What moves up was changed, and the
//! next catch-up finds it at the top; what moves down is caught by pages that overlap.

use super::{
    Pass, PassError, Reconciler, Tally,
    pages::Page,
    record::{self, CatchUpRecord, Floor},
};
use crate::{
    clerk::{UserOrder, UsersQuery},
    doubt,
    observation::Flow,
    rule::Verdict,
    store::{Notes, Run},
    user_id::UserId,
};
use std::collections::HashSet;

/// How often it begins anew where rows moved by more than that.
const MAX_RESTARTS: u32 = 3;

/// What a catch-up led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaughtUp {
    /// It reached its floor.
    Done {
        /// Rows that it wrote.
        written: u64,
    },
    /// Too much has changed, or changes too fast: import instead.
    NeedsImport,
    /// No import has completed, so that there is nothing to catch up with.
    NotImported,
}

enum Descent {
    Reached(Floor),
    Lost,
    TooMuch,
}

impl Reconciler {
    /// Reads what changed since the last time, and writes it.
    ///
    /// # Errors
    /// See [`PassError`]. The next one begins where this one did.
    pub async fn catch_up(&self, pass: &Pass, tally: &Tally) -> Result<CaughtUp, PassError> {
        let kept = self.store().progress(Run::CatchUp).await?;
        let before: CatchUpRecord = record::part(&kept, 0)?.unwrap_or_default();
        let Some(floor) = before.floor else { return Ok(CaughtUp::NotImported) };
        self.verify_instance(pass).await?;
        for _ in 0..=MAX_RESTARTS {
            match self.descend(pass, tally, floor).await? {
                Descent::Reached(next) => {
                    self.note_catch_up(pass, next, tally.written(), false).await?;
                    return Ok(CaughtUp::Done { written: tally.written() });
                }
                Descent::Lost => tracing::debug!("rows moved too far while a catch-up paged through them"),
                Descent::TooMuch => break,
            }
        }
        self.note_catch_up(pass, floor, tally.written(), true).await?;
        Ok(CaughtUp::NeedsImport)
    }

    async fn note_catch_up(
        &self,
        pass: &Pass,
        floor: Floor,
        written: u64,
        needs_import: bool,
    ) -> Result<(), PassError> {
        let completed_at = Some(self.clock().now_ms());
        let next = CatchUpRecord { floor: Some(floor), completed_at, written, needs_import };
        let parts = vec![record::note(Run::CatchUp, 0, &next)?];
        self.store().commit_noting(&[], &Notes { clears: None, parts, token: pass.token }).await?;
        Ok(())
    }

    async fn descend(&self, pass: &Pass, tally: &Tally, floor: Floor) -> Result<Descent, PassError> {
        let mut query = UsersQuery::first(UserOrder::LatestChangeFirst, self.sizes.page);
        let mut next = floor;
        let mut tail: HashSet<UserId> = HashSet::new();
        let mut new_pages = 0;
        loop {
            let page = self.page(pass, tally, &query).await?;
            if query.offset == 0 && tail.is_empty() {
                next = floor_of(&page).unwrap_or(floor);
            }
            let seen_before = page.users.iter().filter(|user| tail.contains(&user.id)).count();
            if !tail.is_empty() && page.rows > 0 && seen_before == 0 {
                return Ok(Descent::Lost);
            }
            let ids: Vec<UserId> = page.users.iter().map(|user| user.id.clone()).collect();
            let from = floor.below(self.sizes.lag_ms);
            let reached = page.users.iter().any(|user| user.updated_at < from);
            // Nothing lies behind a page that holds no more than the last one's end; unless it was cut short.
            let is_last = page.rows == 0 || (!tail.is_empty() && seen_before == page.rows);
            let rows = page.rows;
            new_pages += u32::from(self.write_changed(pass, page, from, tally).await?);
            if reached {
                return Ok(Descent::Reached(next));
            }
            if is_last {
                let users = self.ask_count(pass, tally).await?;
                let is_all = i64::from(query.offset) + rows as i64 >= users;
                return Ok(Descent::Reached(if is_all { next } else { floor }));
            }
            if new_pages > self.sizes.new_pages {
                return Ok(Descent::TooMuch);
            }
            query.offset += rows.saturating_sub(self.sizes.overlap) as u32;
            tail = ids.into_iter().rev().take(self.sizes.overlap).collect();
        }
    }

    /// Writes what changed at `from` (Unix ms) or later. True if any of it was new.
    async fn write_changed(
        &self,
        pass: &Pass,
        mut page: Page,
        from: i64,
        tally: &Tally,
    ) -> Result<bool, PassError> {
        let flow = Flow::CatchUp;
        self.bury_unreadable(std::mem::take(&mut page.unreadable), flow, tally).await?;
        let changed = page.users.into_iter().filter(|user| user.updated_at >= from);
        let observations = changed.map(|user| self.observation(user, page.date_ms, flow)).collect();
        let written = self.write(pass, observations, Notes::default(), flow, tally).await?;
        Ok(written.iter().any(|(_, applied)| applied.verdict == Verdict::Stands))
    }
}

/// Where the next catch-up must reach. `None` for a page that says nothing.
pub(super) fn floor_of(page: &Page) -> Option<Floor> {
    let newest = page.users.iter().map(|user| user.updated_at).max()?;
    let date = page.date_ms.unwrap_or(newest);
    Some(Floor { watermark: doubt::believable_updated_at(newest, date), date })
}
