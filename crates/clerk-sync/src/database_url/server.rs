//! URLs of database servers: `//user:password@host:port/database?parameters`.

use std::path::PathBuf;

use super::authority::{self, decode};
use super::error::{DatabaseUrlError, Part};
use super::parameters::{self, Collected};
use super::target::{Address, ServerTarget};

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Postgres,
    MySql,
}

impl Engine {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }
}

/// Parses what follows `postgres:` or `mysql:`.
pub(super) fn parse(rest: &str, engine: Engine) -> Result<ServerTarget, DatabaseUrlError> {
    let rest = rest.strip_prefix("//").ok_or(DatabaseUrlError::NotAUrl)?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // Every unescaped `@ / ? #` in user or password leaves an `@` where none belongs. Nothing after this point
    // can therefore hold a piece of the password; before it, no part may be named in an error.
    if authority.matches('@').count() > 1 || tail.contains('@') || tail.contains('#') {
        return Err(DatabaseUrlError::UnescapedCharacter);
    }
    if rest.contains(char::is_whitespace) {
        return Err(DatabaseUrlError::Space);
    }
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let authority = authority::parse(authority)?;
    let collected = parameters::collect(query, engine)?;
    let database = match collected.database.clone() {
        Some(database) => Some(database),
        None => parse_database(path)?,
    };
    if database.is_none() && engine == Engine::MySql {
        return Err(DatabaseUrlError::NoDatabase);
    }
    let address = address(authority.host.as_deref(), authority.port, &collected, engine);
    assemble(authority, database, address, collected, engine)
}

fn parse_database(path: &str) -> Result<Option<String>, DatabaseUrlError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.contains('/') {
        return Err(DatabaseUrlError::DatabaseSlash);
    }
    let database = decode(path, Part::Database)?;
    Ok((!database.is_empty()).then_some(database))
}

/// A socket named by a parameter comes before the host of the URL, as in every driver.
fn address(host: Option<&str>, port: Option<u16>, collected: &Collected, engine: Engine) -> Address {
    let port = collected.port.or(port).unwrap_or(engine.default_port());
    let host = collected.host.as_deref().or(host).unwrap_or("localhost");
    match collected.socket.as_deref().or(host.starts_with('/').then_some(host)) {
        Some(path) => Address::Socket { path: PathBuf::from(path), port },
        None => Address::Tcp { host: host.to_owned(), port },
    }
}

fn assemble(
    authority: authority::Authority,
    database: Option<String>,
    address: Address,
    collected: Collected,
    engine: Engine,
) -> Result<ServerTarget, DatabaseUrlError> {
    let pooled = engine == Engine::Postgres && is_transaction_pooler(&address);
    Ok(ServerTarget {
        user: collected.user.or(authority.user),
        password: authority.password,
        database,
        tls: collected.tls.resolve()?,
        search_path: collected.search_path,
        transaction_pooler: collected.pgbouncer.unwrap_or(pooled),
        connection_limit: collected.connection_limit,
        pool_timeout: collected.pool_timeout,
        connect_timeout: collected.connect_timeout,
        socket_timeout: collected.socket_timeout,
        application_name: collected.application_name,
        server_settings: collected.server_settings,
        endpoint: collected.endpoint,
        writable_only: collected.writable_only,
        statement_cache_size: collected.statement_cache_size,
        collation: collected.collation,
        notes: collected.notes,
        address,
    })
}

/// Neon's pooled hosts (`ep-name-pooler.region.aws.neon.tech`) and Supabase's pooler port, which its
/// self-hosted edition uses too. `pgbouncer=false` says otherwise.
fn is_transaction_pooler(address: &Address) -> bool {
    match address {
        Address::Tcp { host, port } => host.contains("-pooler.") || *port == 6543,
        Address::Socket { .. } => false,
    }
}
