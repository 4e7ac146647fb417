//! Dead letters.

use super::{PostgresStore, errors::storing};
use crate::{
    store::{DeadLetter, NewDeadLetter, StoreError, stored::read_letter},
    user_id::UserId,
};
use sqlx::Row as _;

const DOING: &str = "keeping dead letters";

impl PostgresStore {
    pub(super) async fn insert_dead_letter(&self, letter: &NewDeadLetter) -> Result<i64, StoreError> {
        let mut tx = self.begin(DOING).await?;
        let sql = "insert into clerk_sync_dead_letters (message_id, event_type, user_id, reason, mapped, buried_at) \
             values ($1, $2, $3, $4, $5, $6) on conflict (message_id) do update set event_type = excluded.event_type, \
             user_id = excluded.user_id, reason = excluded.reason, mapped = excluded.mapped, \
             buried_at = excluded.buried_at returning number";
        let query = sqlx::query(sql)
            .bind(&letter.message_id)
            .bind(letter.event_type.replace('\0', ""))
            .bind(letter.user.as_ref().map(UserId::as_str))
            .bind(&letter.reason)
            .bind(&letter.mapped)
            .bind(letter.buried_at)
            .persistent(self.keeps_statements);
        let row = query.fetch_one(&mut *tx).await.map_err(storing(DOING))?;
        tx.commit().await.map_err(storing(DOING))?;
        row.try_get(0).map_err(storing(DOING))
    }

    pub(super) async fn list_dead_letters(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let sql = "select number, message_id, event_type, user_id, reason, mapped, buried_at \
             from clerk_sync_dead_letters where number > $1 order by number limit $2";
        let query = sqlx::query(sql).bind(after).bind(i64::from(limit)).persistent(self.keeps_statements);
        let rows = self.look(query, DOING).await?;
        rows.iter().map(read_letter).collect()
    }

    pub(super) async fn delete_dead_letter(&self, number: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin(DOING).await?;
        let query = sqlx::query("delete from clerk_sync_dead_letters where number = $1").bind(number);
        let done = query.persistent(self.keeps_statements).execute(&mut *tx).await.map_err(storing(DOING))?;
        tx.commit().await.map_err(storing(DOING))?;
        Ok(done.rows_affected() > 0)
    }
}
