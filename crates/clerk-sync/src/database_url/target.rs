//! What a database URL says, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// A PostgreSQL or MySQL server and how to talk to it.
///
/// `None` means that the URL does not say: the driver's default stands.
#[derive(Debug, Clone)]
pub struct ServerTarget {
    /// Where the server listens.
    pub address: Address,
    /// The role to sign in as.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// The database; always there for MySQL. PostgreSQL's own default is the user's name.
    pub database: Option<String>,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// PostgreSQL schemas in search order, each to be quoted as an identifier; the first is where tables go.
    /// Empty: the server's default. From `schema=` or from `options=-c search_path=`.
    pub search_path: Vec<String>,
    /// The connection goes through a pooler that may give every transaction another server connection: nothing
    /// that outlives a transaction (prepared statements, session settings, advisory locks, `LISTEN`) may be used.
    pub transaction_pooler: bool,
    /// The most connections to open.
    pub connection_limit: Option<u32>,
    /// How long to wait for a free connection. A `0` in the URL (no limit) is a day here, as in the next two.
    pub pool_timeout: Option<Duration>,
    /// How long to wait for a new connection.
    pub connect_timeout: Option<Duration>,
    /// How long to wait for an answer.
    pub socket_timeout: Option<Duration>,
    /// The name that the server lists us under.
    pub application_name: Option<String>,
    /// PostgreSQL run-time settings to send when connecting (`-c name=value`), except `search_path`.
    pub server_settings: Vec<(String, String)>,
    /// The Neon endpoint named in `options`. Neon reads it from the TLS server name too, so a host that begins
    /// with it needs nothing more.
    pub endpoint: Option<String>,
    /// Only a server that takes writes is acceptable (`target_session_attrs=read-write`).
    pub writable_only: bool,
    /// How many prepared statements to keep for each connection; 0 keeps none.
    pub statement_cache_size: Option<usize>,
    /// MySQL's collation for the connection. Its character set is always `utf8mb4`.
    pub collation: Option<String>,
    /// Remarks on parameters that were accepted but mean something else here.
    pub notes: Vec<&'static str>,
}

impl ServerTarget {
    /// Whether statements may be prepared once and used again.
    #[must_use]
    pub fn keeps_prepared_statements(&self) -> bool {
        !self.transaction_pooler && self.statement_cache_size != Some(0)
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host (a name, or an IP address without brackets) and a port.
    Tcp {
        /// The name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket: PostgreSQL names its directory, MySQL the socket itself.
    Socket {
        /// The directory or the socket.
        path: PathBuf,
        /// The port that is part of a PostgreSQL socket's name; MySQL has no use for it.
        port: u16,
    },
}

/// How a connection is encrypted and whom it trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Whether to encrypt, and what to check.
    pub mode: TlsMode,
    /// A PEM file with the authorities to trust instead of the system's.
    pub root_certificate: Option<PathBuf>,
    /// What we show the server.
    pub client_certificate: Option<ClientCertificate>,
}

/// A client certificate and its key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Whether to encrypt, and what to check; PostgreSQL's `sslmode`, of which MySQL's is a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Never encrypt.
    Disable,
    /// Encrypt only if the server insists.
    Allow,
    /// Encrypt if the server can.
    #[default]
    Prefer,
    /// Encrypt, whoever the server is.
    Require,
    /// Encrypt, and check that a trusted authority signed the server's certificate.
    VerifyCa,
    /// That, and check that the certificate is for this host.
    VerifyFull,
}

/// A SQLite database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteTarget {
    /// Where it is kept.
    pub location: SqliteLocation,
    /// Make the file if it is missing (the default; `mode=rw` says no).
    pub create: bool,
}

/// Where a SQLite database is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqliteLocation {
    /// In memory, gone with the process.
    Memory,
    /// In a file; a relative path counts from the working directory.
    File(PathBuf),
}
