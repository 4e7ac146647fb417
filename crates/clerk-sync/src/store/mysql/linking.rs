//! Rows of before on MySQL and MariaDB.

use super::{MySqlStore, column, commit::COMMITTING, errors::storing};
use crate::{
    mapping::Value,
    store::{
        Linking, RowsBefore, StoreError,
        linking::{
            self, Found, LinkSource, NewLink, Search,
            statements::{self, LinkSql},
        },
        multirow::padded,
        plan::Plan,
    },
    user_id::UserId,
};
use async_trait::async_trait;
use sqlx::{MySqlConnection, Row as _};
use std::collections::HashSet;

const LOOKING: &str = "looking for rows of before";

/// A connection of the store's.
struct Linker<'c> {
    store: &'c MySqlStore,
    connection: &'c mut MySqlConnection,
}

impl Linker<'_> {
    fn sql(&self, search: &Search<'_>) -> LinkSql {
        let bytes = |column: &str| {
            format!("cast(convert({} using utf8mb4) as binary)", column::read(column, search.held.storage))
        };
        LinkSql::new(&self.store.mapping, &search.link.column, '`', bytes)
    }
}

impl LinkSource for Linker<'_> {
    async fn keys(&mut self, users: &[&UserId]) -> Result<HashSet<String>, StoreError> {
        let users = padded(users);
        let sql = statements::keys(&self.store.mapping, '`', users.len());
        let query = users.iter().fold(self.store.built_query(sql), |query, user| query.bind(user.as_str()));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))?;
        rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(storing(LOOKING))
    }

    async fn find(&mut self, search: &Search<'_>, values: &[&Value]) -> Result<Vec<Found>, StoreError> {
        let (sql, values) = (self.sql(search), padded(values));
        let query = self.store.built_query(sql.find(values.len()));
        let query = values.iter().fold(query, |query, value| column::bind(query, value, search.held.storage));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(storing(LOOKING))?;
        let found = rows.iter().map(|row| {
            // What is no text cannot be what was looked for.
            let text = String::from_utf8(row.try_get(0)?).unwrap_or_default();
            Ok(Found { text, free: row.try_get(1)?, taken: row.try_get(2)? })
        });
        found.collect::<sqlx::Result<_>>().map_err(storing(LOOKING))
    }

    async fn give(&mut self, search: &Search<'_>, links: &[NewLink<'_>]) -> Result<u64, StoreError> {
        let (sql, links) = (self.sql(search), padded(links));
        let mut query = self.store.built_query(sql.give(links.len()));
        for link in &links {
            query = query.bind(link.text.as_bytes()).bind(link.user.as_str());
        }
        for link in &links {
            query = column::bind(query, link.value, search.held.storage);
        }
        let query = links.iter().fold(query, |query, link| query.bind(link.text.as_bytes()));
        let done = query.execute(&mut *self.connection).await.map_err(storing(COMMITTING))?;
        Ok(done.rows_affected())
    }
}

impl MySqlStore {
    pub(super) async fn link_rows(
        &self,
        connection: &mut MySqlConnection,
        plan: &mut Plan<'_>,
    ) -> Result<(), StoreError> {
        let mut linker = Linker { store: self, connection };
        linking::link(&mut linker, self.mapping.link(), &self.fit, plan, COMMITTING).await
    }
}

#[async_trait]
impl RowsBefore for MySqlStore {
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
        let query = self.built_query(linking::count_nobodys(&self.mapping, '`'));
        self.fetch_one(query).await.and_then(|row| row.try_get(0)).map_err(storing(LOOKING))
    }
}
