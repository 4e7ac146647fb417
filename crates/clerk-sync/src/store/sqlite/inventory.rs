//! What is stored, listed from SQLite.

use super::{SqliteStore, built_query, errors::storing, read::values};
use crate::{
    mapping::quoted,
    store::{
        Inventory, Living, StoreError, Stored,
        stored::{LivingRange, read_living, read_stored, read_user},
        strays::{self, SLICE, StraySource},
    },
    user_id::UserId,
};
use async_trait::async_trait;
use sqlx::Row as _;

const LISTING: &str = "listing users";
const COUNTING: &str = "counting users";
const SEARCHING: &str = "looking for strays";

#[async_trait]
impl Inventory for SqliteStore {
    async fn stored(&self, users: &[UserId]) -> Result<Vec<Stored>, StoreError> {
        let key = quoted(&self.mapping.key().name, '"');
        let sql = format!(
            "select l.user_id, l.state, l.updated_at, l.as_of, l.digest, l.fingerprint, l.created_at, l.lifted_as_of, \
             {} from json_each(?) w left join clerk_sync_users l on l.user_id = w.value \
             left join {} r on r.{key} = w.value where l.user_id is not null or r.{key} is not null",
            values(&self.mapping, "r."),
            self.mapping.table().quoted('"'),
        );
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let query = built_query(sql).bind(serde_json::Value::from(ids).to_string());
        let rows = query.fetch_all(&self.readers).await.map_err(storing("reading users"))?;
        rows.iter().map(|row| read_stored(&self.mapping, row)).collect()
    }

    async fn living(
        &self,
        from: i64,
        until: Option<i64>,
        after: Option<&Living>,
        limit: u32,
    ) -> Result<Vec<Living>, StoreError> {
        let Some(range) = LivingRange::new(from, until, after) else { return Ok(Vec::new()) };
        let sql = "select created_at, user_id from clerk_sync_users \
             where state < 2 and (created_at, user_id) > (?, ?) and created_at <= ? \
             order by created_at, user_id limit ?";
        let query = sqlx::query(sql).bind(range.after.0).bind(range.after.1).bind(range.last);
        let rows = query.bind(i64::from(limit)).fetch_all(&self.readers).await.map_err(storing(LISTING))?;
        rows.iter().map(read_living).collect()
    }

    async fn undated(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let sql = "select user_id from clerk_sync_users \
             where state < 2 and created_at is null and user_id > ? order by user_id limit ?";
        let query = sqlx::query(sql).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
        let rows = query.fetch_all(&self.readers).await.map_err(storing(LISTING))?;
        rows.iter().map(read_user).collect()
    }

    async fn strays(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        strays::strays(self, after, limit).await
    }

    async fn living_count(&self) -> Result<i64, StoreError> {
        let query = sqlx::query("select count(*) from clerk_sync_users where state < 2");
        let row = query.fetch_one(&self.readers).await.map_err(storing(COUNTING))?;
        row.try_get(0).map_err(storing(COUNTING))
    }
}

/// A key that is no text, which SQLite lets into any column, is passed over: such keys come after every text.
impl StraySource for SqliteStore {
    async fn slice_end(&self, after: &str) -> Result<Option<String>, StoreError> {
        let key = quoted(&self.mapping.key().name, '"');
        let sql = format!(
            "select {key} from {} where {key} > ? and {key} < x'' order by {key} limit 1 offset {}",
            self.mapping.table().quoted('"'),
            SLICE - 1,
        );
        let row = built_query(sql).bind(after).fetch_optional(&self.readers).await;
        row.map_err(storing(SEARCHING))?.map(|row| row.try_get(0)).transpose().map_err(storing(SEARCHING))
    }

    async fn strays_between(
        &self,
        after: &str,
        end: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let last = strays::last_state(&self.mapping);
        let key = quoted(&self.mapping.key().name, '"');
        let sql = format!(
            "select r.{key} from {} r where r.{key} > ? and r.{key} {} \
             and not exists (select 1 from clerk_sync_users l where l.user_id = r.{key} and l.state <= {last}) \
             and not exists (select 1 from clerk_sync_pending_deletions p where p.user_id = r.{key}) \
             order by r.{key} limit ?",
            self.mapping.table().quoted('"'),
            if end.is_some() { "<= ?" } else { "< x''" },
        );
        let query = built_query(sql).bind(after);
        let query = if let Some(end) = end { query.bind(end) } else { query };
        let rows = query.bind(i64::from(limit)).fetch_all(&self.readers).await.map_err(storing(SEARCHING))?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(storing(SEARCHING))
    }
}
