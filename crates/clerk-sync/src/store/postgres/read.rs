//! Reading entries, rows and the feed.

use super::{PostgresStore, column, errors::storing};
use crate::{
    mapping::{Mapping, Row, quoted},
    store::{
        Deletions, Entry, FeedPage, Presence, StoreError, StoreErrorKind,
        session::Session,
        stored::{read_change, read_deletions, read_entry, read_presence, read_row},
    },
    user_id::UserId,
};
use sqlx::{
    AssertSqlSafe, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};

impl PostgresStore {
    pub(super) async fn read_presence(&self, user: &UserId) -> Result<Presence, StoreError> {
        const DOING: &str = "looking for a user";
        let sql = format!(
            "select l.user_id, l.state::bigint, l.updated_at, l.as_of, l.digest, l.fingerprint, l.created_at, \
             l.lifted_as_of, exists(select 1 from {} where {} = $1)::integer::bigint \
             from (select 1) one left join clerk_sync_users l on l.user_id = $1",
            self.mapping.table().quoted('"'),
            quoted(&self.mapping.key().name, '"')
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(user.as_str()).persistent(self.keeps_statements);
        read_presence(&self.look_at_one(query, DOING).await?)
    }

    pub(super) async fn read_deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError> {
        let sql = "select m.epoch, m.last_change, c.user_id from clerk_sync_meta m left join clerk_sync_changes c \
             on c.number > $1 and c.number <= $2 and c.change = 'deleted' where m.id = 1 order by c.number";
        let through = after.saturating_add(i64::from(limit));
        let query = sqlx::query(sql).bind(after).bind(through).persistent(self.keeps_statements);
        read_deletions(&self.look(query, "looking for deletions").await?, after, limit)
    }

    /// Runs one statement that only reads, in one round trip where sessions have our limits.
    pub(super) async fn look(
        &self,
        query: Query<'_, Postgres, PgArguments>,
        doing: &'static str,
    ) -> Result<Vec<PgRow>, StoreError> {
        if self.sets_up_sessions {
            let mut session = Session::acquire(&self.pool).await.map_err(storing(doing))?;
            let rows = query.fetch_all(&mut *session).await;
            session.give_back();
            return rows.map_err(storing(doing));
        }
        let mut tx = self.begin(doing).await?;
        let rows = query.fetch_all(&mut *tx).await.map_err(storing(doing))?;
        tx.rollback().await.map_err(storing(doing))?;
        Ok(rows)
    }

    /// The same for a statement that answers one row.
    pub(super) async fn look_at_one(
        &self,
        query: Query<'_, Postgres, PgArguments>,
        doing: &'static str,
    ) -> Result<PgRow, StoreError> {
        let nothing = || StoreError::new(StoreErrorKind::Corrupt, doing, "the database answered nothing");
        self.look(query, doing).await?.pop().ok_or_else(nothing)
    }

    pub(super) async fn read_entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError> {
        let sql = "select user_id, state::bigint, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of \
             from clerk_sync_users where user_id = $1";
        let query = sqlx::query(sql).bind(user.as_str()).persistent(self.keeps_statements);
        let rows = self.look(query, "reading the ledger").await?;
        rows.first().map(|row| Ok(read_entry(row)?.1)).transpose()
    }

    pub(super) async fn read_row(&self, user: &UserId) -> Result<Option<Row>, StoreError> {
        let sql = format!("{} where {} = $1", self.select(), quoted(&self.mapping.key().name, '"'));
        Ok(self.select_rows(sql, user.as_str(), true).await?.pop())
    }

    pub(super) async fn read_rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError> {
        let key = quoted(&self.mapping.key().name, '"');
        let sql = format!(
            "{} where {key} collate \"C\" > $1 order by {key} collate \"C\" limit {limit}",
            self.select()
        );
        self.select_rows(sql, after.map_or("", UserId::as_str), false).await
    }

    fn select(&self) -> String {
        format!("select {} from {}", values(&self.mapping, ""), self.mapping.table().quoted('"'))
    }

    async fn select_rows(&self, sql: String, bound: &str, often: bool) -> Result<Vec<Row>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(sql)).bind(bound).persistent(self.keeps_statements && often);
        let rows = self.look(query, "reading rows").await?;
        rows.iter().map(|row| read_row(&self.mapping, row)).collect()
    }

    pub(super) async fn read_changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError> {
        const DOING: &str = "reading the feed";
        let sql = "select number, user_id, change, flow, message_id, updated_at, as_of, written_at \
             from clerk_sync_changes where number > $1 order by number limit $2";
        let query = sqlx::query(sql).bind(after).bind(i64::from(limit)).persistent(self.keeps_statements);
        let rows = self.look(query, DOING).await?;
        let head = sqlx::query("select epoch, last_change from clerk_sync_meta where id = 1");
        let head = self.look_at_one(head.persistent(self.keeps_statements), DOING).await?;
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
