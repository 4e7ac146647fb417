//! What a deletion in Clerk does to the row.

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use super::Storage;
use super::{Column, Fill, MappingError, OnDelete, Value, table};
use std::time::Duration;

/// What a deletion does to the row, as the settings say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionSpec {
    /// What happens to it.
    pub on_delete: OnDelete,
    /// What happens instead where other rows refer to it and the database refuses to delete it; `None`: the row waits, and
    /// a dead letter says for what.
    pub on_refused: Option<OnDelete>,
    /// For how long it is held back, by the database's clock; `None`: it happens at once. A row with a column for the mark
    /// is marked meanwhile.
    ///
    /// Whoever embeds the library does what is due with `Engine::carry_out_deletions`, each minute, also where nothing is
    /// held back: rows that the database did not let go wait among the same deletions.
    pub delete_after: Option<Duration>,
    /// The column that [`OnDelete::Mark`] sets, and [`OnDelete::Anonymize`] too where it is named.
    pub deleted_at: Option<String>,
    /// What mapped columns become under [`OnDelete::Anonymize`]; those that are not named become null. In texts `{id}`
    /// stands for the user's id at Clerk.
    pub replacements: Vec<(String, Value)>,
}

impl Default for DeletionSpec {
    fn default() -> Self {
        Self {
            on_delete: OnDelete::Delete,
            on_refused: None,
            delete_after: None,
            deleted_at: None,
            replacements: Vec::new(),
        }
    }
}

/// The column that marks a row as deleted, unless the settings name another.
pub const DELETED_AT: &str = "deleted_at";

/// What stands for the user's id in a replacement.
pub const ID_PLACE: &str = "{id}";

/// The same, checked against the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// See [`DeletionSpec::on_delete`].
    pub on_delete: OnDelete,
    /// See [`DeletionSpec::on_refused`].
    pub on_refused: Option<OnDelete>,
    /// See [`DeletionSpec::delete_after`].
    pub delete_after: Option<Duration>,
    /// See [`DeletionSpec::deleted_at`].
    pub deleted_at: Option<String>,
    /// What each mapped column becomes, in order; `None` leaves it, as the key.
    pub replacements: Vec<Option<Value>>,
}

impl Deletion {
    pub(super) fn try_new(
        spec: DeletionSpec,
        columns: &[Column],
        fills: &[Fill],
        key: usize,
    ) -> Result<Self, MappingError> {
        let DeletionSpec { on_delete, on_refused, delete_after, deleted_at, replacements } = spec;
        let does = |what: OnDelete| on_delete == what || on_refused == Some(what);
        if on_refused == Some(OnDelete::Delete) {
            return Err(MappingError::RefusedAgain);
        }
        if on_refused.is_some() && on_delete != OnDelete::Delete {
            return Err(MappingError::NeverRefused);
        }
        if delete_after.is_some() && matches!(on_delete, OnDelete::Mark | OnDelete::Keep) {
            return Err(MappingError::NothingHeldBack);
        }
        let marks = does(OnDelete::Mark);
        if deleted_at.is_some() && !marks && !does(OnDelete::Anonymize) && delete_after.is_none() {
            return Err(MappingError::NothingMarks);
        }
        if !replacements.is_empty() && !does(OnDelete::Anonymize) {
            return Err(MappingError::NothingAnonymizes);
        }
        let deleted_at = deleted_at.or_else(|| marks.then(|| DELETED_AT.to_owned()));
        if let Some(name) = &deleted_at {
            table::check_name(name).map_err(|error| MappingError::Name(name.clone(), error))?;
            let mut names =
                columns.iter().map(|column| &column.name).chain(fills.iter().map(|fill| &fill.name));
            if names.any(|other| other.to_lowercase() == name.to_lowercase()) {
                return Err(MappingError::DeletedAtIsMapped(name.clone()));
            }
        }
        let mut replaced: Vec<Option<Value>> = vec![Some(Value::Null); columns.len()];
        if let Some(of_key) = replaced.get_mut(key) {
            *of_key = None;
        }
        for (name, value) in replacements {
            let position = columns.iter().position(|column| column.name == name);
            let Some(position) = position else { return Err(MappingError::ReplacedColumn(name)) };
            if position == key {
                return Err(MappingError::ReplacedKey(name));
            }
            if value.kind().is_some_and(|kind| kind != columns[position].kind) {
                return Err(MappingError::ReplacementKind(name, columns[position].kind));
            }
            replaced[position] = Some(value);
        }
        Ok(Self { on_delete, on_refused, delete_after, deleted_at, replacements: replaced })
    }

    /// Whether a row may outlive its user for good, so that only the tombstone tells it from one that nobody accounts for.
    /// Rows that are merely held back have an entry of their own, see [`crate::store::PendingDeletions`].
    pub fn keeps_rows(&self) -> bool {
        self.on_delete != OnDelete::Delete || self.on_refused.is_some()
    }

    /// What is done to the row when the deletion is heard of.
    pub(crate) fn at_once(&self) -> OnDelete {
        match (self.delete_after, &self.deleted_at) {
            (None, _) => self.on_delete,
            (Some(_), Some(_)) => OnDelete::Mark,
            (Some(_), None) => OnDelete::Keep,
        }
    }

    /// Whether a column takes a replacement for an id of so many characters.
    #[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
    pub(crate) fn longest(value: &Value, storage: Storage, id_chars: usize) -> Result<(), super::FieldError> {
        let value = match value {
            Value::Text(text) => Value::Text(text.replace(ID_PLACE, &"x".repeat(id_chars))),
            value => value.clone(),
        };
        storage.fit(value, super::Overflow::Error).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Kind;

    fn columns() -> Vec<Column> {
        [("clerk_id", "id"), ("email", "primary_email_address"), ("banned", "banned")]
            .iter()
            .map(|(name, source)| Column::from_source(name, source).expect("a source"))
            .collect()
    }

    fn checked(spec: DeletionSpec) -> Result<Deletion, MappingError> {
        Deletion::try_new(spec, &columns(), &[], 0)
    }

    fn spec(on_delete: OnDelete) -> DeletionSpec {
        DeletionSpec { on_delete, ..DeletionSpec::default() }
    }

    #[test]
    fn marking_has_a_column() {
        assert_eq!(checked(spec(OnDelete::Mark)).expect("fine").deleted_at.as_deref(), Some("deleted_at"));
        let named = DeletionSpec { deleted_at: Some("gone".to_owned()), ..spec(OnDelete::Anonymize) };
        assert_eq!(checked(named).expect("fine").deleted_at.as_deref(), Some("gone"));
        assert_eq!(checked(spec(OnDelete::Keep)).expect("fine").deleted_at, None);
        let fallback = DeletionSpec { on_refused: Some(OnDelete::Mark), ..spec(OnDelete::Delete) };
        assert!(checked(fallback).expect("fine").deleted_at.is_some());
    }

    #[test]
    fn what_is_held_back_is_marked_meanwhile_where_there_is_a_column_for_it() {
        let held = |on_delete, deleted_at: Option<&str>, on_refused| {
            let deleted_at = deleted_at.map(str::to_owned);
            let delete_after = Some(Duration::from_secs(1));
            let spec = DeletionSpec { delete_after, deleted_at, on_refused, ..spec(on_delete) };
            checked(spec).expect("fine").at_once()
        };
        assert_eq!(held(OnDelete::Delete, None, None), OnDelete::Keep);
        assert_eq!(held(OnDelete::Anonymize, None, None), OnDelete::Keep);
        assert_eq!(held(OnDelete::Delete, Some("gone"), None), OnDelete::Mark);
        assert_eq!(held(OnDelete::Anonymize, Some("gone"), None), OnDelete::Mark);
        assert_eq!(held(OnDelete::Delete, None, Some(OnDelete::Mark)), OnDelete::Mark);
        assert_eq!(checked(spec(OnDelete::Anonymize)).expect("fine").at_once(), OnDelete::Anonymize);
    }

    #[test]
    fn what_is_not_replaced_becomes_null_and_the_key_stays() {
        let gone = Value::Text("gone".to_owned());
        let replacements = vec![("email".to_owned(), gone.clone())];
        let deletion = checked(DeletionSpec { replacements, ..spec(OnDelete::Anonymize) }).expect("fine");
        assert_eq!(deletion.replacements, [None, Some(gone), Some(Value::Null)]);
    }

    #[test]
    fn contradictions_are_refused() {
        let text = |text: &str| Value::Text(text.to_owned());
        let replacing = |name: &str, value| DeletionSpec {
            replacements: vec![(name.to_owned(), value)],
            ..spec(OnDelete::Anonymize)
        };
        for (spec, error) in [
            (
                DeletionSpec { on_refused: Some(OnDelete::Delete), ..spec(OnDelete::Delete) },
                MappingError::RefusedAgain,
            ),
            (
                DeletionSpec { on_refused: Some(OnDelete::Keep), ..spec(OnDelete::Mark) },
                MappingError::NeverRefused,
            ),
            (
                DeletionSpec { deleted_at: Some("a".to_owned()), ..spec(OnDelete::Delete) },
                MappingError::NothingMarks,
            ),
            (
                DeletionSpec { delete_after: Some(Duration::from_secs(1)), ..spec(OnDelete::Mark) },
                MappingError::NothingHeldBack,
            ),
            (
                DeletionSpec { delete_after: Some(Duration::from_secs(1)), ..spec(OnDelete::Keep) },
                MappingError::NothingHeldBack,
            ),
            (
                DeletionSpec { deleted_at: Some("Email".to_owned()), ..spec(OnDelete::Mark) },
                MappingError::DeletedAtIsMapped("Email".to_owned()),
            ),
            (
                DeletionSpec { on_delete: OnDelete::Mark, ..replacing("email", text("x")) },
                MappingError::NothingAnonymizes,
            ),
            (replacing("nobody", text("x")), MappingError::ReplacedColumn("nobody".to_owned())),
            (replacing("clerk_id", text("x")), MappingError::ReplacedKey("clerk_id".to_owned())),
            (
                replacing("banned", text("x")),
                MappingError::ReplacementKind("banned".to_owned(), Kind::Boolean),
            ),
        ] {
            assert_eq!(checked(spec), Err(error));
        }
    }
}
