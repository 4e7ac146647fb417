//! Lists of users: which ones, in which order, from where on.

use crate::user_id::UserId;
use bytes::Bytes;
use url::form_urlencoded::Serializer;

/// The most users that Clerk gives at once. A larger limit has been seen to act as 10 (contract, section a.2).
pub const MAX_PAGE: u16 = 500;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrder {
    /// By `created_at`, upwards. The order of users of one millisecond is not known.
    OldestFirst,
    /// By `created_at`, downwards.
    NewestFirst,
    /// By `updated_at`, downwards.
    LatestChangeFirst,
}

impl UserOrder {
    fn parameter(self) -> &'static str {
        match self {
            Self::OldestFirst => "+created_at",
            Self::NewestFirst => "-created_at",
            Self::LatestChangeFirst => "-updated_at",
        }
    }
}

/// Which users are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersQuery {
    /// In which order.
    pub order: UserOrder,
    /// At most so many, 1 to [`MAX_PAGE`].
    pub limit: u16,
    /// Users that are skipped; 0 together with `starting_after`.
    pub offset: u32,
    /// Those behind this user only. Takes an order by `created_at`.
    pub starting_after: Option<UserId>,
    /// Those created after this moment only, Unix ms; whether that includes the moment is not known.
    pub created_after: Option<i64>,
    /// These only, at most 100. Empty means everyone: see [`UsersQuery::of`].
    ids: Vec<UserId>,
}

impl UsersQuery {
    /// The first page of an order.
    pub fn first(order: UserOrder, limit: u16) -> Self {
        let limit = limit.clamp(1, MAX_PAGE);
        Self { order, limit, offset: 0, starting_after: None, created_after: None, ids: Vec::new() }
    }

    /// Exactly these users, at most 100. `None` for no users at all: Clerk would answer with everyone.
    pub fn of(ids: &[UserId]) -> Option<Self> {
        if ids.is_empty() || ids.len() > 100 {
            return None;
        }
        Some(Self { ids: ids.to_vec(), ..Self::first(UserOrder::OldestFirst, MAX_PAGE) })
    }

    /// The users it names; empty if it names none.
    pub fn ids(&self) -> &[UserId] {
        &self.ids
    }

    /// The query's text, encoded: an order's plus sign as `%2B`, a list as a repeated key.
    pub fn encoded(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        for id in &self.ids {
            pairs.append_pair("user_id", id.as_str());
        }
        pairs.append_pair("limit", &self.limit.to_string()).append_pair("order_by", self.order.parameter());
        if self.offset > 0 {
            pairs.append_pair("offset", &self.offset.to_string());
        }
        if let Some(created_after) = self.created_after {
            pairs.append_pair("created_at_after", &created_after.to_string());
        }
        if let Some(user) = &self.starting_after {
            pairs.append_pair("starting_after", user.as_str());
        }
        pairs.finish()
    }
}

/// Clerk's answer to a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersAnswer {
    /// A JSON array of users.
    pub users: Bytes,
    /// The answer's `Date`, Unix ms: Clerk's clock, to the second. `None` if there was none.
    pub date_ms: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::try_new(id).expect("an id")
    }

    #[test]
    fn a_plus_is_encoded_and_lists_repeat_their_key() {
        let mut walk = UsersQuery::first(UserOrder::OldestFirst, 500);
        assert_eq!(walk.encoded(), "limit=500&order_by=%2Bcreated_at");
        walk.starting_after = Some(user("user_1"));
        assert_eq!(walk.encoded(), "limit=500&order_by=%2Bcreated_at&starting_after=user_1");
        let few = UsersQuery::of(&[user("user_1"), user("a&b")]).expect("a query");
        assert_eq!(few.encoded(), "user_id=user_1&user_id=a%26b&limit=500&order_by=%2Bcreated_at");
    }

    #[test]
    fn an_empty_list_is_never_asked_for_and_a_page_is_never_too_large() {
        assert_eq!(UsersQuery::of(&[]), None);
        assert_eq!(UsersQuery::of(&vec![user("user_1"); 101]), None);
        assert_eq!(UsersQuery::first(UserOrder::NewestFirst, 501).limit, 500);
        assert_eq!(UsersQuery::first(UserOrder::NewestFirst, 0).limit, 1);
    }
}
