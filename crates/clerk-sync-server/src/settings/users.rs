//! The table `[users]` of the settings file: which table to keep, and what is in it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::problem::Source;
use clerk_sync::mapping::LinkBy;

mod column;
pub(super) mod read;

pub use column::{ColumnConfig, ColumnContent, ColumnKind, FromClerk, Literal};

/// What `[users]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersConfig {
    /// The table's name, perhaps with its schema: `app.users`.
    pub table: String,
    /// Whether we make the table. `false` adopts an existing one and never alters it.
    pub create: bool,
    /// What happens to the row of a deleted user.
    pub on_delete: OnDelete,
    /// What happens to a row that other rows refer to, where deleting it is refused; none: it waits, and a dead letter says
    /// for what.
    pub on_delete_refused: Option<OnDelete>,
    /// For how long what happens to the row is held back; none: it happens at once.
    pub delete_after: Option<Duration>,
    /// The column that marks a row as deleted, if the file names one.
    pub deleted_at: Option<String>,
    /// What columns become when a row is anonymized; those that are not named become null.
    pub anonymize: Vec<ReplacementConfig>,
    /// What tells whose a row is that was there before; none: nothing but the id's column.
    pub link: Option<LinkBy>,
    /// The column that holds it, if the file names one.
    pub link_column: Option<String>,
    /// Which guarded documents may be mapped.
    pub allow: Vec<Allow>,
    /// The columns in the order of the file; `None` means the default ones.
    pub columns: Option<Vec<ColumnConfig>>,
    /// The claims that fill columns while Clerk cannot be asked; none means that no row is made from claims.
    pub claims: Vec<ClaimConfig>,
    /// The file that said so.
    pub path: Option<PathBuf>,
    /// The lines of the keys, by their names.
    pub lines: BTreeMap<String, usize>,
}

impl Default for UsersConfig {
    fn default() -> Self {
        Self {
            table: "users".to_owned(),
            create: true,
            on_delete: OnDelete::Delete,
            on_delete_refused: None,
            delete_after: None,
            deleted_at: None,
            anonymize: Vec::new(),
            link: None,
            link_column: None,
            allow: Vec::new(),
            columns: None,
            claims: Vec::new(),
            path: None,
            lines: BTreeMap::new(),
        }
    }
}

/// What happens to the row of a deleted user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// It is deleted.
    Delete,
    /// Its `deleted_at` is set.
    Mark,
    /// Its values are replaced.
    Anonymize,
    /// Nothing.
    Keep,
}

impl OnDelete {
    pub(super) const ALL: [Self; 4] = [Self::Delete, Self::Mark, Self::Anonymize, Self::Keep];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Mark => "mark",
            Self::Anonymize => "anonymize",
            Self::Keep => "keep",
        }
    }
}

/// A document of Clerk's user that is stored only if the settings allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    /// `private_metadata`.
    PrivateMetadata,
    /// `unsafe_metadata`.
    UnsafeMetadata,
}

impl Allow {
    pub(super) const ALL: [Self; 2] = [Self::PrivateMetadata, Self::UnsafeMetadata];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrivateMetadata => "private_metadata",
            Self::UnsafeMetadata => "unsafe_metadata",
        }
    }
}

/// What a column becomes when a row is anonymized: `column = "value"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacementConfig {
    /// The column.
    pub column: String,
    /// What it becomes; `{id}` in it stands for the user's id.
    pub value: Literal,
}

/// A claim of the session token: `column = "claim.path"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimConfig {
    /// The column that it fills.
    pub column: String,
    /// Its path.
    pub claim: String,
}

impl UsersConfig {
    /// Where a key of `[users]` was set, for messages.
    #[must_use]
    pub fn source_of(&self, key: &str) -> Source {
        match (&self.path, self.lines.get(key)) {
            (Some(path), Some(line)) => Source::File { path: path.clone(), line: *line },
            _ => Source::Default,
        }
    }
}
