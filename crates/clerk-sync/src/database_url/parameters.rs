//! The parameters after the question mark: those of the drivers, of Prisma and of the common hosts.

use std::time::Duration;

use super::authority::{decode, parse_host, parse_port};
use super::error::{DatabaseUrlError, Part};
use super::nearest::nearest;
use super::options;
use super::server::Engine;
use super::tls::TlsParameters;

/// What the parameters said.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) tls: TlsParameters,
    pub(super) host: Option<String>,
    pub(super) socket: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) search_path: Vec<String>,
    pub(super) pgbouncer: Option<bool>,
    pub(super) connection_limit: Option<u32>,
    pub(super) pool_timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) socket_timeout: Option<Duration>,
    pub(super) application_name: Option<String>,
    pub(super) server_settings: Vec<(String, String)>,
    pub(super) endpoint: Option<String>,
    pub(super) writable_only: bool,
    pub(super) statement_cache_size: Option<usize>,
    pub(super) collation: Option<String>,
    pub(super) notes: Vec<&'static str>,
}

/// What a parameter is about; several spellings share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    TlsMode,
    TlsFlag,
    GoTls,
    TlsAccept,
    TlsRoot,
    TlsCertificate,
    TlsKey,
    TlsIdentity,
    Host,
    Socket,
    Port,
    User,
    Password,
    Database,
    Schema,
    Pgbouncer,
    ConnectionLimit,
    PoolTimeout,
    ConnectTimeout,
    SocketTimeout,
    ApplicationName,
    Options,
    ChannelBinding,
    Gssapi,
    SessionAttributes,
    StatementCache,
    Charset,
    Collation,
    TimeZone,
    /// Marks that a host leaves for its own tools; nothing to do.
    Label,
}

const BOTH: Option<Engine> = None;
const POSTGRES: Option<Engine> = Some(Engine::Postgres);
const MYSQL: Option<Engine> = Some(Engine::MySql);

/// Every spelling we know, and the engine it belongs to.
const KNOWN: &[(&str, Meaning, Option<Engine>)] = &[
    ("sslmode", Meaning::TlsMode, BOTH),
    ("ssl-mode", Meaning::TlsMode, BOTH),
    ("ssl_mode", Meaning::TlsMode, BOTH),
    ("ssl", Meaning::TlsFlag, BOTH),
    ("tls", Meaning::GoTls, MYSQL),
    ("sslaccept", Meaning::TlsAccept, BOTH),
    ("sslrootcert", Meaning::TlsRoot, BOTH),
    ("sslca", Meaning::TlsRoot, BOTH),
    ("ssl-ca", Meaning::TlsRoot, BOTH),
    ("sslcert", Meaning::TlsCertificate, BOTH),
    ("ssl-cert", Meaning::TlsCertificate, BOTH),
    ("sslkey", Meaning::TlsKey, BOTH),
    ("ssl-key", Meaning::TlsKey, BOTH),
    ("sslidentity", Meaning::TlsIdentity, BOTH),
    ("sslpassword", Meaning::TlsIdentity, BOTH),
    ("host", Meaning::Host, BOTH),
    ("socket", Meaning::Socket, BOTH),
    ("unix_socket", Meaning::Socket, BOTH),
    ("port", Meaning::Port, BOTH),
    ("user", Meaning::User, BOTH),
    ("password", Meaning::Password, BOTH),
    ("dbname", Meaning::Database, POSTGRES),
    ("schema", Meaning::Schema, POSTGRES),
    ("pgbouncer", Meaning::Pgbouncer, POSTGRES),
    ("connection_limit", Meaning::ConnectionLimit, BOTH),
    ("pool_timeout", Meaning::PoolTimeout, BOTH),
    ("connect_timeout", Meaning::ConnectTimeout, BOTH),
    ("socket_timeout", Meaning::SocketTimeout, BOTH),
    ("application_name", Meaning::ApplicationName, POSTGRES),
    ("options", Meaning::Options, POSTGRES),
    ("channel_binding", Meaning::ChannelBinding, POSTGRES),
    ("gssencmode", Meaning::Gssapi, POSTGRES),
    ("target_session_attrs", Meaning::SessionAttributes, POSTGRES),
    ("statement_cache_size", Meaning::StatementCache, BOTH),
    ("statement-cache-capacity", Meaning::StatementCache, BOTH),
    ("charset", Meaning::Charset, MYSQL),
    ("collation", Meaning::Collation, MYSQL),
    ("timezone", Meaning::TimeZone, MYSQL),
    ("time-zone", Meaning::TimeZone, MYSQL),
    // Supabase's integration with Vercel appends one of these.
    ("supa", Meaning::Label, POSTGRES),
    ("workaround", Meaning::Label, POSTGRES),
];

/// Reads `name=value&name=value`.
pub(super) fn collect(query: &str, engine: Engine) -> Result<Collected, DatabaseUrlError> {
    let mut collected = Collected::default();
    let mut seen: Vec<(&'static str, Meaning)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, meaning) = look_up(&decode(name, Part::Parameter)?, engine)?;
        if let Some((earlier, _)) = seen.iter().find(|(_, other)| *other == meaning) {
            return Err(repetition(earlier, name));
        }
        seen.push((name, meaning));
        collected.take(name, meaning, &decode(value, Part::Parameter)?)?;
    }
    Ok(collected)
}

fn look_up(name: &str, engine: Engine) -> Result<(&'static str, Meaning), DatabaseUrlError> {
    let lower = name.to_ascii_lowercase();
    let Some((name, meaning, only)) = KNOWN.iter().find(|(known, ..)| *known == lower) else {
        let ours = KNOWN.iter().filter(|(.., only)| only.is_none_or(|only| only == engine));
        let nearest = nearest(name, ours.map(|(known, ..)| *known));
        return Err(DatabaseUrlError::UnknownParameter { name: printable(name), nearest });
    };
    match only {
        Some(only) if *only != engine => {
            let advice = match meaning {
                Meaning::Schema => " (MySQL's schema is the database after the host)",
                _ => "",
            };
            Err(DatabaseUrlError::WrongEngine { name, engine: engine.name(), advice })
        }
        _ => Ok((name, *meaning)),
    }
}

/// A name that somebody mistyped looks like a name; anything else stays unprinted.
pub(super) fn printable(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.[]".contains(c);
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return "(its name is empty, too long or not plain text)".to_owned();
    }
    format!("`{name}`")
}

fn repetition(first: &'static str, second: &'static str) -> DatabaseUrlError {
    if first == second {
        return DatabaseUrlError::Repeated { name: first };
    }
    DatabaseUrlError::Contradiction { first, second }
}

impl Collected {
    fn take(&mut self, name: &'static str, meaning: Meaning, value: &str) -> Result<(), DatabaseUrlError> {
        match meaning {
            Meaning::TlsMode => self.tls.take_mode(name, value)?,
            Meaning::TlsFlag => self.tls.take_flag(name, value)?,
            Meaning::GoTls => self.tls.take_go_mode(name, value)?,
            Meaning::TlsAccept => self.tls.take_accept(name, value)?,
            Meaning::TlsRoot => self.tls.root = Some((name, required(name, value)?)),
            Meaning::TlsCertificate => self.tls.certificate = Some((name, required(name, value)?)),
            Meaning::TlsKey => self.tls.key = Some((name, required(name, value)?)),
            Meaning::TlsIdentity => {
                let advice = "PKCS #12 files are not supported; convert the file to PEM and name the parts with \
                              `sslcert` and `sslkey`";
                return Err(DatabaseUrlError::Unsupported { name, advice });
            }
            Meaning::Host => self.host = Some(parse_host(value)?),
            Meaning::Socket => self.socket = Some(absolute(name, value)?),
            Meaning::Port => self.port = Some(parse_port(value)?),
            Meaning::User => self.user = Some(required(name, value)?),
            Meaning::Password => {
                let advice =
                    "write the password before the host, as in postgres://user:password@host/database";
                return Err(DatabaseUrlError::Unsupported { name, advice });
            }
            Meaning::Database => self.database = Some(required(name, value)?),
            Meaning::Schema => self.take_search_path(name, vec![options::schema_name(name, value)?])?,
            Meaning::Pgbouncer => self.pgbouncer = Some(boolean(name, value)?),
            Meaning::ConnectionLimit => self.connection_limit = Some(connections(name, value)?),
            Meaning::PoolTimeout => self.pool_timeout = Some(seconds(name, value)?),
            Meaning::ConnectTimeout => self.connect_timeout = Some(seconds(name, value)?),
            Meaning::SocketTimeout => self.socket_timeout = Some(seconds(name, value)?),
            Meaning::ApplicationName => self.application_name = Some(required(name, value)?),
            Meaning::Options => {
                let options = options::parse(name, value)?;
                self.endpoint = options.endpoint;
                self.server_settings = options.settings;
                if let Some(search_path) = options.search_path {
                    self.take_search_path(name, search_path)?;
                }
            }
            Meaning::ChannelBinding => self.take_channel_binding(name, value)?,
            Meaning::Gssapi => choose(name, value, &["disable", "prefer"], "`disable` or `prefer`")?,
            Meaning::SessionAttributes => {
                choose(name, value, &["any", "read-write", "primary"], "`any`, `read-write` or `primary`")?;
                self.writable_only = value != "any";
            }
            Meaning::StatementCache => self.statement_cache_size = Some(cache_size(name, value)?),
            Meaning::Charset => self.take_charset(name, value)?,
            Meaning::Collation => self.collation = Some(collation(name, value)?),
            Meaning::TimeZone => {
                let utc = ["utc", "z", "+00:00", "etc/utc"];
                choose(
                    name,
                    &value.to_ascii_lowercase(),
                    &utc,
                    "`UTC`: our columns hold UTC on every connection",
                )?;
            }
            Meaning::Label => {}
        }
        Ok(())
    }

    fn take_search_path(&mut self, name: &'static str, path: Vec<String>) -> Result<(), DatabaseUrlError> {
        if !self.search_path.is_empty() && self.search_path != path {
            return Err(DatabaseUrlError::Contradiction {
                first: "schema",
                second: if name == "schema" { "options" } else { name },
            });
        }
        self.search_path = path;
        Ok(())
    }

    fn take_channel_binding(&mut self, name: &'static str, value: &str) -> Result<(), DatabaseUrlError> {
        choose(name, value, &["disable", "prefer", "require"], "`disable`, `prefer` or `require`")?;
        if value == "require" {
            self.notes.push(
                "channel_binding=require is accepted, but the driver has no channel binding; \
                 sslmode=verify-full protects against the same attack",
            );
        }
        Ok(())
    }

    fn take_charset(&mut self, name: &'static str, value: &str) -> Result<(), DatabaseUrlError> {
        match value.to_ascii_lowercase().as_str() {
            "utf8mb4" => {}
            "utf8" | "utf8mb3" => self.notes.push("the character set of the connection is always utf8mb4"),
            _ => {
                return Err(DatabaseUrlError::Value {
                    name,
                    expected: "`utf8mb4`, which holds every character",
                });
            }
        }
        Ok(())
    }
}

fn required(name: &'static str, value: &str) -> Result<String, DatabaseUrlError> {
    if value.is_empty() {
        return Err(DatabaseUrlError::Value {
            name,
            expected: "more than nothing: give it a value or leave it out",
        });
    }
    Ok(value.to_owned())
}

fn absolute(name: &'static str, value: &str) -> Result<String, DatabaseUrlError> {
    if !value.starts_with('/') {
        return Err(DatabaseUrlError::Value { name, expected: "an absolute path" });
    }
    Ok(value.to_owned())
}

fn choose(
    name: &'static str,
    value: &str,
    choices: &[&str],
    expected: &'static str,
) -> Result<(), DatabaseUrlError> {
    if choices.contains(&value) { Ok(()) } else { Err(DatabaseUrlError::Value { name, expected }) }
}

fn boolean(name: &'static str, value: &str) -> Result<bool, DatabaseUrlError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(DatabaseUrlError::Value { name, expected: "`true` or `false`" }),
    }
}

fn connections(name: &'static str, value: &str) -> Result<u32, DatabaseUrlError> {
    match value.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err(DatabaseUrlError::Value { name, expected: "a number of connections from 1 to 10000" }),
    }
}

fn cache_size(name: &'static str, value: &str) -> Result<usize, DatabaseUrlError> {
    match value.parse() {
        Ok(count @ 0..=10_000) => Ok(count),
        _ => Err(DatabaseUrlError::Value { name, expected: "a number of statements from 0 to 10000" }),
    }
}

/// The longest wait there is. `0` asks for no limit; a day is as good, and no arithmetic overflows.
const DAY_SECONDS: u64 = 86_400;

fn seconds(name: &'static str, value: &str) -> Result<Duration, DatabaseUrlError> {
    match value.parse() {
        Ok(0) => Ok(Duration::from_secs(DAY_SECONDS)),
        Ok(count @ 1..=DAY_SECONDS) => Ok(Duration::from_secs(count)),
        _ => {
            Err(DatabaseUrlError::Value { name, expected: "a number of seconds from 0 (no limit) to 86400" })
        }
    }
}

fn collation(name: &'static str, value: &str) -> Result<String, DatabaseUrlError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !value.starts_with("utf8mb4_") || value.len() > 64 || !value.chars().all(plain) {
        return Err(DatabaseUrlError::Value {
            name,
            expected: "a collation of utf8mb4, such as `utf8mb4_bin`",
        });
    }
    Ok(value.to_owned())
}
