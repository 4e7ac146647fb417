//! Rows of before on SQLite.

use super::{LiteQuery, SqliteStore, built_query, column, commit::COMMITTING, errors::storing};
use crate::{
    mapping::Value,
    store::{
        Linking, RowsBefore, StoreError,
        linking::{self, Found, LinkSource, Search, by_case},
        multirow::{placeholders, runs},
        plan::Plan,
    },
    user_id::UserId,
};
use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};
use std::collections::HashSet;

const LOOKING: &str = "looking for rows of before";

/// A connection of the store's.
struct Linker<'c> {
    store: &'c SqliteStore,
    connection: &'c mut SqliteConnection,
}

impl Linker<'_> {
    /// The table and its key.
    fn names(&self) -> (String, String) {
        let mapping = &self.store.mapping;
        (mapping.table().quoted('"'), column::name(&mapping.key().name))
    }
}

fn bind<'q>(query: LiteQuery<'q>, value: &'q Value, search: &Search<'_>) -> LiteQuery<'q> {
    column::bind(query, value, search.held.storage)
}

impl LinkSource for Linker<'_> {
    async fn keys(&mut self, users: &[&UserId]) -> Result<HashSet<String>, StoreError> {
        let (table, key) = self.names();
        let mut keys = HashSet::new();
        for run in runs(users) {
            let sql = format!("select {key} from {table} where {key} in ({})", placeholders(run.len()));
            let query = run.iter().fold(built_query(sql), |query, user| query.bind(user.as_str()));
            for row in &query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))? {
                keys.insert(row.try_get(0).map_err(storing(LOOKING))?);
            }
        }
        Ok(keys)
    }

    async fn find(&mut self, search: &Search<'_>, values: &[&Value]) -> Result<Vec<Found>, StoreError> {
        let ((table, key), column) = (self.names(), column::name(&search.link.column));
        let (mut found, mut before) = (Vec::new(), 0);
        for run in runs(values) {
            let query = built_query(by_case::find(&table, &key, &column, run.len()));
            let query = run.iter().chain(run).fold(query, |query, value| bind(query, value, search));
            for row in &query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))? {
                let number = |at: usize| row.try_get::<i64, _>(at).map_err(storing(LOOKING));
                found.push(Found { value: before + number(0)?, free: number(1)?, taken: number(2)? });
            }
            before += run.len() as i64;
        }
        Ok(found)
    }

    async fn give(&mut self, search: &Search<'_>, links: &[(&UserId, &Value)]) -> Result<u64, StoreError> {
        let ((table, key), column) = (self.names(), column::name(&search.link.column));
        let mut given = 0;
        for run in runs(links) {
            let query = built_query(by_case::give(&table, &key, &column, run.len()));
            let query =
                run.iter().fold(query, |query, (user, value)| bind(query, value, search).bind(user.as_str()));
            let query = run.iter().fold(query, |query, (_, value)| bind(query, value, search));
            let done = query.execute(&mut *self.connection).await.map_err(storing(COMMITTING))?;
            given += done.rows_affected();
        }
        Ok(given)
    }
}

impl SqliteStore {
    pub(super) async fn link_rows(
        &self,
        connection: &mut SqliteConnection,
        plan: &mut Plan<'_>,
    ) -> Result<(), StoreError> {
        let mut linker = Linker { store: self, connection };
        linking::link(&mut linker, self.mapping.link(), &self.fit, plan, COMMITTING).await
    }
}

#[async_trait]
impl RowsBefore for SqliteStore {
    async fn foretell_links(
        &self,
        users: &[(UserId, Option<Box<str>>)],
    ) -> Result<Vec<Option<Linking>>, StoreError> {
        let seekers = users.iter().map(|(user, text)| (user, text.as_deref()));
        let Some(mut search) = Search::new(self.mapping.link(), &self.fit, seekers) else {
            return Ok(vec![None; users.len()]);
        };
        let mut connection = self.readers.acquire().await.map_err(storing(LOOKING))?;
        linking::foretell(&mut Linker { store: self, connection: &mut connection }, &mut search).await
    }

    async fn rows_of_nobody(&self) -> Result<i64, StoreError> {
        let (table, key) = (self.mapping.table().quoted('"'), column::name(&self.mapping.key().name));
        let query = built_query(format!("select count(*) from {table} where {key} is null"));
        let row = query.fetch_one(&self.readers).await.map_err(storing(LOOKING))?;
        row.try_get(0).map_err(storing(LOOKING))
    }
}
