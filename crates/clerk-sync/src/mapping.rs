//! From Clerk's user to the columns of your table.
//!
//! Only mapped fields leave the parser: nothing else is stored, logged or queued. It needs the user's id, its
//! `updated_at` and the mapped fields, and nothing else in Clerk's answer can break it.

use crate::{
    rule::{Digest, Fingerprint},
    user_id::UserId,
};
use aws_lc_rs::digest::{Context, SHA256};

mod claims;
mod json;
mod read;
mod source;
mod table;
mod value;

pub use claims::{ClaimColumn, ClaimsError};
pub use json::JsonError;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(crate) use json::canonical_json;
pub(crate) use json::{Fields, FieldsSeed, Position, fields, integer, string};
pub use read::ReadError;
pub use source::{InvalidSource, Source};
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(crate) use table::quoted;
pub use table::{InvalidName, OnDelete, TableName};
#[cfg(feature = "sqlite")]
pub(crate) use value::iso_text;
pub use value::{Kind, Row, Value};

/// A column of your table and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column's name, as it is spelled in the database.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
    /// What it holds.
    pub kind: Kind,
}

impl Column {
    /// A column of the kind that fits its source.
    ///
    /// # Errors
    /// Where `source` names no source.
    pub fn from_source(name: &str, source: &str) -> Result<Self, InvalidSource> {
        let source = Source::parse(source)?;
        Ok(Self { name: name.to_owned(), kind: source.default_kind(), source })
    }
}

/// What a mapping is made from: the `[users]` section of the settings.
#[derive(Debug, Clone)]
pub struct MappingSpec {
    /// The table.
    pub table: TableName,
    /// Whether we create the table; else an existing one is adopted and never altered.
    pub create: bool,
    /// What a deletion in Clerk does to the row.
    pub on_delete: OnDelete,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// Guarded documents that may be mapped nevertheless: `private_metadata`, `unsafe_metadata`.
    pub allow: Vec<String>,
    /// Which claims of a session token fill which columns while Clerk cannot be asked; the id's column is always filled by
    /// `sub`, and columns without a claim are null. Empty: no row is made from claims.
    pub claims: Vec<ClaimColumn>,
}

impl Default for MappingSpec {
    /// The table `users` with the default columns: `clerk_id`, `email`, `username`, `first_name`, `last_name`,
    /// `image_url`, `created_at`, `updated_at`.
    fn default() -> Self {
        let column = |name: &str, source: Source| Column {
            name: name.to_owned(),
            kind: source.default_kind(),
            source,
        };
        let field = |name: &str, field: &str| column(name, Source::Path(vec![field.to_owned()]));
        let columns = vec![
            field("clerk_id", "id"),
            column("email", Source::PrimaryEmailAddress),
            field("username", "username"),
            field("first_name", "first_name"),
            field("last_name", "last_name"),
            field("image_url", "image_url"),
            field("created_at", "created_at"),
            field("updated_at", "updated_at"),
        ];
        let table = TableName { schema: None, name: "users".to_owned() };
        Self {
            table,
            create: true,
            on_delete: OnDelete::Delete,
            columns,
            allow: Vec::new(),
            claims: Vec::new(),
        }
    }
}

/// Why a mapping cannot be used. Each names the column or the setting and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// No column holds the user's id.
    #[error("[users.columns] has no column that comes from \"id\": add one, for example clerk_id = \"id\"")]
    NoKey,
    /// Two columns hold the user's id.
    #[error("[users.columns] {0} and {1} both come from \"id\": keep one, it is the key of the table")]
    TwoKeys(String, String),
    /// The id's column is not of kind text.
    #[error("[users.columns] {0} comes from \"id\" and must be of type text")]
    KeyKind(String),
    /// Two columns have one name, at least for databases that ignore case.
    #[error("[users.columns] {0} is named twice (some databases ignore case)")]
    Repeated(String),
    /// A name that no database takes.
    #[error("[users.columns] {0:?} cannot be a column: {1}")]
    Name(String, #[source] InvalidName),
    /// A guarded document without permission.
    #[error(
        "[users.columns] {column} reads {document}, which is not for everyone's eyes: add allow = [\"{document}\"] to [users] if it must be stored"
    )]
    Guarded {
        /// The column.
        column: String,
        /// The document it reads.
        document: String,
    },
    /// A document name in `allow` that is not a guarded one.
    #[error("[users] allow knows \"private_metadata\" and \"unsafe_metadata\", not {0:?}")]
    UnknownAllow(String),
    /// A claim for a column that is not mapped.
    #[error("[users.claims] {0} is not in [users.columns]: only mapped columns can be filled from claims")]
    ClaimColumn(String),
    /// Two claims for one column.
    #[error("[users.claims] {0} is named twice: keep one")]
    ClaimTwice(String),
    /// Another claim than `sub` for the user's id.
    #[error("[users.claims] {0} holds the user's id, which is always the claim \"sub\": leave it out")]
    ClaimKey(String),
    /// A text that names no claim.
    #[error("[users.claims] {0} = {1:?}: {2}")]
    Claim(String, String, #[source] InvalidSource),
    /// A feature of a later version.
    #[error("[users] {0} is not available yet in this version")]
    NotYet(&'static str),
}

/// A checked mapping from Clerk's user to a table.
#[derive(Debug, Clone)]
pub struct Mapping {
    table: TableName,
    columns: Vec<Column>,
    key: usize,
    /// Guarded fields that are cut out of captured documents.
    dropped: Vec<&'static str>,
    fingerprint: Fingerprint,
    reader: read::Reader,
    claims: Option<claims::Claims>,
}

/// A user as it looked in one answer of Clerk's, reduced to what is mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedUser {
    /// Who it is.
    pub id: UserId,
    /// Clerk's `updated_at`, Unix ms.
    pub updated_at: i64,
    /// Clerk's `created_at`, Unix ms; `None` if it is missing or no number.
    pub created_at: Option<i64>,
    /// The mapped values.
    pub row: Row,
    /// Their digest.
    pub digest: Digest,
}

/// One user of a list that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableUser {
    /// Who it is, if that much can be read.
    pub id: Option<UserId>,
    /// What is wrong.
    pub error: ReadError,
}

impl Mapping {
    /// Checks a mapping.
    ///
    /// # Errors
    /// See [`MappingError`].
    pub fn try_new(spec: MappingSpec) -> Result<Self, MappingError> {
        if !spec.create {
            return Err(MappingError::NotYet("create = false (adopting an existing table)"));
        }
        if spec.on_delete != OnDelete::Delete {
            return Err(MappingError::NotYet("on_delete other than \"delete\""));
        }
        if let Some(unknown) = spec.allow.iter().find(|name| !source::GUARDED.contains(&name.as_str())) {
            return Err(MappingError::UnknownAllow(unknown.clone()));
        }
        let dropped: Vec<_> = source::GUARDED
            .into_iter()
            .filter(|name| !spec.allow.iter().any(|allowed| allowed == name))
            .collect();
        check_columns(&spec.columns, &dropped)?;
        let key = key_column(&spec.columns)?;
        let fingerprint = fingerprint(&spec);
        let reader = read::Reader::new(&spec.columns);
        let claims = claims::Claims::try_new(&spec.claims, &spec.columns, &dropped)?;
        Ok(Self { table: spec.table, columns: spec.columns, key, dropped, fingerprint, reader, claims })
    }

    /// The table that is written.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Its mapped columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column that holds the user's id.
    pub fn key(&self) -> &Column {
        &self.columns[self.key]
    }

    /// Position of the key among the columns.
    pub fn key_position(&self) -> usize {
        self.key
    }

    /// Identifies this mapping: table, columns, sources, kinds and permissions. Not the claims: they make no version of
    /// Clerk's.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Reads one user object of Clerk's, in JSON.
    ///
    /// # Errors
    /// See [`ReadError`]. None of them holds a value.
    pub fn read_user(&self, json: &[u8]) -> Result<MappedUser, ReadError> {
        let fields = fields(json, self.wanted()).map_err(|_| ReadError::NotJson)?;
        self.read_fields(fields.as_deref().unwrap_or_default())
    }

    /// Reads a JSON array of users, one after the other in a single pass. An element that cannot be read is told with
    /// its id, if it has one, and spoils nothing else.
    ///
    /// # Errors
    /// [`ReadError::NotJson`] where it is no array.
    pub fn read_users(&self, json: &[u8]) -> Result<Vec<Result<MappedUser, UnreadableUser>>, ReadError> {
        let read = |fields: Option<Vec<_>>| {
            let fields = fields.unwrap_or_default();
            self.read_fields(&fields).map_err(|error| UnreadableUser {
                id: self.reader.head(&fields).ok().map(|head| head.id),
                error,
            })
        };
        json::each_of_array(json, self.wanted(), read).map_err(|_| ReadError::NotJson)
    }

    /// The digest of a row, as users have it that are read from Clerk: what it says of equal content.
    pub fn digest(&self, row: &[Value]) -> Digest {
        value::digest(&self.columns, row)
    }

    /// Names of the top-level fields that [`Mapping::read_fields`] needs, in its order.
    pub(crate) fn wanted(&self) -> &[String] {
        self.reader.wanted()
    }

    /// Reads a user from its captured top-level fields.
    pub(crate) fn read_fields(
        &self,
        fields: &[Option<&serde_json::value::RawValue>],
    ) -> Result<MappedUser, ReadError> {
        let head = self.reader.head(fields)?;
        let row = self.reader.row(fields, &self.columns, &self.dropped)?;
        let digest = value::digest(&self.columns, &row);
        Ok(MappedUser { id: head.id, updated_at: head.updated_at, created_at: head.created_at, row, digest })
    }
}

/// A row as a JSON object by column: moments as RFC 3339 in UTC, documents as themselves.
pub fn row_json(mapping: &Mapping, row: &[Value]) -> serde_json::Value {
    let columns = mapping.columns().iter().zip(row);
    columns
        .map(|(column, value)| (column.name.clone(), value.to_json()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn check_columns(columns: &[Column], dropped: &[&str]) -> Result<(), MappingError> {
    for (i, column) in columns.iter().enumerate() {
        table::check_name(&column.name).map_err(|error| MappingError::Name(column.name.clone(), error))?;
        if columns[..i].iter().any(|earlier| earlier.name.to_lowercase() == column.name.to_lowercase()) {
            return Err(MappingError::Repeated(column.name.clone()));
        }
        if let Some(document) = column.source.guarded().filter(|document| dropped.contains(document)) {
            return Err(MappingError::Guarded { column: column.name.clone(), document: document.to_owned() });
        }
    }
    Ok(())
}

fn key_column(columns: &[Column]) -> Result<usize, MappingError> {
    let mut keys = columns.iter().enumerate().filter(|(_, column)| column.source.is_id());
    let (key, column) = keys.next().ok_or(MappingError::NoKey)?;
    if let Some((_, second)) = keys.next() {
        return Err(MappingError::TwoKeys(column.name.clone(), second.name.clone()));
    }
    if column.kind != Kind::Text {
        return Err(MappingError::KeyKind(column.name.clone()));
    }
    Ok(key)
}

fn fingerprint(spec: &MappingSpec) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    value::update(&mut context, 1, spec.table.to_string().as_bytes());
    for column in &spec.columns {
        value::update(&mut context, 2, column.name.as_bytes());
        value::update(&mut context, 3, column.source.to_string().as_bytes());
        value::update(&mut context, 4, column.kind.name().as_bytes());
    }
    let mut allow = spec.allow.clone();
    allow.sort_unstable();
    allow.dedup();
    for document in allow {
        value::update(&mut context, 5, document.as_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = value::first_bytes(context).0;
    Fingerprint(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

#[cfg(test)]
mod tests;
