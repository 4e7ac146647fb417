//! The bell on PostgreSQL: deletions notify, and a connection of its own listens.

use super::errors::storing;
use crate::store::{Bell, StoreError, StoreErrorKind};
use async_trait::async_trait;
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use std::time::Duration;

/// Channels belong to the whole database, so mirrors in several schemas wake each other now and then.
pub(super) const CHANNEL: &str = "clerk_sync_deleted";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const LISTENING: &str = "listening for deletions";

/// See the module.
#[derive(Debug)]
pub(super) struct PostgresBell {
    /// One connection, which the listener holds for as long as it works: taken from the pool of the others, it would
    /// be missing there.
    pool: PgPool,
    listener: Option<PgListener>,
}

impl PostgresBell {
    /// A bell at the server that `beside` connects to. Connects when it is first listened to.
    pub(super) fn new(beside: &PgPool) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(beside.connect_options().as_ref().clone());
        Self { pool, listener: None }
    }
}

#[async_trait]
impl Bell for PostgresBell {
    async fn rung(&mut self) -> Result<(), StoreError> {
        let Some(listener) = &mut self.listener else {
            let mut listener = PgListener::connect_with(&self.pool).await.map_err(storing(LISTENING))?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await.map_err(storing(LISTENING))?;
            self.listener = Some(listener);
            // Whatever rang before was not heard.
            return Ok(());
        };
        let heard = match listener.try_recv().await {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => StoreError::new(StoreErrorKind::Unavailable, LISTENING, "the connection was lost"),
            Err(error) => storing(LISTENING)(error),
        };
        self.listener = None;
        Err(heard)
    }
}
