//! From a URL to a pool, and the limits that every transaction brings.

use crate::{
    database_url::{Address, ServerTarget, TlsMode},
    mapping::quoted,
    store::StoreError,
};
use secrecy::ExposeSecret;
use sqlx::{
    AssertSqlSafe, Executor as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use std::{sync::Arc, time::Duration};

/// Room for concurrent commits beside reads that people wait for.
const DEFAULT_CONNECTIONS: u32 = 8;
/// While the database refuses connections the pool tries again for this long; a sender that waits behind a batch waits
/// twice, and has 15 s in all.
const POOL_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn pool(target: &ServerTarget) -> Result<PgPool, StoreError> {
    let setup: Arc<str> = if sets_up_sessions(target) { session_sql(target).into() } else { Arc::from("") };
    let pool = PgPoolOptions::new()
        .max_connections(target.connection_limit.unwrap_or(DEFAULT_CONNECTIONS).max(1))
        .acquire_timeout(target.pool_timeout.unwrap_or(POOL_TIMEOUT).min(Duration::from_secs(10)))
        // A dead connection shows as an error that the sender retries; a check before each use costs a round trip.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let setup = Arc::clone(&setup);
            Box::pin(async move {
                if setup.is_empty() {
                    return Ok(());
                }
                connection.execute(AssertSqlSafe(setup)).await.map(|_| ())
            })
        })
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

/// Whether a session's settings stay with us from one transaction to the next.
pub(super) fn sets_up_sessions(target: &ServerTarget) -> bool {
    !target.transaction_pooler
}

/// No statement may hang: locks, statements and idleness have an end.
///
/// Statements are planned once, often while the tables are still empty, and every one of ours finds its rows by
/// key: without sequential scans the plan stays right as the tables grow.
fn limits(target: &ServerTarget) -> Vec<String> {
    let mut limits: Vec<String> = [
        "lock_timeout = '5s'",
        "statement_timeout = '10s'",
        "idle_in_transaction_session_timeout = '15s'",
        "enable_seqscan = off",
        "jit = off",
        // Planning such a statement takes longer than running it.
        "plan_cache_mode = force_generic_plan",
    ]
    .map(str::to_owned)
    .to_vec();
    limits.extend(search_path(target));
    limits
}

/// The schema that the URL names.
fn search_path(target: &ServerTarget) -> Option<String> {
    let schemas: Vec<String> = target.search_path.iter().map(|schema| quoted(schema, '"')).collect();
    (!schemas.is_empty()).then(|| format!("search_path = {}", schemas.join(", ")))
}

fn session_sql(target: &ServerTarget) -> String {
    limits(target).iter().map(|limit| format!("set {limit}")).collect::<Vec<_>>().join("; ")
}

/// Begins a transaction; where sessions are not ours, with the limits.
pub(super) fn begin_sql(target: &ServerTarget) -> String {
    let limits = if sets_up_sessions(target) { Vec::new() } else { limits(target) };
    let mut sql = limits.iter().fold("begin".to_owned(), |sql, limit| format!("{sql}; set local {limit}"));
    if target.writable_only {
        sql.push_str("; set transaction read write");
    }
    sql
}

/// Begins a script that somebody else runs, whose own connection knows nothing of our URL.
pub(super) fn begin_script(target: &ServerTarget) -> String {
    let path = search_path(target).map(|path| format!("set local {path};\n\n"));
    format!("begin;\n\n{}", path.unwrap_or_default())
}
