//! Reading entries, rows and the feed.

use super::{MySqlStore, column, errors::storing};
use crate::{
    mapping::{Mapping, Row, quoted},
    store::{
        Deletions, Entry, FeedPage, Presence, StoreError,
        stored::{read_change, read_deletions, read_entry, read_presence, read_row},
    },
    user_id::UserId,
};
use sqlx::Row as _;

impl MySqlStore {
    pub(super) async fn read_presence(&self, user: &UserId) -> Result<Presence, StoreError> {
        let sql = format!(
            "select l.user_id, l.state, l.updated_at, l.as_of, l.digest, l.fingerprint, l.created_at, l.lifted_as_of, \
             exists(select 1 from {} where {} = ?) \
             from (select 1) one left join clerk_sync_users l on l.user_id = ?",
            self.mapping.table().quoted('`'),
            quoted(&self.mapping.key().name, '`')
        );
        let query = self.built_query(sql).bind(user.as_str()).bind(user.as_str());
        let row = self.fetch_one(query).await.map_err(storing("looking for a user"))?;
        read_presence(&row)
    }

    pub(super) async fn read_deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError> {
        const DOING: &str = "looking for deletions";
        let (epoch, last_number) = self.feed_head(DOING).await?;
        let sql = "select ?, ?, c.user_id from (select 1) one left join clerk_sync_changes c \
             on c.number > ? and c.number <= ? and c.`change` = 'deleted' order by c.number";
        let end = after.saturating_add(i64::from(limit)).min(last_number);
        let query = self.query(sql).bind(epoch).bind(last_number).bind(after).bind(end);
        let rows = self.fetch_all(query).await.map_err(storing(DOING))?;
        read_deletions(&rows, after, limit)
    }

    /// Epoch and newest number. To be read before the entries, which end there: MariaDB makes a snapshot while others
    /// commit, so that of two transactions the later may be seen without the earlier. What was committed before
    /// another statement began is always seen.
    async fn feed_head(&self, doing: &'static str) -> Result<(String, i64), StoreError> {
        let head = self.query("select epoch, last_change from clerk_sync_meta where id = 1");
        let head = self.fetch_one(head).await.map_err(storing(doing))?;
        Ok((head.try_get(0).map_err(storing(doing))?, head.try_get(1).map_err(storing(doing))?))
    }

    pub(super) async fn read_entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError> {
        let sql = "select user_id, state, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of \
             from clerk_sync_users where user_id = ?";
        let query = self.query(sql).bind(user.as_str());
        let row = self.fetch_optional(query).await.map_err(storing("reading the ledger"))?;
        row.map(|row| Ok(read_entry(&row)?.1)).transpose()
    }

    pub(super) async fn read_row(&self, user: &UserId) -> Result<Option<Row>, StoreError> {
        let sql = format!("{} where {} = ?", select(&self.mapping), quoted(&self.mapping.key().name, '`'));
        Ok(self.select_rows(sql, user.as_str()).await?.pop())
    }

    pub(super) async fn read_rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError> {
        let key = quoted(&self.mapping.key().name, '`');
        let sql = format!("{} where {key} > ? order by {key} limit {limit}", select(&self.mapping));
        self.select_rows(sql, after.map_or("", UserId::as_str)).await
    }

    async fn select_rows(&self, sql: String, bound: &str) -> Result<Vec<Row>, StoreError> {
        let query = self.built_query(sql).bind(bound);
        let rows = self.fetch_all(query).await.map_err(storing("reading rows"))?;
        rows.iter().map(|row| read_row(&self.mapping, row)).collect()
    }

    pub(super) async fn read_changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError> {
        const DOING: &str = "reading the feed";
        let (epoch, last_number) = self.feed_head(DOING).await?;
        let sql = "select number, user_id, `change`, flow, message_id, updated_at, as_of, written_at \
             from clerk_sync_changes where number > ? and number <= ? order by number limit ?";
        let query = self.query(sql).bind(after).bind(last_number).bind(i64::from(limit));
        let rows = self.fetch_all(query).await.map_err(storing(DOING))?;
        let entries = rows.iter().map(read_change).collect::<Result<_, _>>()?;
        Ok(FeedPage { epoch, last_number, entries })
    }
}

/// The mapped columns, behind `prefix`, so that each reads back as text or a 64-bit integer.
pub(super) fn values(mapping: &Mapping, prefix: &str) -> String {
    let columns = mapping.columns().iter().zip(mapping.storages());
    let columns =
        columns.map(|(mapped, held)| column::read(&format!("{prefix}{}", column::name(&mapped.name)), *held));
    columns.collect::<Vec<_>>().join(", ")
}

fn select(mapping: &Mapping) -> String {
    format!("select {} from {}", values(mapping, ""), mapping.table().quoted('`'))
}
