//! Rows of before on PostgreSQL.

use super::{PostgresStore, Tx, bind, column, commit::COMMITTING, errors::storing};
use crate::{
    mapping::Value,
    store::{
        Linking, RowsBefore, StoreError,
        linking::{self, Found, LinkSource, Search},
        plan::Plan,
    },
    user_id::UserId,
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _, postgres::PgArguments, query::Query};
use std::collections::HashSet;

const LOOKING: &str = "looking for rows of before";

/// A connection of the store's.
struct Linker<'c> {
    store: &'c PostgresStore,
    connection: &'c mut PgConnection,
}

impl Linker<'_> {
    fn query<'q>(&self, sql: String) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(sql)).persistent(self.store.keeps_statements)
    }

    fn table(&self) -> String {
        self.store.mapping.table().quoted('"')
    }

    fn key(&self) -> String {
        column::name(&self.store.mapping.key().name)
    }
}

/// `t.column = c.value`, in the column's type, so that an index serves.
fn is_value(search: &Search<'_>) -> String {
    format!("t.{} = {}", column::name(&search.link.column), column::written(search.held, "c.value"))
}

impl LinkSource for Linker<'_> {
    async fn keys(&mut self, users: &[&UserId]) -> Result<HashSet<String>, StoreError> {
        let (table, key) = (self.table(), self.key());
        let query = self.query(format!("select {key}::text from {table} where {key} = any($1::text[])"));
        let query = query.bind(bind::texts(users.iter().copied()));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(storing(LOOKING))
    }

    async fn find(&mut self, search: &Search<'_>, values: &[&Value]) -> Result<Vec<Found>, StoreError> {
        let (table, key, is_value) = (self.table(), self.key(), is_value(search));
        let query = self.query(format!(
            "select c.place - 1, count(*) filter (where t.{key} is null), count(t.{key}) \
             from unnest($1::{}[]) with ordinality as c(value, place) join {table} t on {is_value} group by 1",
            column::array_type(search.held.storage)
        ));
        let query = bind::column_of(query, search.held.storage, values.iter().copied());
        let rows = query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))?;
        let found = rows
            .iter()
            .map(|row| Ok(Found { value: row.try_get(0)?, free: row.try_get(1)?, taken: row.try_get(2)? }));
        found.collect::<sqlx::Result<_>>().map_err(storing(LOOKING))
    }

    async fn give(&mut self, search: &Search<'_>, links: &[(&UserId, &Value)]) -> Result<u64, StoreError> {
        let (table, key, is_value) = (self.table(), self.key(), is_value(search));
        let held = &self.store.fit.columns[self.store.mapping.key_position()];
        let query = self.query(format!(
            "update {table} t set {key} = {} from unnest($1::text[], $2::{}[]) as c(user_id, value) \
             where {is_value} and t.{key} is null",
            column::written(held, "c.user_id"),
            column::array_type(search.held.storage)
        ));
        let query = query.bind(bind::texts(links.iter().map(|(user, _)| *user)));
        let query = bind::column_of(query, search.held.storage, links.iter().map(|(_, value)| *value));
        let done = query.execute(&mut *self.connection).await.map_err(storing(COMMITTING))?;
        Ok(done.rows_affected())
    }
}

impl PostgresStore {
    pub(super) async fn link_rows(
        &self,
        connection: &mut PgConnection,
        plan: &mut Plan<'_>,
    ) -> Result<(), StoreError> {
        let mut linker = Linker { store: self, connection };
        linking::link(&mut linker, self.mapping.link(), &self.fit, plan, COMMITTING).await
    }
}

#[async_trait]
impl RowsBefore for PostgresStore {
    async fn foretell_links(
        &self,
        users: &[(UserId, Option<Box<str>>)],
    ) -> Result<Vec<Option<Linking>>, StoreError> {
        let users_of = users.iter().map(|(user, text)| (user, text.as_deref()));
        let Some(mut search) = Search::new(self.mapping.link(), &self.fit, users_of) else {
            return Ok(vec![None; users.len()]);
        };
        let mut tx: Tx = self.begin(LOOKING).await?;
        let mut linker = Linker { store: self, connection: &mut tx };
        let answers = linking::foretell(&mut linker, &mut search).await?;
        tx.rollback().await.map_err(storing(LOOKING))?;
        Ok(answers)
    }

    async fn rows_of_nobody(&self) -> Result<i64, StoreError> {
        let (table, key) = (self.mapping.table().quoted('"'), column::name(&self.mapping.key().name));
        let query = sqlx::query(AssertSqlSafe(format!("select count(*) from {table} where {key} is null")));
        let row = self.look_at_one(query.persistent(false), LOOKING).await?;
        row.try_get(0).map_err(storing(LOOKING))
    }
}
