//! A walk through all users in the order of `created_at`, that loses its way neither when its cursor vanishes nor when
//! a page comes short.

use super::{Pass, PassError, Reconciler, Tally, pages::Page, scrub_window::short, sizes::Sizes};
use crate::{
    clerk::{ClerkErrorKind, UserOrder, UsersQuery},
    mapping::MappedUser,
    user_id::UserId,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, sync::Arc};

/// Pages in a row that may lead nowhere before the walk is given up.
const MAX_LOST: u32 = 5;

/// Where a walk is: behind this user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Whose id is the cursor.
    #[serde(with = "as_text")]
    pub(super) user: UserId,
    /// Its `created_at`, Unix ms.
    pub(super) created_at: i64,
}

/// Ids in progress are texts.
mod as_text {
    use crate::user_id::UserId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(user: &UserId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(user.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
        UserId::try_new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// How the next page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Cursor,
    /// The cursor cannot be used: by time, from a little before the place on, and behind so many rows.
    Time {
        offset: u32,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Walk {
    /// The first moment, Unix ms; `None` for the beginning.
    from: Option<i64>,
    /// The moment that lies beyond it: what is created then or later is not counted.
    until: Option<i64>,
    after: Option<Place>,
    way: Way,
    /// Whom it saw of those created in the same millisecond as the place: a page by time shows them again.
    group: HashSet<u64>,
    /// Whether that is all of them; not so where another walk is gone on with.
    knows_group: bool,
    lost: u32,
    ended: bool,
    sizes: Sizes,
    tally: Arc<Tally>,
}

impl Walk {
    /// From the users created at `from` on, or behind `after`, which speaks if both are there.
    pub(super) fn new(from: Option<i64>, after: Option<Place>, sizes: Sizes, tally: Arc<Tally>) -> Self {
        Self {
            from,
            until: None,
            knows_group: after.is_none(),
            after,
            way: Way::Cursor,
            group: HashSet::new(),
            lost: 0,
            ended: false,
            sizes,
            tally,
        }
    }

    /// Counts from now on only what is created before this moment.
    pub(super) fn count_until(&mut self, until: Option<i64>) {
        self.until = until;
    }

    /// Where it is.
    pub(super) fn place(&self) -> Option<&Place> {
        self.after.as_ref()
    }

    fn query(&self) -> UsersQuery {
        let mut query = UsersQuery::first(UserOrder::OldestFirst, self.sizes.page);
        let before = |at: i64| Some(at - self.sizes.reach_back_ms);
        match (&self.after, self.way) {
            (Some(place), Way::Cursor) => query.starting_after = Some(place.user.clone()),
            (Some(place), Way::Time { offset }) => {
                query.created_after = before(place.created_at);
                query.offset = offset;
            }
            (None, _) => query.created_after = self.from.and_then(before),
        }
        query
    }

    /// The next page with something in it; `None` at the end.
    ///
    /// A page by cursor holds new users alone. One by time repeats those created in the same millisecond as the last
    /// place, and the caller's writing of them changes nothing.
    pub(super) async fn next(
        &mut self,
        reconciler: &Reconciler,
        pass: &Pass,
    ) -> Result<Option<Page>, PassError> {
        let tally = Arc::clone(&self.tally);
        while !self.ended {
            let by_cursor = self.way == Way::Cursor && self.after.is_some();
            let mut page = match reconciler.page(pass, &tally, &self.query()).await {
                Ok(page) => page,
                // The cursor's user is gone, or Clerk has forgotten how to read cursors.
                Err(PassError::Clerk(error)) if *error.kind() == ClerkErrorKind::Rejected && by_cursor => {
                    self.lose_way()?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(counted) = self.advance(&page) else {
                // Clerk may say so although there are more: to a cursor whose user is gone, or by mistake. The count alone
                // does not tell: who was seen and has left since makes up for who was not seen.
                let was_checked = self.after.is_some() || (self.from.is_some() && self.lost > 0);
                if !by_cursor && (self.is_satisfied(reconciler, pass).await? || was_checked) {
                    self.ended = true;
                } else {
                    self.lose_way()?;
                }
                continue;
            };
            self.lost = if counted > 0 { 0 } else { self.lost };
            page.counted = counted;
            self.tally.see(counted);
            // A short page is believed to be the last one only if the number is right.
            let is_short = page.rows < usize::from(self.sizes.page);
            self.ended = is_short && self.is_satisfied(reconciler, pass).await?;
            return Ok(Some(page));
        }
        Ok(None)
    }

    fn lose_way(&mut self) -> Result<(), PassError> {
        self.way = Way::Time { offset: 0 };
        self.lost += 1;
        if self.lost > MAX_LOST {
            return Err(PassError::Unreliable("its pages lead nowhere"));
        }
        Ok(())
    }

    /// Moves behind the page, and tells how many users count. `None` if the page leads nowhere.
    fn advance(&mut self, page: &Page) -> Option<i64> {
        let last = page.last.clone()?;
        let before = self.after.as_ref();
        let last_at = page.users.iter().rev().find_map(|user| user.created_at);
        let created_at = last_at.or(before.map(|place| place.created_at)).unwrap_or_default();
        let is_full = page.rows >= usize::from(self.sizes.page);
        let of_group =
            |user: &&MappedUser| before.is_some_and(|place| user.created_at == Some(place.created_at));
        let is_new = |user: &MappedUser| !self.group.contains(&short(&user.id));
        let shows_new = page.users.iter().filter(of_group).any(is_new);
        let beyond = before.is_none_or(|place| created_at > place.created_at);
        let leads_on = match (before, self.way) {
            (None, _) => true,
            (Some(place), Way::Cursor) => {
                let repeats = page.users.iter().any(|user| user.id == place.user);
                last != place.user && created_at >= place.created_at && !repeats
            }
            (Some(_), Way::Time { .. }) => beyond || shows_new || is_full,
        };
        if !leads_on {
            return None;
        }
        let counts = |user: &&MappedUser| {
            let Some(at) = user.created_at else { return true };
            let again = match (before, self.way) {
                (Some(place), Way::Time { .. }) if at == place.created_at => {
                    !self.knows_group || !is_new(user)
                }
                (Some(place), Way::Time { .. }) => at < place.created_at,
                _ => false,
            };
            !again && self.until.is_none_or(|until| at < until) && self.from.is_none_or(|from| at >= from)
        };
        let counted = page.users.iter().filter(counts).count() + page.unreadable.len();
        self.way = match self.way {
            // So many of one millisecond that a page cannot hold them. Pages overlap, for those who leave move the others up.
            Way::Time { offset } if !beyond && is_full => {
                let further = page.rows.saturating_sub(self.sizes.overlap).max(1);
                Way::Time { offset: offset + further as u32 }
            }
            _ => Way::Cursor,
        };
        if beyond {
            self.group.clear();
            self.knows_group = true;
        }
        let same = page.users.iter().filter(|user| user.created_at == Some(created_at));
        self.group.extend(same.map(|user| short(&user.id)));
        if beyond || shows_new || self.way == Way::Cursor {
            self.after = Some(Place { user: last, created_at });
        }
        Some(counted as i64)
    }

    /// Whether as many users were seen as there are now: people come and go during a walk.
    async fn is_satisfied(&self, reconciler: &Reconciler, pass: &Pass) -> Result<bool, PassError> {
        reconciler.ask_count(pass, &self.tally).await?;
        Ok(self.tally.is_complete())
    }
}
