//! Dead letters.

use super::{MySqlStore, errors::storing};
use crate::{
    store::{DeadLetter, NewDeadLetter, StoreError, stored::read_letter},
    user_id::UserId,
};

const DOING: &str = "keeping dead letters";

impl MySqlStore {
    pub(super) async fn insert_dead_letter(&self, letter: &NewDeadLetter) -> Result<i64, StoreError> {
        let sql = "insert into clerk_sync_dead_letters (message_id, event_type, user_id, reason, mapped, buried_at) \
             values (?, ?, ?, ?, ?, ?) on duplicate key update number = last_insert_id(number), \
             event_type = values(event_type), user_id = values(user_id), reason = values(reason), \
             mapped = values(mapped), buried_at = values(buried_at)";
        let query = self
            .query(sql)
            .bind(&letter.message_id)
            .bind(&letter.event_type)
            .bind(letter.user.as_ref().map(UserId::as_str))
            .bind(&letter.reason)
            .bind(&letter.mapped)
            .bind(letter.buried_at);
        let done = self.execute(query).await.map_err(storing(DOING))?;
        Ok(i64::try_from(done.last_insert_id()).unwrap_or_default())
    }

    pub(super) async fn list_dead_letters(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let sql = "select number, message_id, event_type, user_id, reason, mapped, buried_at \
             from clerk_sync_dead_letters where number > ? order by number limit ?";
        let query = self.query(sql).bind(after).bind(i64::from(limit));
        let rows = self.fetch_all(query).await.map_err(storing(DOING))?;
        rows.iter().map(read_letter).collect()
    }

    pub(super) async fn delete_dead_letter(&self, number: i64) -> Result<bool, StoreError> {
        let query = self.query("delete from clerk_sync_dead_letters where number = ?").bind(number);
        let done = self.execute(query).await.map_err(storing(DOING))?;
        Ok(done.rows_affected() > 0)
    }
}
