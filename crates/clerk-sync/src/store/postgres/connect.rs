//! From a URL to a pool, and the limits that every transaction brings.

use crate::{
    database_url::{Address, ServerTarget, TlsMode},
    mapping::quoted,
    store::StoreError,
};
use secrecy::ExposeSecret;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use std::time::Duration;

/// Room for concurrent commits beside reads that people wait for.
const DEFAULT_CONNECTIONS: u32 = 8;
const POOL_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn pool(target: &ServerTarget) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(target.connection_limit.unwrap_or(DEFAULT_CONNECTIONS).max(1))
        .acquire_timeout(target.pool_timeout.unwrap_or(POOL_TIMEOUT).min(Duration::from_secs(10)))
        // A dead connection shows as an error that the sender retries; a check before each use costs a round trip.
        .test_before_acquire(false)
        .connect_lazy_with(options(target));
    Ok(pool)
}

fn options(target: &ServerTarget) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass().ssl_mode(match target.tls.mode {
        TlsMode::Disable => PgSslMode::Disable,
        TlsMode::Allow => PgSslMode::Allow,
        TlsMode::Prefer => PgSslMode::Prefer,
        TlsMode::Require => PgSslMode::Require,
        TlsMode::VerifyCa => PgSslMode::VerifyCa,
        TlsMode::VerifyFull => PgSslMode::VerifyFull,
    });
    options = match &target.address {
        Address::Tcp { host, port } => options.host(host).port(*port),
        Address::Socket { path, port } => options.socket(path).port(*port),
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
        options = options.ssl_root_cert(path);
    }
    if let Some(client) = &target.tls.client_certificate {
        options = options.ssl_client_cert(&client.certificate).ssl_client_key(&client.key);
    }
    if let Some(endpoint) = &target.endpoint {
        options = options.options([("endpoint", endpoint.as_str())]);
    }
    if !target.server_settings.is_empty() {
        options = options
            .options(target.server_settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    }
    let capacity =
        if target.keeps_prepared_statements() { target.statement_cache_size.unwrap_or(100) } else { 0 };
    options
        .application_name(target.application_name.as_deref().unwrap_or("clerk-sync"))
        .statement_cache_capacity(capacity)
        // A startup parameter that some poolers refuse; we read no floats.
        .extra_float_digits(None)
}

/// Begins a transaction that cannot hang: locks, statements and idleness have an end.
pub(super) fn begin_sql(target: &ServerTarget) -> String {
    let mut sql = String::from(
        "begin; set local lock_timeout = '5s'; set local statement_timeout = '10s'; \
         set local idle_in_transaction_session_timeout = '15s'",
    );
    if !target.search_path.is_empty() {
        let schemas: Vec<String> = target.search_path.iter().map(|schema| quoted(schema, '"')).collect();
        sql.push_str("; set local search_path = ");
        sql.push_str(&schemas.join(", "));
    }
    if target.writable_only {
        sql.push_str("; set transaction read write");
    }
    sql
}
