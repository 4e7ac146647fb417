//! From a URL to a pool, and how each session is set up.

use crate::database_url::{Address, ServerTarget, TlsMode};
use secrecy::ExposeSecret;
use sqlx::{
    Executor, MySqlPool,
    mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode},
};
use std::time::Duration;

const DEFAULT_CONNECTIONS: u32 = 8;
/// While the database refuses connections the pool tries again for this long; a sender that waits behind a batch waits
/// twice, and has 15 s in all.
const POOL_TIMEOUT: Duration = Duration::from_secs(3);

/// One statement, so that a new connection costs one round trip more.
const SESSION: &str = "set session transaction_isolation = 'READ-COMMITTED', innodb_lock_wait_timeout = 5, \
     sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES')";

/// MariaDB before 11.1 knows the variable by its older name only.
const SESSION_OLD_NAME: &str = "set session tx_isolation = 'READ-COMMITTED', innodb_lock_wait_timeout = 5, \
     sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES')";

pub(super) fn pool(target: &ServerTarget) -> MySqlPool {
    MySqlPoolOptions::new()
        .max_connections(target.connection_limit.unwrap_or(DEFAULT_CONNECTIONS).max(1))
        .acquire_timeout(target.pool_timeout.unwrap_or(POOL_TIMEOUT).min(Duration::from_secs(10)))
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                if connection.execute(SESSION).await.is_err() {
                    connection.execute(SESSION_OLD_NAME).await?;
                }
                Ok(())
            })
        })
        .connect_lazy_with(options(target))
}

fn options(target: &ServerTarget) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new().charset("utf8mb4").ssl_mode(match target.tls.mode {
        TlsMode::Disable => MySqlSslMode::Disabled,
        TlsMode::Allow | TlsMode::Prefer => MySqlSslMode::Preferred,
        TlsMode::Require => MySqlSslMode::Required,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
        TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    });
    options = match &target.address {
        Address::Tcp { host, port } => options.host(host).port(*port),
        Address::Socket { path, .. } => options.socket(path),
    };
    if let Some(user) = &target.user {
        options = options.username(user);
    }
    if let Some(password) = &target.password {
        options = options.password(password.expose_secret());
    }
    if let Some(database) = &target.database {
        options = options.database(database);
    }
    if let Some(path) = &target.tls.root_certificate {
        options = options.ssl_ca(path);
    }
    if let Some(client) = &target.tls.client_certificate {
        options = options.ssl_client_cert(&client.certificate).ssl_client_key(&client.key);
    }
    if let Some(collation) = &target.collation {
        options = options.collation(collation);
    }
    let capacity =
        if target.keeps_prepared_statements() { target.statement_cache_size.unwrap_or(100) } else { 0 };
    options.statement_cache_capacity(capacity)
}
