//! Reading entries, rows and the feed.

use super::{SqliteStore, built_query, column, errors::storing};
use crate::{
    mapping::{Mapping, Row, quoted},
    store::{
        Deletions, Entry, FeedPage, Presence, StoreError,
        stored::{read_change, read_deletions, read_entry, read_presence, read_row},
    },
    user_id::UserId,
};
use sqlx::Row as _;

impl SqliteStore {
    pub(super) async fn read_presence(&self, user: &UserId) -> Result<Presence, StoreError> {
        let sql = format!(
            "select l.user_id, l.state, l.updated_at, l.as_of, l.digest, l.fingerprint, l.created_at, l.lifted_as_of, \
             exists(select 1 from {} where {} = ?) \
             from (select 1) one left join clerk_sync_users l on l.user_id = ?",
            self.mapping.table().quoted('"'),
            quoted(&self.mapping.key().name, '"')
        );
        let query = built_query(sql).bind(user.as_str()).bind(user.as_str());
        let row = query.fetch_one(&self.readers).await.map_err(storing("looking for a user"))?;
        read_presence(&row)
    }

    pub(super) async fn read_deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError> {
        let sql = "select m.epoch, m.last_change, c.user_id from clerk_sync_meta m left join clerk_sync_changes c \
             on c.number > ? and c.number <= ? and c.change = 'deleted' where m.id = 1 order by c.number";
        let query = sqlx::query(sql).bind(after).bind(after.saturating_add(i64::from(limit)));
        let rows = query.fetch_all(&self.readers).await.map_err(storing("looking for deletions"))?;
        read_deletions(&rows, after, limit)
    }

    pub(super) async fn read_entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError> {
        let sql = "select user_id, state, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of \
             from clerk_sync_users where user_id = ?";
        let query = sqlx::query(sql).bind(user.as_str());
        let row = query.fetch_optional(&self.readers).await.map_err(storing("reading the ledger"))?;
        row.map(|row| Ok(read_entry(&row)?.1)).transpose()
    }

    pub(super) async fn read_row(&self, user: &UserId) -> Result<Option<Row>, StoreError> {
        let sql = format!("{} where {} = ?", select(&self.mapping), quoted(&self.mapping.key().name, '"'));
        Ok(self.select_rows(sql, user.as_str()).await?.pop())
    }

    pub(super) async fn read_rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError> {
        let key = quoted(&self.mapping.key().name, '"');
        let sql = format!("{} where {key} > ? order by {key} limit {limit}", select(&self.mapping));
        self.select_rows(sql, after.map_or("", UserId::as_str)).await
    }

    async fn select_rows(&self, sql: String, bound: &str) -> Result<Vec<Row>, StoreError> {
        let query = built_query(sql).bind(bound);
        let rows = query.fetch_all(&self.readers).await.map_err(storing("reading rows"))?;
        rows.iter().map(|row| read_row(&self.mapping, row)).collect()
    }

    pub(super) async fn read_changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError> {
        const DOING: &str = "reading the feed";
        let sql = "select number, user_id, change, flow, message_id, updated_at, as_of, written_at \
             from clerk_sync_changes where number > ? order by number limit ?";
        let query = sqlx::query(sql).bind(after).bind(i64::from(limit));
        let rows = query.fetch_all(&self.readers).await.map_err(storing(DOING))?;
        let head = sqlx::query("select epoch, last_change from clerk_sync_meta where id = 1");
        let head = head.fetch_one(&self.readers).await.map_err(storing(DOING))?;
        Ok(FeedPage {
            epoch: head.try_get(0).map_err(storing(DOING))?,
            last_number: head.try_get(1).map_err(storing(DOING))?,
            entries: rows.iter().map(read_change).collect::<Result<_, _>>()?,
        })
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
    format!("select {} from {}", values(mapping, ""), mapping.table().quoted('"'))
}
