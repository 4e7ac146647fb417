//! From Clerk's user to the columns of your table.
//!
//! Only mapped fields leave the parser: nothing else is stored, logged or queued. It needs the user's id, its
//! `updated_at` and the mapped fields, and nothing else in Clerk's answer can break it.

use crate::{
    rule::{Digest, Fingerprint},
    user_id::UserId,
};
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::HashSet;

mod claims;
mod deletion;
mod fill;
mod json;
mod link;
mod read;
mod source;
mod storage;
mod table;
mod value;
mod without_nul;

pub use claims::{ClaimColumn, ClaimsError};
pub use deletion::{DELETED_AT, Deletion, DeletionSpec, ID_PLACE};
pub use fill::{Fill, FillContent, Generator, RANDOM_BYTES};
pub use json::JsonError;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(crate) use json::canonical_json;
pub(crate) use json::{Fields, FieldsSeed, Position, fields, integer, string};
pub use link::{Link, LinkBy, LinkSpec};
pub use read::{FieldError, ReadError};
pub use source::{InvalidSource, Source};
pub use storage::{MomentFormat, Overflow, Storage};
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(crate) use table::quoted;
pub use table::{InvalidName, OnDelete, TableName};
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
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
    /// What it holds where Clerk has nothing; `None` is null.
    pub default: Option<Value>,
    /// What becomes of a text that is too long.
    pub overflow: Overflow,
    /// How a moment is written into a column that has no type for it; `None`: as fits the column.
    pub format: Option<MomentFormat>,
}

impl Column {
    /// A column of the kind that fits its source, null where Clerk has nothing.
    pub fn new(name: &str, source: Source) -> Self {
        Self {
            name: name.to_owned(),
            kind: source.default_kind(),
            source,
            default: None,
            overflow: Overflow::default(),
            format: None,
        }
    }

    pub(crate) fn or_default(&self, value: Value) -> Value {
        match (value, &self.default) {
            (Value::Null, Some(default)) => default.clone(),
            (value, _) => value,
        }
    }

    /// The same, from a source as it is written in the settings.
    ///
    /// # Errors
    /// Where `source` names no source.
    pub fn from_source(name: &str, source: &str) -> Result<Self, InvalidSource> {
        Ok(Self::new(name, Source::parse(source)?))
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
    pub deletion: DeletionSpec,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// Columns that are filled when a row is made.
    pub fills: Vec<Fill>,
    /// How rows that were there before get their users; `None`: only by the id's column.
    pub link: Option<LinkSpec>,
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
        let field = |name: &str, field: &str| Column::new(name, Source::Path(vec![field.to_owned()]));
        let columns = vec![
            field("clerk_id", "id"),
            Column::new("email", Source::PrimaryEmailAddress),
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
            deletion: DeletionSpec::default(),
            columns,
            fills: Vec::new(),
            link: None,
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
    /// Rows of before in a table that we make.
    #[error("[users] link is for a table that is there already: set create = false, or leave link out")]
    NothingToLink,
    /// Rows that are made before it is known whose rows they are.
    #[error(
        "[users] link does not go with [users.claims]: a session's claims do not say which row is the user's, so a second \
         row would be made; leave one of them out"
    )]
    LinkFromClaims,
    /// No column to look into.
    #[error(
        "[users] link = {0:?} needs the column that holds it: name it with link_column, for example link_column = \"id\""
    )]
    NoLinkColumn(&'static str),
    /// The key is what is to be filled.
    #[error(
        "[users] link_column = {0:?} holds the user's id at Clerk, which linking fills: name the column that tells whose row \
         it is"
    )]
    LinkIsKey(String),
    /// Deleting as the way out of a deletion that was refused.
    #[error(
        "[users] on_delete_refused says what happens where a row cannot be deleted: mark, anonymize or keep"
    )]
    RefusedAgain,
    /// A way out of what is never refused.
    #[error(
        "[users] on_delete_refused goes with on_delete = \"delete\" only: nothing else is refused by other tables"
    )]
    NeverRefused,
    /// A column for a mark that nothing sets.
    #[error(
        "[users] deleted_at is set by on_delete = \"mark\" or \"anonymize\", and by delete_after: leave it out, or choose one of \
         them"
    )]
    NothingMarks,
    /// A hold-back of what changes nothing that could be lost.
    #[error(
        "[users] delete_after goes with on_delete = \"delete\" or \"anonymize\": \"mark\" and \"keep\" leave nothing to hold \
         back, so leave it out"
    )]
    NothingHeldBack,
    /// The column for the mark is mapped.
    #[error("[users] deleted_at = {0:?} is in [users.columns] too: leave it out there")]
    DeletedAtIsMapped(String),
    /// Replacements that nothing writes.
    #[error(
        "[users.anonymize] is used by on_delete = \"anonymize\" or on_delete_refused = \"anonymize\": choose it, or leave the table out"
    )]
    NothingAnonymizes,
    /// A replacement for a column that is not mapped.
    #[error("[users.anonymize] {0} is not in [users.columns]: only mapped columns are replaced")]
    ReplacedColumn(String),
    /// A replacement for the user's id.
    #[error("[users.anonymize] {0} holds the user's id, which stays: leave it out")]
    ReplacedKey(String),
    /// A replacement of another type.
    #[error("[users.anonymize] {0} must be of the column's type, {1}")]
    ReplacementKind(String, Kind),
}

/// A checked mapping from Clerk's user to a table.
#[derive(Debug, Clone)]
pub struct Mapping {
    table: TableName,
    create: bool,
    columns: Vec<Column>,
    /// How each is held.
    storages: Vec<Storage>,
    fills: Vec<Fill>,
    link: Option<Link>,
    deletion: Deletion,
    key: usize,
    /// Guarded fields that are cut out of captured documents.
    dropped: Vec<&'static str>,
    fingerprint: Fingerprint,
    /// The fingerprint of what the settings say alone.
    written: Fingerprint,
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
    /// What its row of before is recognized by, see [`Link`]; `None` where Clerk has none, or nothing is linked.
    pub link: Option<Box<str>>,
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
        if let Some(unknown) = spec.allow.iter().find(|name| !source::GUARDED.contains(&name.as_str())) {
            return Err(MappingError::UnknownAllow(unknown.clone()));
        }
        let dropped: Vec<_> = source::GUARDED
            .into_iter()
            .filter(|name| !spec.allow.iter().any(|allowed| allowed == name))
            .collect();
        check_columns(&spec.columns, &spec.fills, &dropped)?;
        let key = key_column(&spec.columns)?;
        let fingerprint = fingerprint(&spec);
        let storages = spec.columns.iter().map(|column| Storage::of(column.kind)).collect();
        let claims = claims::Claims::try_new(&spec.claims, &spec.columns, &dropped)?;
        let MappingSpec { table, create, columns, fills, deletion, link, .. } = spec;
        let link = link
            .map(|link| Link::try_new(link, &columns, &columns[key].name, create, claims.is_some()))
            .transpose()?;
        let reader = read::Reader::new(&columns, link.as_ref().map(|link| link.by));
        let deletion = Deletion::try_new(deletion, &columns, &fills, key)?;
        Ok(Self {
            table,
            create,
            columns,
            storages,
            fills,
            link,
            deletion,
            key,
            dropped,
            fingerprint,
            written: fingerprint,
            reader,
            claims,
        })
    }

    /// The same mapping for a table whose columns hold their values so; one for each column, in order. What a column
    /// cannot hold as it is, is cut or refused from then on.
    #[must_use]
    pub fn stored_in(&self, storages: Vec<Storage>) -> Self {
        let mut fitted = self.clone();
        let columns = self.columns.iter().zip(&storages);
        let narrow: Vec<_> = columns.map(|(column, storage)| storage.narrows(column.overflow)).collect();
        if narrow.iter().any(Option::is_some) {
            let mut context = Context::new(&SHA256);
            value::update(&mut context, 1, &self.written.0.to_be_bytes());
            for narrow in narrow {
                value::update(&mut context, 2, narrow.unwrap_or_default().as_bytes());
            }
            fitted.fingerprint = finish(context);
        } else {
            fitted.fingerprint = self.written;
        }
        fitted.storages = storages;
        fitted
    }

    /// The table that is written.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Whether we make the table; else it is adopted and never altered.
    pub fn creates(&self) -> bool {
        self.create
    }

    /// How the columns hold their values, in the order of [`Mapping::columns`].
    pub fn storages(&self) -> &[Storage] {
        &self.storages
    }

    /// The same mapping, under which users are deleted so.
    ///
    /// # Errors
    /// Where `deletion` does not go with the columns.
    pub fn deleting(&self, deletion: DeletionSpec) -> Result<Self, MappingError> {
        let deletion = Deletion::try_new(deletion, &self.columns, &self.fills, self.key)?;
        Ok(Self { deletion, ..self.clone() })
    }

    /// What a deletion does to a row.
    pub fn deletion(&self) -> &Deletion {
        &self.deletion
    }

    /// Columns that are filled when a row is made.
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// How rows that were there before get their users.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
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

    /// Identifies this mapping by what decides which values are written: table, columns, sources, kinds, defaults,
    /// permissions, and what the table's columns cannot hold. Not the claims, which make no version of Clerk's, and not
    /// the fills.
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
        let row = self.reader.row(fields, &self.columns, &self.storages, &self.dropped)?;
        let digest = value::digest(&self.columns, &row);
        let link = match &self.link {
            Some(link) => self.reader.link(fields, link)?,
            None => None,
        };
        let read::Head { id, updated_at, created_at } = head;
        Ok(MappedUser { id, updated_at, created_at, link, row, digest })
    }
}

/// A value of this kind from JSON, as Clerk's fields are read; `None` where it cannot be one.
pub fn read_literal(json: &serde_json::Value, kind: Kind) -> Option<Value> {
    let raw = serde_json::value::to_raw_value(json).ok()?;
    read::convert(&raw, kind, &[]).ok()
}

/// A row as a JSON object by column: moments as RFC 3339 in UTC, documents as themselves.
pub fn row_json(mapping: &Mapping, row: &[Value]) -> serde_json::Value {
    let columns = mapping.columns().iter().zip(row);
    columns
        .map(|(column, value)| (column.name.clone(), value.to_json()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn check_columns(columns: &[Column], fills: &[Fill], dropped: &[&str]) -> Result<(), MappingError> {
    let mut names = HashSet::new();
    for name in columns.iter().map(|column| &column.name).chain(fills.iter().map(|fill| &fill.name)) {
        table::check_name(name).map_err(|error| MappingError::Name(name.clone(), error))?;
        if !names.insert(name.to_lowercase()) {
            return Err(MappingError::Repeated(name.clone()));
        }
    }
    for column in columns {
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
        // What was not there in earlier versions counts only where it is used, so that their rows keep their mapping.
        if let Some(default) = &column.default {
            value::update(&mut context, 6, default.to_json().to_string().as_bytes());
        }
        if column.overflow != Overflow::default() {
            value::update(&mut context, 7, &[]);
        }
    }
    let mut allow = spec.allow.clone();
    allow.sort_unstable();
    allow.dedup();
    for document in allow {
        value::update(&mut context, 5, document.as_bytes());
    }
    finish(context)
}

fn finish(context: Context) -> Fingerprint {
    let [a, b, c, d, e, f, g, h, ..] = value::first_bytes(context).0;
    Fingerprint(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

#[cfg(test)]
mod tests;
