//! Rows that were there before: which user each belongs to.
//!
//! Only where a user has no row yet, and within the transaction that writes it: the row gets the user's id, and is the
//! user's row from then on. A row that has an id is never touched, and a choice between two rows is never made.

use super::StoreError;
use crate::user_id::UserId;
use async_trait::async_trait;

/// What became of the search for a user's row of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Linking {
    /// A row is the user's.
    Linked,
    /// Clerk does not say what to look for.
    Unnamed,
    /// No row holds what was looked for.
    NoRow,
    /// The row that holds it belongs to another user.
    Taken,
    /// Several rows hold it that belong to nobody. The user is refused, until there is one.
    Ambiguous,
}

impl Linking {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Linked, Self::Unnamed, Self::NoRow, Self::Taken, Self::Ambiguous];

    /// The name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Unnamed => "unnamed",
            Self::NoRow => "no_row",
            Self::Taken => "taken",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// The part of a store that knows rows without a user.
#[async_trait]
pub trait RowsBefore {
    /// What would become of these users, each with what its row is recognized by. `None` for those who have a row, and
    /// for all where the mapping links nothing. Writes nothing.
    async fn foretell_links(
        &self,
        users: &[(UserId, Option<Box<str>>)],
    ) -> Result<Vec<Option<Linking>>, StoreError> {
        Ok(vec![None; users.len()])
    }

    /// Rows of the users table that belong to no user. Counts, and so is not free on large tables.
    async fn rows_of_nobody(&self) -> Result<i64, StoreError> {
        Ok(0)
    }
}

#[cfg(feature = "postgres")]
pub(super) use search::unmarked;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) use search::{Found, LinkSource, NewLink, OwnRow, Search, count_nobodys, foretell, link};

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod search;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
pub(super) mod statements;
