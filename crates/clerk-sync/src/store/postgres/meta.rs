//! The row about the whole database, counts and clean-up.

use super::{PostgresStore, errors::storing};
use crate::store::{
    Binding, Gauges, StoreError, Summary,
    stored::{read_gauges, read_summary},
};
use sqlx::Row as _;

/// Few enough that no other writer waits long.
const PURGE_AT_ONCE: i64 = 5_000;

impl PostgresStore {
    pub(super) async fn read_binding(&self) -> Result<Option<Binding>, StoreError> {
        const DOING: &str = "reading the binding";
        let query = sqlx::query("select instance_id, key_fingerprint from clerk_sync_meta where id = 1");
        let row = self.look_at_one(query.persistent(self.keeps_statements), DOING).await?;
        let instance_id: Option<String> = row.try_get(0).map_err(storing(DOING))?;
        let key_fingerprint: Option<String> = row.try_get(1).map_err(storing(DOING))?;
        Ok(instance_id
            .map(|instance_id| Binding { instance_id, key_fingerprint: key_fingerprint.unwrap_or_default() }))
    }

    pub(super) async fn write_binding(&self, binding: &Binding) -> Result<Binding, StoreError> {
        const DOING: &str = "binding the database";
        let mut tx = self.begin(DOING).await?;
        let sql = "update clerk_sync_meta set instance_id = $1, key_fingerprint = $2 \
             where id = 1 and (instance_id is null or instance_id = $1)";
        let query = sqlx::query(sql).bind(&binding.instance_id).bind(&binding.key_fingerprint);
        query.persistent(self.keeps_statements).execute(&mut *tx).await.map_err(storing(DOING))?;
        tx.commit().await.map_err(storing(DOING))?;
        Ok(self.read_binding().await?.unwrap_or_else(|| binding.clone()))
    }

    pub(super) async fn write_event_time(&self, now_ms: i64) -> Result<(), StoreError> {
        const DOING: &str = "noting an event";
        let mut tx = self.begin(DOING).await?;
        let sql = "update clerk_sync_meta set last_event_at = $1 \
             where id = 1 and coalesce(last_event_at, 0) < $1";
        let query = sqlx::query(sql).bind(now_ms).persistent(self.keeps_statements);
        query.execute(&mut *tx).await.map_err(storing(DOING))?;
        tx.commit().await.map_err(storing(DOING))
    }

    pub(super) async fn delete_tombstones(&self, as_of: i64) -> Result<u64, StoreError> {
        const DOING: &str = "purging tombstones";
        let mut tx = self.begin(DOING).await?;
        let sql = "delete from clerk_sync_users where user_id = any(array(select user_id from clerk_sync_users \
             where state = 2 and as_of < $1 and not exists (select 1 from clerk_sync_pending_deletions p \
             where p.user_id = clerk_sync_users.user_id) limit $2)) and state = 2 and as_of < $1";
        let query = sqlx::query(sql).bind(as_of).bind(PURGE_AT_ONCE).persistent(self.keeps_statements);
        let done = query.execute(&mut *tx).await.map_err(storing(DOING))?;
        tx.commit().await.map_err(storing(DOING))?;
        Ok(done.rows_affected())
    }

    pub(super) async fn read_gauges(&self) -> Result<Gauges, StoreError> {
        let sql = "select (select count(*) from clerk_sync_dead_letters), \
             (select last_event_at from clerk_sync_meta where id = 1), \
             (select count(*) from clerk_sync_pending_deletions where due_at is not null)";
        let query = sqlx::query(sql).persistent(self.keeps_statements);
        read_gauges(&self.look_at_one(query, "counting dead letters").await?)
    }

    pub(super) async fn read_summary(&self) -> Result<Summary, StoreError> {
        let sql = "select count(*) filter (where state = 1), count(*) filter (where state = 0), \
             count(*) filter (where state = 2), (select count(*) from clerk_sync_dead_letters), \
             (select last_change from clerk_sync_meta), (select last_event_at from clerk_sync_meta) \
             from clerk_sync_users";
        read_summary(&self.look_at_one(sqlx::query(sql).persistent(false), "counting users").await?)
    }
}
