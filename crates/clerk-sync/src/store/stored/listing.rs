//! Reading what an inventory lists, and what the lists of all databases have in common.

use super::{Cells, cell, optional, read_entry, read_row, user_id};
use crate::{
    mapping::Mapping,
    store::{Living, StoreError, Stored},
    user_id::UserId,
};

/// A row from one of its columns on.
struct From<'a, R>(&'a R, usize);

impl<R: Cells> Cells for From<'_, R> {
    fn text(&self, position: usize) -> Result<Option<&str>, sqlx::Error> {
        self.0.text(self.1 + position)
    }

    fn integer(&self, position: usize) -> Result<Option<i64>, sqlx::Error> {
        self.0.integer(self.1 + position)
    }

    fn bytes(&self, position: usize) -> Result<&[u8], sqlx::Error> {
        self.0.bytes(self.1 + position)
    }
}

/// Reads an entry's columns, null where there is none, and then the row's, null where there is none.
pub(in crate::store) fn read_stored(mapping: &Mapping, row: &impl Cells) -> Result<Stored, StoreError> {
    const ENTRY_COLUMNS: usize = 8;
    let known = optional(row.text(0), "clerk_sync_users.user_id")?.is_some();
    let entry = if known { Some(read_entry(row)?) } else { None };
    let values = From(row, ENTRY_COLUMNS);
    let key = optional(values.text(mapping.key_position()), "the users table")?;
    let user = match (&entry, &key) {
        (Some((user, _)), _) => user.clone(),
        (None, _) => user_id(Ok(key), "the users table")?,
    };
    let row = if key.is_some() { Some(read_row(mapping, &values)?) } else { None };
    Ok(Stored { user, entry: entry.map(|(_, entry)| entry), row })
}

/// Reads `created_at, user_id`.
pub(in crate::store) fn read_living(row: &impl Cells) -> Result<Living, StoreError> {
    Ok(Living {
        created_at: cell(row.integer(0), "clerk_sync_users.created_at")?,
        user: user_id(row.text(1), "clerk_sync_users.user_id")?,
    })
}

/// Reads `user_id`.
pub(in crate::store) fn read_user(row: &impl Cells) -> Result<UserId, StoreError> {
    user_id(row.text(0), "clerk_sync_users.user_id")
}

/// Where a page of [`crate::store::Inventory::living`] begins and ends.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct LivingRange<'a> {
    /// The page begins behind this place, as `(created_at, user_id)`.
    pub(in crate::store) after: (i64, &'a str),
    /// The last `created_at` wanted.
    pub(in crate::store) last: i64,
}

impl<'a> LivingRange<'a> {
    /// `None` where nothing can lie in it.
    pub(in crate::store) fn new(from: i64, until: Option<i64>, after: Option<&'a Living>) -> Option<Self> {
        // No id is empty.
        let start = (from, "");
        let after = after.map_or(start, |after| start.max((after.created_at, after.user.as_str())));
        let last = until.map_or(Some(i64::MAX), |until| until.checked_sub(1))?;
        (after.0 <= last).then_some(Self { after, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_at_whichever_place_is_later() {
        let after = Living { created_at: 5, user: UserId::try_new("user_1").expect("an id") };
        let range = |from, until| LivingRange::new(from, until, Some(&after));
        assert_eq!(range(4, None), Some(LivingRange { after: (5, "user_1"), last: i64::MAX }));
        assert_eq!(range(5, Some(6)), Some(LivingRange { after: (5, "user_1"), last: 5 }));
        assert_eq!(range(6, Some(8)), Some(LivingRange { after: (6, ""), last: 7 }));
        assert_eq!(range(4, Some(5)), None);
        assert_eq!(LivingRange::new(4, Some(i64::MIN), None), None);
    }
}
