//! What can be wrong with a database URL.

use std::fmt;

/// Why a database URL was refused: one sentence, what was wrong and what to do.
///
/// No variant carries the password or a parameter's value, so every part of it may be printed and logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseUrlError {
    /// Nothing was given.
    #[error("the database URL is empty: write one such as postgres://user:password@host:5432/database")]
    Empty,
    /// The quotes of a shell or a `.env` file came along.
    #[error("the database URL begins with a quotation mark: remove the quotes around it")]
    Quoted,
    /// A line break or another control character.
    #[error("the database URL contains a line break or another control character: write it on one line")]
    ControlCharacter,
    /// A space where none can be.
    #[error("the database URL contains a space: remove it, or write it as %20")]
    Space,
    /// No scheme.
    #[error(
        "this is no database URL: it must begin with postgres://, postgresql://, mysql://, mariadb:// or \
         sqlite://"
    )]
    NotAUrl,
    /// A scheme of some other tool, or of a database that is not supported.
    #[error("a database URL that begins with {scheme}: is not supported: {advice}")]
    Scheme {
        /// The scheme as written, shortened if it was long.
        scheme: String,
        /// What to write instead.
        advice: String,
    },
    /// `user:password@host` with a character in it that ends a part of the URL early.
    #[error(
        "the user name or the password seems to contain a character that has a meaning in URLs: percent-encode \
         it (@ as %40, # as %23, / as %2F, ? as %3F, % as %25)"
    )]
    UnescapedCharacter,
    /// A `%` that is not followed by two hexadecimal digits, or a sequence that is not UTF-8.
    #[error("the {part} in the database URL is not percent-encoded correctly: write a plain % as %25")]
    PercentEncoding {
        /// Which part.
        part: Part,
    },
    /// A NUL or, outside the password, any control character behind a percent sequence.
    #[error("the {part} in the database URL contains a control character: remove it")]
    HiddenControlCharacter {
        /// Which part.
        part: Part,
    },
    /// The host is no name and no address.
    #[error(
        "the host in the database URL is not a host name or an IP address (an IPv6 address goes in brackets); \
         if the password contains @, /, # or ?, percent-encode it"
    )]
    Host,
    /// More than one host.
    #[error("the database URL names several hosts: keep one, the primary that takes writes")]
    SeveralHosts,
    /// The port is no port.
    #[error(
        "the port in the database URL is not a number from 1 to 65535; if the password contains @, /, # or ?, \
         percent-encode it"
    )]
    Port,
    /// A path with more than one segment.
    #[error("the database name in the database URL contains a slash: write it as %2F if it belongs there")]
    DatabaseSlash,
    /// MySQL without a database.
    #[error("the database URL names no database: add it after the host, as in mysql://host:3306/database")]
    NoDatabase,
    /// SQLite without a path.
    #[error("the database URL names no file: write sqlite://path/to/file.db, or sqlite://:memory:")]
    NoFile,
    /// A SQLite path that cannot be a file.
    #[error("the path in the database URL cannot be a database file: {advice}")]
    File {
        /// What to write instead.
        advice: &'static str,
    },
    /// A parameter that nobody knows.
    #[error("unknown parameter {name} in the database URL{}", Hint(.nearest))]
    UnknownParameter {
        /// Its name, quoted; or a description if the name cannot be printed.
        name: String,
        /// The known parameter that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A parameter of another database.
    #[error("the parameter `{name}` is of no use with {engine}: leave it out of the database URL{advice}")]
    WrongEngine {
        /// The parameter.
        name: &'static str,
        /// The database of this URL.
        engine: &'static str,
        /// More to say, with its own punctuation; often nothing.
        advice: &'static str,
    },
    /// A parameter that is known and cannot be honoured.
    #[error("the parameter `{name}` in the database URL cannot be used: {advice}")]
    Unsupported {
        /// The parameter.
        name: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// A value that the parameter cannot have.
    #[error("the parameter `{name}` in the database URL must be {expected}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What it can be.
        expected: &'static str,
    },
    /// Two parameters that contradict each other, or one given twice.
    #[error("the parameters `{first}` and `{second}` in the database URL contradict each other: keep one")]
    Contradiction {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The same parameter more than once.
    #[error("the parameter `{name}` is in the database URL more than once: keep one")]
    Repeated {
        /// The parameter.
        name: &'static str,
    },
    /// A client certificate without its key, or the other way round.
    #[error("the database URL has `{present}` without `{missing}`: a client certificate needs both")]
    Incomplete {
        /// What is there.
        present: &'static str,
        /// What is not.
        missing: &'static str,
    },
}

/// A part of the URL that can be percent-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The user name.
    User,
    /// The password.
    Password,
    /// The host.
    Host,
    /// The database's name.
    Database,
    /// The path of a SQLite file.
    Path,
    /// The name or the value of a parameter.
    Parameter,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::User => "user name",
            Self::Password => "password",
            Self::Host => "host",
            Self::Database => "database name",
            Self::Path => "path",
            Self::Parameter => "part after the question mark",
        })
    }
}

struct Hint<'a>(&'a Option<&'static str>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(out, ": did you mean `{nearest}`?"),
            None => out.write_str(": leave it out"),
        }
    }
}
