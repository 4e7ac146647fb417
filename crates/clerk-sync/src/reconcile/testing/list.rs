//! Clerk's lists as the contract describes them: order, filters, cursors, and that they lag behind.

use crate::clerk::{UserOrder, UsersQuery};
use std::collections::BTreeMap;

/// How a user looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) name: u64,
}

/// Something that was done to a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    /// From when on the lists show it, Unix ms.
    pub(super) listed_at: i64,
    /// `None`: deleted.
    pub(super) look: Option<Look>,
}

/// Every user there ever was, with everything that was done to it.
pub(super) type Users = BTreeMap<String, Vec<Version>>;

/// What a cursor does whose user the list does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vanished {
    IsRefused,
    LeadsNowhere,
    /// As if there were none.
    IsIgnored,
}

/// What the contract leaves open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    pub(crate) vanished: Vanished,
    /// Whether `created_at_after` includes the moment itself.
    pub(crate) inclusive: bool,
    /// Whether users of one millisecond are listed by falling ids.
    pub(crate) falling: bool,
}

/// The cursor is refused.
#[derive(Debug)]
pub(super) struct Refused;

fn listed(versions: &[Version], now_ms: i64) -> Option<Look> {
    versions.iter().rev().find(|version| version.listed_at <= now_ms)?.look
}

pub(super) fn count(users: &Users, now_ms: i64) -> i64 {
    users.values().filter(|versions| listed(versions, now_ms).is_some()).count() as i64
}

pub(super) fn list<'a>(
    users: &'a Users,
    query: &UsersQuery,
    manners: Manners,
    now_ms: i64,
) -> Result<Vec<(&'a str, Look)>, Refused> {
    let mut all: Vec<(&str, Look)> = users
        .iter()
        .filter_map(|(id, versions)| Some((id.as_str(), listed(versions, now_ms)?)))
        .filter(|(id, _)| query.ids().is_empty() || query.ids().iter().any(|wanted| wanted.as_str() == *id))
        .collect();
    if manners.falling {
        all.reverse();
    }
    // Stable: users of one moment stay in the order of their ids.
    match query.order {
        UserOrder::OldestFirst => all.sort_by_key(|(_, look)| look.created_at),
        UserOrder::NewestFirst => all.sort_by_key(|(_, look)| std::cmp::Reverse(look.created_at)),
        UserOrder::LatestChangeFirst => all.sort_by_key(|(_, look)| std::cmp::Reverse(look.updated_at)),
    }
    if let Some(cursor) = &query.starting_after {
        match (all.iter().position(|(id, _)| *id == cursor.as_str()), manners.vanished) {
            (Some(position), _) => drop(all.drain(..=position)),
            (None, Vanished::IsRefused) => return Err(Refused),
            (None, Vanished::LeadsNowhere) => all.clear(),
            (None, Vanished::IsIgnored) => {}
        }
    }
    if let Some(after) = query.created_after {
        all.retain(|(_, look)| look.created_at > after || (manners.inclusive && look.created_at == after));
    }
    let from = all.len().min(query.offset as usize);
    Ok(all.into_iter().skip(from).take(query.limit.into()).collect())
}
