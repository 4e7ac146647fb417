//! Rows of before on PostgreSQL.

use super::{PostgresStore, bind, column, commit::COMMITTING, errors::storing};
use crate::{
    mapping::{Storage, Value},
    store::{
        Linking, RowsBefore, StoreError,
        judge::Held,
        linking::{self, Found, LinkSource, NewLink, Search},
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

    /// The table and its key.
    fn names(&self) -> (String, String) {
        let mapping = &self.store.mapping;
        (mapping.table().quoted('"'), column::name(&mapping.key().name))
    }

    fn key_held(&self) -> &Held {
        &self.store.fit.columns[self.store.mapping.key_position()]
    }

    fn unmarked(&self) -> String {
        linking::unmarked(&self.store.mapping, '"')
    }
}

/// `any($n)` over values that are held so, in the column's own type, so that an index serves.
fn any(held: &Held, parameter: &str) -> String {
    let plain = column::array_type(held.storage);
    match (held.storage, held.cast.as_str()) {
        // Text is assigned without a cast, but not compared.
        (Storage::Text { padded: true, .. }, "") => format!("any({parameter}::text[]::bpchar[])"),
        (_, "") => format!("any({parameter}::{plain}[])"),
        (_, cast) => format!("any({parameter}::{plain}[]::{cast}[])"),
    }
}

/// What a column holds, byte by byte.
fn exact(name: &str, held: &Held) -> String {
    format!("(({})::text collate \"C\")", column::read(name, held.storage))
}

impl LinkSource for Linker<'_> {
    async fn keys(&mut self, users: &[&UserId]) -> Result<HashSet<String>, StoreError> {
        let ((table, key), any) = (self.names(), any(self.key_held(), "$1"));
        let query = self.query(format!("select {key}::text from {table} where {key} = {any}"));
        let query = query.bind(bind::texts(users.iter().copied()));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(storing(LOOKING))
    }

    async fn find(&mut self, search: &Search<'_>, values: &[&Value]) -> Result<Vec<Found>, StoreError> {
        let ((table, key), column) = (self.names(), column::name(&search.link.column));
        let query = self.query(format!(
            "select {}, count(*) filter (where {key} is null), count({key}) from {table} \
             where {column} = {}{} group by 1",
            exact(&column, search.held),
            any(search.held, "$1"),
            self.unmarked()
        ));
        let query = bind::column_of(query, search.held.storage, values.iter().copied());
        let rows = query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))?;
        let found = rows
            .iter()
            .map(|row| Ok(Found { text: row.try_get(0)?, free: row.try_get(1)?, taken: row.try_get(2)? }));
        found.collect::<sqlx::Result<_>>().map_err(storing(LOOKING))
    }

    async fn give(&mut self, search: &Search<'_>, links: &[NewLink<'_>]) -> Result<u64, StoreError> {
        let ((table, key), column) = (self.names(), column::name(&search.link.column));
        let query = self.query(format!(
            "update {table} set {key} = {} from unnest($1::text[], $2::text[]) as c(user_id, held) \
             where {column} = {} and {} = c.held and {key} is null{}",
            column::written(self.key_held(), "c.user_id"),
            any(search.held, "$3"),
            exact(&column, search.held),
            self.unmarked()
        ));
        let query = query.bind(bind::texts(links.iter().map(|link| link.user)));
        let query = query.bind(links.iter().map(|link| link.text).collect::<Vec<_>>());
        let query = bind::column_of(query, search.held.storage, links.iter().map(|link| link.value));
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
        let Some(mut search) = Search::of_users(self.mapping.link(), &self.fit, users) else {
            return Ok(vec![None; users.len()]);
        };
        let mut tx = self.begin(LOOKING).await?;
        let answers =
            linking::foretell(&mut Linker { store: self, connection: &mut tx }, &mut search).await?;
        tx.rollback().await.map_err(storing(LOOKING))?;
        Ok(answers)
    }

    async fn rows_of_nobody(&self) -> Result<i64, StoreError> {
        let query = sqlx::query(AssertSqlSafe(linking::count_nobodys(&self.mapping, '"')));
        let row = self.look_at_one(query.persistent(false), LOOKING).await?;
        row.try_get(0).map_err(storing(LOOKING))
    }
}
