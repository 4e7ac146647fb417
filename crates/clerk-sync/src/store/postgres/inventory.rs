//! What is stored, listed from PostgreSQL.

use super::{PostgresStore, bind::texts, errors::storing, read::values};
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
use sqlx::{AssertSqlSafe, Row as _};

const LISTING: &str = "listing users";
const COUNTING: &str = "counting users";
const SEARCHING: &str = "looking for strays";

#[async_trait]
impl Inventory for PostgresStore {
    async fn stored(&self, users: &[UserId]) -> Result<Vec<Stored>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let key = quoted(&self.mapping.key().name, '"');
        let sql = format!(
            "select l.user_id, l.state::bigint, l.updated_at, l.as_of, l.digest, l.fingerprint, l.created_at, \
             l.lifted_as_of, {} from unnest($1::text[]) as w(id) left join clerk_sync_users l on l.user_id = w.id \
             left join {} r on r.{key} = w.id where l.user_id is not null or r.{key} is not null",
            values(&self.mapping, "r."),
            self.mapping.table().quoted('"'),
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(texts(users.iter()));
        let rows = self.look(query.persistent(self.keeps_statements), "reading users").await?;
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
             where state < 2 and (created_at, user_id) > ($1, $2) and created_at <= $3 \
             order by created_at, user_id limit $4";
        let query = sqlx::query(sql).bind(range.after.0).bind(range.after.1).bind(range.last);
        let query = query.bind(i64::from(limit)).persistent(self.keeps_statements);
        self.look(query, LISTING).await?.iter().map(read_living).collect()
    }

    async fn undated(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        // In the index's order, which only its first column, always null, keeps from being the order of ids.
        let sql = "select user_id from clerk_sync_users \
             where state < 2 and created_at is null and user_id > $1 order by created_at, user_id limit $2";
        let query = sqlx::query(sql).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
        let rows = self.look(query.persistent(self.keeps_statements), LISTING).await?;
        rows.iter().map(read_user).collect()
    }

    async fn strays(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>, StoreError> {
        strays::strays(self, after, limit).await
    }

    async fn living_count(&self) -> Result<i64, StoreError> {
        let query = sqlx::query("select count(*) from clerk_sync_users where state < 2").persistent(false);
        self.look_at_one(query, COUNTING).await?.try_get(0).map_err(storing(COUNTING))
    }
}

impl StraySource for PostgresStore {
    async fn slice_end(&self, after: &str) -> Result<Option<String>, StoreError> {
        let key = quoted(&self.mapping.key().name, '"');
        let sql = format!(
            "select {key}::text from {} where {key} collate \"C\" > $1 order by {key} collate \"C\" \
             offset {} limit 1",
            self.mapping.table().quoted('"'),
            SLICE - 1,
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(after).persistent(false);
        let rows = self.look(query, SEARCHING).await?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(storing(SEARCHING))
    }

    async fn strays_between(
        &self,
        after: &str,
        end: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let last = strays::last_state(&self.mapping);
        let key = quoted(&self.mapping.key().name, '"');
        let (row_ends, entry_ends, pending_ends) = match end {
            Some(_) => {
                (format!("and r.{key} collate \"C\" <= $3"), "and l.user_id <= $3", "and p.user_id <= $3")
            }
            None => (String::new(), "", ""),
        };
        // The other parts are bounded too: nothing outside is read whichever way they are joined.
        let sql = format!(
            "select r.{key}::text from {} r where r.{key} collate \"C\" > $1 {row_ends} \
             and not exists (select 1 from clerk_sync_users l where l.user_id = r.{key} and l.state <= {last} \
             and l.user_id > $1 {entry_ends}) and not exists (select 1 from clerk_sync_pending_deletions p \
             where p.user_id = r.{key} and p.user_id > $1 {pending_ends}) order by r.{key} collate \"C\" limit $2",
            self.mapping.table().quoted('"'),
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(i64::from(limit));
        let query = if let Some(end) = end { query.bind(end) } else { query };
        let rows = self.look(query.persistent(false), SEARCHING).await?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(storing(SEARCHING))
    }
}
