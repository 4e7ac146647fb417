//! Lists of users, and what can be wrong with them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use crate::config::{DeletedCursor, EmulatorConfig};
use crate::core::Core;
use crate::faults::{FaultKind, Occasion};
use crate::refusal::Refusal;
use crate::state::World;
use crate::state::filter::UserFilter;
use crate::state::order::{Order, UserListing};
use crate::state::user::User;

/// How lists of users are answered; may change while the instance runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListSettings {
    pub(crate) deleted_cursor: DeletedCursor,
    pub(crate) inclusive_time_filters: bool,
    pub(crate) compress: bool,
}

/// The settings, and what was answered last.
#[derive(Debug)]
pub(super) struct Lists {
    settings: ListSettings,
    /// One page for each order.
    last: HashMap<Order, Vec<Arc<User>>>,
}

impl Lists {
    pub(super) fn new(config: &EmulatorConfig) -> Self {
        let settings = ListSettings {
            deleted_cursor: config.deleted_cursor,
            inclusive_time_filters: config.inclusive_time_filters,
            compress: config.compress,
        };
        Self { settings, last: HashMap::new() }
    }
}

const LISTS: Occasion<'_> =
    Occasion { method: Some("GET"), path: Some("/v1/users"), user_id: None, event_type: None };
const COUNTS: Occasion<'_> = Occasion { path: Some("/v1/users/count"), ..LISTS };

impl Core {
    pub(crate) fn list_settings(&self) -> ListSettings {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).settings
    }

    pub(crate) fn set_lists(&self, change: impl FnOnce(&mut ListSettings)) {
        change(&mut self.lists.lock().unwrap_or_else(PoisonError::into_inner).settings);
    }

    pub(super) fn reset_lists(&self) {
        *self.lists.lock().unwrap_or_else(PoisonError::into_inner) = Lists::new(&self.config);
    }

    /// One page, with whatever faults are set for lists.
    pub(crate) fn list_users(
        &self,
        mut listing: UserListing,
        deleted: DeletedCursor,
    ) -> Result<Vec<Arc<User>>, Refusal> {
        let strike = |wanted: fn(&FaultKind) -> bool| self.faults.strike(self.now_ms(), LISTS, wanted);
        let strikes =
            |wanted: FaultKind| self.faults.strike(self.now_ms(), LISTS, |kind| *kind == wanted).is_some();
        let has_cursor = listing.starting_after.is_some();
        if has_cursor && listing.filter.bounds_created() && strikes(FaultKind::RefusedFilterWithCursor) {
            let long = "starting_after cannot be used together with created_at_after or created_at_before.";
            return Err(Refusal::bad_value("starting_after", long));
        }
        if strikes(FaultKind::EmptyList) {
            return Ok(Vec::new());
        }
        if (has_cursor || listing.page.offset > 0) && strikes(FaultKind::RepeatedPage) {
            if let Some(page) = self.last_page(listing.order) {
                return Ok(page);
            }
            listing.starting_after = None;
            listing.page.offset = 0;
        }
        listing.cursor_vanished = listing.starting_after.is_some() && strikes(FaultKind::VanishedCursor);
        let surplus = strike(|kind| matches!(kind, FaultKind::SurplusRows { .. }));
        let mut users = {
            let world = self.read();
            let mut users = listing.select(&world, deleted)?;
            self.age(&mut users, &world);
            if let Some(FaultKind::SurplusRows { rows }) = surplus {
                add_strangers(&mut users, listing.page.limit.saturating_add(rows), &world);
            }
            users
        };
        if users.len() > 1 && strikes(FaultKind::ShuffledPage) {
            self.shuffle(&mut users);
        }
        if let Some(FaultKind::ShortList { keep }) =
            strike(|kind| matches!(kind, FaultKind::ShortList { .. }))
        {
            users.truncate(keep);
        }
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.last.insert(listing.order, users.clone());
        Ok(users)
    }

    pub(crate) fn count_users(&self, filter: &UserFilter) -> usize {
        let count = filter.count(&self.read());
        let wrong = |kind: &FaultKind| matches!(kind, FaultKind::WrongCount { .. });
        match self.faults.strike(self.now_ms(), COUNTS, wrong) {
            Some(FaultKind::WrongCount { off_by }) => {
                count.saturating_add_signed(isize::try_from(off_by).unwrap_or(isize::MAX))
            }
            _ => count,
        }
    }

    fn last_page(&self, order: Order) -> Option<Vec<Arc<User>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).last.get(&order).cloned()
    }

    /// Puts the version before the last change in the place of those whose reads lag.
    fn age(&self, users: &mut [Arc<User>], world: &World) {
        let stale = |kind: &FaultKind| matches!(kind, FaultKind::StaleReads { lists: true });
        if !self.faults.any(stale) {
            return;
        }
        for user in users {
            let occasion = Occasion { user_id: Some(&user.id), ..LISTS };
            if self.faults.strike(self.now_ms(), occasion, stale).is_some()
                && let Some(Some(before)) = world.users.before(&user.id)
            {
                *user = Arc::clone(before);
            }
        }
    }

    /// Into any order but the one they are in.
    fn shuffle(&self, users: &mut [Arc<User>]) {
        let first = Arc::clone(&users[0]);
        for last in (1..users.len()).rev() {
            users.swap(last, (self.chance() * (last + 1) as f64) as usize);
        }
        if Arc::ptr_eq(&users[0], &first) {
            let last = users.len() - 1;
            users.swap(0, last);
        }
    }
}

/// Fills a page up to `length` with the oldest users who are not on it.
fn add_strangers(users: &mut Vec<Arc<User>>, length: usize, world: &World) {
    let on_it: HashSet<_> = users.iter().map(|user| Arc::clone(&user.id)).collect();
    let oldest = world.users.created().iter().filter_map(|position| world.users.at(position));
    let strangers = oldest.filter(|user| !on_it.contains(&user.id));
    users.extend(strangers.take(length.saturating_sub(users.len())).cloned());
}
