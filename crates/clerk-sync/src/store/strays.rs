//! Walking through the users table in search of rows that the ledger does not stand for.
//!
//! There are hardly ever any, so a search for the first few reads the whole table. It does so in slices, for no
//! statement may take long.

use super::{StoreError, stored::state_code};
use crate::{mapping::Mapping, rule::State, user_id::UserId};

/// So many rows are looked at by one statement.
pub(super) const SLICE: i64 = 20_000;

/// The last of the ledger's states that stand for a row. Where rows outlive their users, a tombstone does too.
pub(super) fn last_state(mapping: &Mapping) -> i16 {
    state_code(if mapping.deletion().keeps_rows() { State::Gone } else { State::Present })
}

/// What a database is asked. Keys compare byte by byte.
pub(super) trait StraySource {
    /// The key [`SLICE`] rows behind `after`; `None` if there are fewer.
    async fn slice_end(&self, after: &str) -> Result<Option<String>, StoreError>;

    /// The first keys greater than `after`, and up to `end` if there is one, for which no living entry stands.
    async fn strays_between(
        &self,
        after: &str,
        end: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;
}

/// See [`super::Inventory::strays`].
pub(super) async fn strays(
    source: &impl StraySource,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<UserId>, StoreError> {
    let mut found = Vec::new();
    let mut after = after.map_or_else(String::new, |after| after.as_str().to_owned());
    loop {
        let end = source.slice_end(&after).await?;
        loop {
            let wanted = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
            if wanted == 0 {
                return Ok(found);
            }
            let keys = source.strays_between(&after, end.as_deref(), wanted).await?;
            // Keys that cannot be Clerk's were written by somebody else for a purpose of his own.
            found.extend(keys.iter().filter_map(|key| UserId::try_new(key).ok()));
            match keys.into_iter().nth(wanted as usize - 1) {
                Some(last) => after = last,
                None => break,
            }
        }
        match end {
            Some(end) => after = end,
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key is a stray; slices hold three.
    struct Keys(Vec<&'static str>);

    impl StraySource for Keys {
        async fn slice_end(&self, after: &str) -> Result<Option<String>, StoreError> {
            Ok(self.0.iter().filter(|key| **key > after).nth(2).map(|key| (*key).to_owned()))
        }

        async fn strays_between(
            &self,
            after: &str,
            end: Option<&str>,
            limit: u32,
        ) -> Result<Vec<String>, StoreError> {
            let keys = self.0.iter().filter(|key| **key > after && end.is_none_or(|end| **key <= end));
            Ok(keys.take(limit as usize).map(|key| (*key).to_owned()).collect())
        }
    }

    #[tokio::test]
    async fn keys_that_are_no_ids_end_no_search() {
        let keys = Keys(vec!["a", "b b", "c c", "d d", "e e", "f", "g g", "h"]);
        let found = async |after: Option<&str>, limit| {
            let after = after.map(|after| UserId::try_new(after).expect("an id"));
            let found = strays(&keys, after.as_ref(), limit).await.expect("keys");
            found.iter().map(UserId::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found(None, 9).await, ["a", "f", "h"]);
        assert_eq!(found(None, 2).await, ["a", "f"]);
        assert_eq!(found(Some("a"), 1).await, ["f"]);
        assert_eq!(found(Some("f"), 1).await, ["h"]);
        assert_eq!(found(Some("h"), 1).await, Vec::<String>::new());
        assert_eq!(found(None, 0).await, Vec::<String>::new());
    }
}
