//! What is done to the rows of users who are gone, as a statement over a list of ids.

use super::{
    StoreError,
    dialect::Dialect,
    judge::{Fit, Held},
    moments::{number_of, text_of},
    pending::ms,
    plan::{self, Plan},
};
use crate::{
    mapping::{Deletion, ID_PLACE, Mapping, MomentFormat, OnDelete, Storage, Value},
    observation::Observation,
};

/// `before (ids) after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Removal {
    /// Up to the list of ids, with the word that compares with it.
    pub(super) before: String,
    /// Behind it.
    pub(super) after: String,
}

/// What happens to rows, and what happens instead where other rows refer to them. `None` inside: nothing.
#[derive(Debug, Clone)]
pub(super) struct Removals {
    /// When a deletion is heard of.
    at_once: Option<Removal>,
    /// When one that was held back is due.
    due: Option<Removal>,
    /// When deleting was refused. Nothing, too, where there is no other way: then the row waits.
    refused: Option<Removal>,
}

impl Removals {
    /// `among`: the word that compares a key with a list; `now`: the present moment as a column holds it.
    pub(super) fn new(
        mapping: &Mapping,
        fit: &Fit,
        dialect: Dialect,
        among: &str,
        now: fn(Storage) -> &'static str,
    ) -> Self {
        let deletion = mapping.deletion();
        let removal = |policy, spares| Removal::new(mapping, fit, dialect, policy, spares, among, now);
        // Without holding back, what happens at once is final: whoever was held back before keeps the time.
        let spared = if deletion.delete_after.is_none() { Spared::Pending } else { Spared::Cancelled };
        Self {
            at_once: removal(deletion.at_once(), spared),
            due: removal(deletion.on_delete, Spared::Cancelled),
            refused: deletion.on_refused.and_then(|policy| removal(policy, Spared::Cancelled)),
        }
    }

    /// What is done when a deletion is heard of. `was_refused`: that was tried.
    pub(super) fn of(&self, was_refused: bool) -> Option<&Removal> {
        if was_refused { self.refused.as_ref() } else { self.at_once.as_ref() }
    }

    /// What is done when one that was held back is due. `was_refused`: that was tried.
    pub(super) fn due(&self, was_refused: bool) -> Option<&Removal> {
        if was_refused { self.refused.as_ref() } else { self.due.as_ref() }
    }
}

impl Deletion {
    /// Whether a deletion that failed so is written once more, and the row dealt with in the other way, or left to wait
    /// where there is none: that of a single user, so that nobody else's row is dealt with like this.
    pub(super) fn has_way_out(&self, error: &StoreError, batch: &[Observation]) -> bool {
        // MySQL refuses to change a key with the same words.
        let deletes = batch.iter().any(|observation| observation.row.is_none());
        let has_way_out = error.is_reference() && deletes && plan::users(batch).len() == 1;
        if has_way_out {
            tracing::info!(refused = %error, "a row cannot be deleted: it is dealt with as on_delete_refused says, or waits");
        }
        has_way_out
    }

    /// How long a deletion is held back, in ms. A row that could not be deleted, and for which there is no other way, is
    /// due at once: whoever deals with what is due tries again and tells why it stays.
    pub(super) fn held_for(&self, was_refused: bool) -> Option<i64> {
        match self.delete_after {
            Some(after) => Some(ms(after)),
            None => (was_refused && self.on_refused.is_none()).then_some(0),
        }
    }

    /// Says of a user whose row was to be deleted that it waits, to everyone who saw the user gone. `batch`: of that user
    /// alone, where deleting was refused.
    pub(super) fn tell_waiting(&self, batch: &[Observation], plan: &mut Plan<'_>, was_refused: bool) {
        let waits = was_refused && self.on_refused.is_none() && !plan.deleted.is_empty();
        for (observation, applied) in batch.iter().zip(&mut plan.applied) {
            applied.row_waits = waits && observation.row.is_none();
        }
    }

    /// Whether there is another way to deal with a row that could not be deleted when it was due.
    pub(super) fn is_way_out_of(&self, error: &StoreError) -> bool {
        self.on_refused.is_some() && error.is_reference()
    }
}

impl Removal {
    fn new(
        mapping: &Mapping,
        fit: &Fit,
        dialect: Dialect,
        policy: OnDelete,
        spared: Spared,
        among: &str,
        now: fn(Storage) -> &'static str,
    ) -> Option<Self> {
        let table = dialect.table(mapping.table());
        let key = dialect.name(&mapping.key().name);
        let mark = mapping.deletion().deleted_at.iter().zip(&fit.deleted_at);
        let mark = mark.map(|(name, held)| (dialect.name(name), now(held.storage).to_owned())).next();
        let spared = spared.sql(&table, &key, dialect);
        let (set, after) = match policy {
            OnDelete::Keep => return None,
            OnDelete::Delete => {
                let before = format!("delete from {table} where {key} {among} ");
                return Some(Self { before, after: spared });
            }
            OnDelete::Mark => {
                let (name, now) = mark?;
                let after = format!(" and {name} is null{spared}");
                (vec![format!("{name} = {now}")], after)
            }
            OnDelete::Anonymize => {
                let replaced =
                    mapping.columns().iter().zip(&fit.columns).zip(&mapping.deletion().replacements);
                let replaced = replaced.filter_map(|((column, held), value)| {
                    let value = replacement(value.as_ref()?, held, &key, dialect);
                    Some(format!("{} = {value}", dialect.name(&column.name)))
                });
                // The first mark stays.
                let mark = mark.map(|(name, now)| format!("{name} = coalesce({name}, {now})"));
                (replaced.chain(mark).collect(), spared)
            }
        };
        if set.is_empty() {
            return None;
        }
        let before = format!("update {table} set {} where {key} {among} ", set.join(", "));
        Some(Self { before, after })
    }
}

/// Whose rows nothing is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spared {
    /// Those whose deletion an operator cancelled, whatever the settings say since.
    Cancelled,
    /// Those, and all whose deletion is held back.
    Pending,
}

impl Spared {
    /// Looks at the user's own entry alone, so that nobody waits for others.
    fn sql(self, table: &str, key: &str, dialect: Dialect) -> String {
        let key = match dialect {
            // An adopted key may have another collation, and PostgreSQL would not know which of the two counts.
            Dialect::Postgres => format!("{table}.{key}::text collate \"C\""),
            _ => format!("{table}.{key}"),
        };
        let which = if self == Self::Cancelled { " and p.due_at is null" } else { "" };
        format!(
            " and not exists (select 1 from clerk_sync_pending_deletions p where p.user_id = {key}{which})"
        )
    }
}

/// A value in SQL.
fn replacement(value: &Value, held: &Held, key: &str, dialect: Dialect) -> String {
    match (value, held.storage) {
        (Value::Null, _) => "null".to_owned(),
        (Value::Timestamp(_), Storage::Formatted(format)) if format.is_number() => {
            number_of(value, format).unwrap_or_default().to_string()
        }
        (Value::Timestamp(_), storage) => {
            let format = match storage {
                Storage::Formatted(format) => format,
                Storage::Moment { zoned: true, .. } if dialect == Dialect::Postgres => MomentFormat::Iso,
                _ => MomentFormat::Sql,
            };
            text_of(value, format).map_or_else(|| "null".to_owned(), |text| dialect.literal(&text))
        }
        (Value::Integer(number), _) => number.to_string(),
        (Value::Boolean(truth), Storage::Boolean { native: false }) => i64::from(*truth).to_string(),
        (Value::Boolean(truth), _) => truth.to_string(),
        (Value::Text(text) | Value::Json(text), _) => {
            let mut parts: Vec<String> = Vec::new();
            for (i, part) in text.split(ID_PLACE).enumerate() {
                if i > 0 {
                    parts.push(key.to_owned());
                }
                parts.push(dialect.literal(part));
            }
            let text = dialect.concatenated(&parts);
            match held.cast.as_str() {
                "" => text,
                cast => format!("({text})::{cast}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Column, DeletionSpec, MappingSpec};
    use rstest::rstest;
    use std::time::Duration;

    fn removals(deletion: DeletionSpec, dialect: Dialect) -> Removals {
        let columns = [("clerk_id", "id"), ("email", "primary_email_address"), ("name", "full_name")];
        let columns =
            columns.iter().map(|(name, source)| Column::from_source(name, source).expect("a source"));
        let spec = MappingSpec { columns: columns.collect(), deletion, ..MappingSpec::default() };
        let mapping = Mapping::try_new(spec).expect("a mapping");
        let fit = Fit::made_by_us(&mapping, dialect);
        Removals::new(&mapping, &fit, dialect, "in", |_| "now()")
    }

    fn removal(policy: OnDelete, deleted_at: Option<&str>, dialect: Dialect) -> Option<Removal> {
        let replacement = Value::Text("it's {id}\\".to_owned());
        let anonymizes = policy == OnDelete::Anonymize;
        let deletion = DeletionSpec {
            on_delete: policy,
            deleted_at: deleted_at.map(str::to_owned),
            replacements: if anonymizes { vec![("email".to_owned(), replacement)] } else { Vec::new() },
            ..DeletionSpec::default()
        };
        removals(deletion, dialect).of(false).cloned()
    }

    #[test]
    fn rows_are_deleted_marked_once_or_kept() {
        let delete = removal(OnDelete::Delete, None, Dialect::Postgres).expect("a statement");
        assert_eq!(delete.before, "delete from \"users\" where \"clerk_id\" in ");
        let mark = removal(OnDelete::Mark, None, Dialect::MySql).expect("a statement");
        assert_eq!(mark.before, "update `users` set `deleted_at` = now() where `clerk_id` in ");
        assert!(mark.after.starts_with(" and `deleted_at` is null and not exists ("), "{}", mark.after);
        assert_eq!(removal(OnDelete::Keep, None, Dialect::Sqlite), None);
    }

    #[rstest]
    #[case(Dialect::Postgres, r#""email" = 'it''s ' || "clerk_id" || '\', "name" = null"#)]
    #[case(Dialect::Sqlite, r#""email" = 'it''s ' || "clerk_id" || '\', "name" = null"#)]
    #[case(Dialect::MySql, r"`email` = concat('it''s ', `clerk_id`, '\\'), `name` = null")]
    fn values_are_replaced_with_the_id_in_its_place(#[case] dialect: Dialect, #[case] set: &str) {
        let anonymize = removal(OnDelete::Anonymize, None, dialect).expect("a statement");
        assert!(anonymize.before.contains(set), "{}", anonymize.before);
    }

    #[test]
    fn what_is_held_back_is_at_most_marked_at_once_and_has_its_way_out_when_it_is_due() {
        let held = |deleted_at: Option<&str>| DeletionSpec {
            delete_after: Some(Duration::from_secs(1)),
            deleted_at: deleted_at.map(str::to_owned),
            ..DeletionSpec::default()
        };
        let untouched = removals(held(None), Dialect::Sqlite);
        assert_eq!(untouched.of(false), None);
        assert!(untouched.due(false).is_some_and(|due| due.before.starts_with("delete from")));
        let marked = removals(held(Some("gone")), Dialect::Sqlite);
        assert!(marked.of(false).is_some_and(|mark| mark.before.contains("\"gone\" = now()")));
        let spec = DeletionSpec { on_refused: Some(OnDelete::Keep), ..held(None) };
        assert_eq!(removals(spec, Dialect::Sqlite).due(true), None);
    }

    #[test]
    fn the_first_mark_of_an_anonymized_row_stays() {
        let anonymize = removal(OnDelete::Anonymize, Some("gone"), Dialect::Sqlite).expect("a statement");
        assert!(anonymize.before.contains("\"gone\" = coalesce(\"gone\", now())"), "{}", anonymize.before);
    }
}
