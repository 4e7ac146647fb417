//! Connections that go back to their pool only when everything on them came to an end.
//!
//! A caller may go away in the middle of a statement: a browser closes, a time limit passes. The drivers do not always
//! know then how much of an answer is still to come. They may take it for the answer to the next statement, which looks
//! committed before it is, or wait for ever for one that was read already. So a connection on which something was cut
//! short is closed; the server rolls back what was open on it.

use sqlx::{Database, Executor, Pool, SqlSafeStr, pool::PoolConnection};
use std::ops::{Deref, DerefMut};

/// A connection that is closed when it is dropped, unless it was given back.
#[derive(Debug)]
pub(super) struct Session<DB: Database> {
    connection: PoolConnection<DB>,
    is_whole: bool,
}

impl<DB: Database> Session<DB> {
    pub(super) async fn acquire(pool: &Pool<DB>) -> sqlx::Result<Self> {
        Ok(Self { connection: pool.acquire().await?, is_whole: false })
    }

    /// Back to the pool: no statement is under way, and no transaction is open.
    pub(super) fn give_back(mut self) {
        self.is_whole = true;
    }
}

impl<DB: Database> Deref for Session<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Session<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}

impl<DB: Database> Drop for Session<DB> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.connection.close_on_drop();
        }
    }
}

/// A transaction in progress. Dropped without an end, it takes its connection with it.
#[derive(Debug)]
pub(super) struct Transaction<DB: Database>(Session<DB>);

impl<DB: Database> Transaction<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// `begin`: the statement that begins it.
    pub(super) async fn begin(pool: &Pool<DB>, begin: impl SqlSafeStr) -> sqlx::Result<Self> {
        let mut session = Session::acquire(pool).await?;
        session.execute(begin.into_sql_str()).await?;
        Ok(Self(session))
    }

    pub(super) async fn commit(self) -> sqlx::Result<()> {
        self.end_by("commit").await
    }

    pub(super) async fn rollback(self) -> sqlx::Result<()> {
        self.end_by("rollback").await
    }

    /// Commits what succeeded, and undoes what did not. `failed` says what a commit that fails means.
    pub(super) async fn conclude<T, E>(
        self,
        result: Result<T, E>,
        failed: impl FnOnce(sqlx::Error) -> E,
    ) -> Result<T, E> {
        match result {
            Ok(value) => {
                self.commit().await.map_err(failed)?;
                Ok(value)
            }
            Err(error) => {
                // Where even that fails the connection is closed, which rolls back too.
                let _ = self.rollback().await;
                Err(error)
            }
        }
    }

    async fn end_by(mut self, statement: &'static str) -> sqlx::Result<()> {
        self.0.execute(statement).await?;
        self.0.give_back();
        Ok(())
    }
}

impl<DB: Database> Deref for Transaction<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.0
    }
}

impl<DB: Database> DerefMut for Transaction<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.0
    }
}
