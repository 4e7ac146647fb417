//! What is stored, listed from MySQL and MariaDB. The users table's key compares byte by byte, as it is made.

use super::{MySqlStore, errors::storing, read::values};
use crate::{
    mapping::quoted,
    store::{
        Inventory, Living, StoreError, Stored,
        multirow::{padded, placeholders},
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
impl Inventory for MySqlStore {
    async fn stored(&self, users: &[UserId]) -> Result<Vec<Stored>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let ids = padded(users);
        let key = quoted(&self.mapping.key().name, '`');
        let table = self.mapping.table().quoted('`');
        let columns = format!(
            "select l.user_id, l.state, l.updated_at, l.as_of, l.digest, l.fingerprint, l.created_at, l.lifted_as_of, {}",
            values(&self.mapping, "r.")
        );
        let places = placeholders(ids.len());
        // An adopted key of another collation is found by the list of ids only: the comparison of two columns looks at
        // every row.
        let (listed, lists) = if self.mapping.creates() {
            (String::new(), 2)
        } else {
            (format!(" and r.{key} in ({places})"), 3)
        };
        let sql = format!(
            "{columns} from clerk_sync_users l left join {table} r on r.{key} = l.user_id{listed} \
             where l.user_id in ({places}) \
             union all {columns} from {table} r left join clerk_sync_users l on l.user_id = r.{key} \
             where r.{key} in ({places}) and l.user_id is null"
        );
        let ids = std::iter::repeat_n(&ids, lists).flatten();
        let query = ids.fold(self.built_query(sql), |query, id| query.bind(id.as_str()));
        let rows = self.fetch_all(query).await.map_err(storing("reading users"))?;
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
        // Two ranges of the index: MySQL finds none in a comparison of pairs.
        let sql = "select created_at, user_id from clerk_sync_users \
             where ((created_at = ? and user_id > ?) or (created_at > ? and created_at <= ?)) and state < 2 \
             order by created_at, user_id limit ?";
        let (created_at, user) = range.after;
        let query = self.query(sql).bind(created_at).bind(user).bind(created_at).bind(range.last);
        let rows = self.fetch_all(query.bind(i64::from(limit))).await.map_err(storing(LISTING))?;
        rows.iter().map(read_living).collect()
    }

    async fn undated(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let sql = "select user_id from clerk_sync_users \
             where created_at is null and user_id > ? and state < 2 order by user_id limit ?";
        let query = self.query(sql).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
        let rows = self.fetch_all(query).await.map_err(storing(LISTING))?;
        rows.iter().map(read_user).collect()
    }

    async fn strays(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        strays::strays(self, after, limit).await
    }

    async fn living_count(&self) -> Result<i64, StoreError> {
        let query = self.query("select count(*) from clerk_sync_users where state < 2");
        let row = self.fetch_one(query).await.map_err(storing(COUNTING))?;
        row.try_get(0).map_err(storing(COUNTING))
    }
}

impl StraySource for MySqlStore {
    async fn slice_end(&self, after: &str) -> Result<Option<String>, StoreError> {
        let key = quoted(&self.mapping.key().name, '`');
        let sql = format!(
            "select {key} from {} where {key} > ? order by {key} limit 1 offset {}",
            self.mapping.table().quoted('`'),
            SLICE - 1,
        );
        let row = self.fetch_optional(self.built_query(sql).bind(after)).await;
        row.map_err(storing(SEARCHING))?.map(|row| row.try_get(0)).transpose().map_err(storing(SEARCHING))
    }

    async fn strays_between(
        &self,
        after: &str,
        end: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let last = strays::last_state(&self.mapping);
        let key = quoted(&self.mapping.key().name, '`');
        let sql = format!(
            "select r.{key} from {} r where r.{key} > ? {} \
             and not exists (select 1 from clerk_sync_users l where l.user_id = r.{key} and l.state <= {last}) \
             and not exists (select 1 from clerk_sync_pending_deletions p where p.user_id = r.{key}) \
             order by r.{key} limit ?",
            self.mapping.table().quoted('`'),
            if end.is_some() { format!("and r.{key} <= ?") } else { String::new() },
        );
        let query = self.built_query(sql).bind(after);
        let query = if let Some(end) = end { query.bind(end) } else { query };
        let rows = self.fetch_all(query.bind(i64::from(limit))).await.map_err(storing(SEARCHING))?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(storing(SEARCHING))
    }
}
