//! The rows, as many as a page can compare.

use std::collections::HashMap;

use clerk_sync::mapping::Row;
use clerk_sync::store::{Store, StoreError};
use clerk_sync::user_id::UserId;
use serde_json::Value;

use super::compare::key;

/// Rows that are looked through for those that Clerk does not have.
const MAX_ROWS: usize = 2_000;
const PAGE: u32 = 500;

/// Rows by user.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) by_user: HashMap<String, Row>,
    /// Whether there are more.
    pub(super) cut: bool,
}

impl Rows {
    /// Reads the first rows.
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut rows = Self::default();
        let mut after: Option<UserId> = None;
        loop {
            let page = store.rows(after.as_ref(), PAGE).await?;
            let full = page.len() >= PAGE as usize;
            for row in page {
                let id = key(store.mapping(), &row).to_owned();
                after = UserId::try_new(&id).ok().or(after);
                rows.by_user.insert(id, row);
            }
            if !full {
                return Ok(rows);
            }
            if rows.by_user.len() >= MAX_ROWS {
                rows.cut = true;
                return Ok(rows);
            }
        }
    }

    /// Reads the rows of `users` that are beyond the first.
    pub(super) async fn complete(mut self, store: &dyn Store, users: &[Value]) -> Result<Self, StoreError> {
        let ids = users.iter().filter_map(|user| user["id"].as_str()).filter(|_| self.cut);
        let missing: Vec<_> = ids.filter(|id| !self.by_user.contains_key(*id)).collect();
        for id in missing {
            if let Ok(user) = UserId::try_new(id)
                && let Some(row) = store.row(&user).await?
            {
                self.by_user.insert(id.to_owned(), row);
            }
        }
        Ok(self)
    }
}
