//! The statement that writes a plan, made of the parts that the plan has.

mod notes;
mod pending;

use super::{
    super::{
        Notes,
        dialect::Dialect,
        judge::{Fit, Held},
        pending::void_letters,
        plan::Plan,
        removal::{Removal, Removals},
    },
    column,
};
use crate::mapping::{Deletion, FillContent, Mapping, Storage};
use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

/// Which parts a plan has. Every shape is one prepared statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// A lease that must still be ours.
    pub(super) lease: bool,
    pub(super) new_entries: bool,
    pub(super) changed_entries: bool,
    /// Rows to insert, which are expected to be missing.
    pub(super) inserts: bool,
    /// Rows to insert or update.
    pub(super) upserts: bool,
    /// Rows to update, which are expected to be there.
    pub(super) updates: bool,
    pub(super) deletes: bool,
    /// Whether rows that other rows refer to are dealt with in the other way.
    pub(super) was_refused: bool,
    /// Users who are back.
    pub(super) lifts: bool,
    pub(super) heals: bool,
    /// A run whose progress is removed.
    pub(super) clears: bool,
    /// Parts of a run's progress.
    pub(super) parts: bool,
    pub(super) changes: bool,
}

impl Shape {
    /// `trusts`: rows are expected to be there or missing as the ledger says, which saves the database the look for them.
    pub(super) fn of(plan: &Plan<'_>, notes: &Notes, trusts: bool, was_refused: bool) -> Self {
        let rows = |existed: bool| plan.rows.iter().any(|row| row.existed == existed);
        Self {
            lease: notes.token.is_some(),
            new_entries: !plan.new_entries.is_empty(),
            changed_entries: !plan.changed_entries.is_empty(),
            inserts: trusts && rows(false),
            upserts: !trusts && !plan.rows.is_empty(),
            updates: trusts && rows(true),
            deletes: !plan.deleted.is_empty(),
            was_refused: was_refused && !plan.deleted.is_empty(),
            lifts: !plan.lifted.is_empty(),
            heals: !plan.healed.is_empty(),
            clears: notes.clears.is_some(),
            parts: !notes.parts.is_empty(),
            changes: !plan.changes.is_empty(),
        }
    }
}

/// Statements for one mapping.
#[derive(Debug)]
pub(super) struct WriteSql {
    insert: RowSql,
    upsert_resolution: String,
    /// Up to the values, which are called `t`; and behind them.
    update: (String, String),
    removals: Removals,
    /// How deletions are held back.
    deletion: Deletion,
    by_shape: Mutex<HashMap<Shape, Arc<str>>>,
}

/// The pieces of an insert of mapped rows.
#[derive(Debug)]
struct RowSql {
    into: String,
    /// `t.c1, t.c2::jsonb, ...`
    values: String,
    /// The columns' array types.
    types: Vec<&'static str>,
    /// `c1, c2, ...`
    aliases: String,
}

const ENTRY_TYPES: [&str; 8] =
    ["text", "smallint", "bigint", "bigint", "bytea", "bigint", "bigint", "bigint"];
const ENTRY_COLUMNS: &str =
    "user_id, state, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of";
/// What must still be so for an entry to be changed.
const WAS_TYPES: [&str; 6] = ["smallint", "bigint", "bigint", "bytea", "bigint", "bigint"];
const CHANGE_TYPES: [&str; 6] = ["text", "text", "text", "text", "bigint", "bigint"];

impl WriteSql {
    pub(super) fn new(mapping: &Mapping, fit: &Fit) -> Self {
        let table = mapping.table().quoted('"');
        let key = column::name(&mapping.key().name);
        let mut insert = Columns::default();
        let (mut update, mut resolution) = (Vec::new(), Vec::new());
        let mut is_key = String::new();
        for (mapped, held) in mapping.columns().iter().zip(&fit.columns) {
            let name = column::name(&mapped.name);
            let value = insert.bound(name.clone(), held);
            if name == key {
                is_key = format!("u.{key} = {}", column::compared(held, &value));
            } else {
                resolution.push(format!("{name} = excluded.{name}"));
                update.push(format!("{name} = {}", column::written(held, &value)));
            }
        }
        // What every write sets besides.
        let mut besides = Vec::new();
        for (fill, held) in mapping.fills().iter().zip(&fit.fills) {
            let name = column::name(&fill.name);
            let FillContent::Now { refresh } = fill.content else {
                insert.bound(name, held);
                continue;
            };
            let now = column::now(held.storage);
            if refresh {
                besides.push(format!("{name} = {now}"));
            }
            insert.computed(name, now);
        }
        // Who comes back is not deleted any more.
        let deleted_at = mapping.deletion().deleted_at.iter();
        besides.extend(deleted_at.map(|name| format!("{} = null", column::name(name))));
        resolution.extend_from_slice(&besides);
        update.extend(besides);
        if update.is_empty() {
            update.push(format!("{key} = u.{key}"));
        }
        let action = match resolution.join(", ") {
            nothing if nothing.is_empty() => "nothing".to_owned(),
            set => format!("update set {set}"),
        };
        Self {
            insert: insert.into_sql(&table),
            update: (format!("update {table} u set {} from ", update.join(", ")), format!(" where {is_key}")),
            upsert_resolution: format!(" on conflict ({key}) do {action}"),
            removals: Removals::new(mapping, fit, Dialect::Postgres, "= any", column::now),
            deletion: mapping.deletion().clone(),
            by_shape: Mutex::default(),
        }
    }

    /// The statement for plans of this shape. Its parameters come in the order of the shape's fields.
    pub(super) fn statement(&self, shape: Shape) -> Arc<str> {
        let mut by_shape = self.by_shape.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(by_shape.entry(shape).or_insert_with(|| self.compose(shape).into()))
    }

    /// What is done to the rows of users who are gone.
    pub(super) fn removal(&self, was_refused: bool) -> Option<&Removal> {
        self.removals.of(was_refused)
    }

    /// What is done to them when a deletion that was held back is due.
    pub(super) fn due_removal(&self, was_refused: bool) -> Option<&Removal> {
        self.removals.due(was_refused)
    }

    /// Whether another process has taken the lease.
    pub(super) fn has_lost_lease(error: &sqlx::Error) -> bool {
        error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == notes::LEASE_LOST)
    }

    /// Whether the guard of the statement failed, or a user of the ledger was there already.
    pub(super) fn was_overtaken(error: &sqlx::Error) -> bool {
        let Some(error) = error.as_database_error() else { return false };
        error.code().is_some_and(|code| code == DIVISION_BY_ZERO)
            || error.constraint() == Some("clerk_sync_users_pkey")
    }

    fn compose(&self, shape: Shape) -> String {
        let mut parameters = Parameters(0);
        let mut parts: Vec<String> = Vec::new();
        // Counting what a part wrote makes PostgreSQL run it before the feed's lock is taken.
        let mut expected: Vec<&str> = Vec::new();
        let mut written: Vec<&str> = Vec::new();
        if shape.lease {
            parts.push(notes::held(&mut parameters));
        }
        if shape.new_entries {
            let source = parameters.unnest(&ENTRY_TYPES);
            parts.push(format!(
                "new_entries as (insert into clerk_sync_users ({ENTRY_COLUMNS}) select * from {source} as t returning 1)"
            ));
            written.push("new_entries");
        }
        if shape.changed_entries {
            let types: Vec<&str> = ENTRY_TYPES.into_iter().chain(WAS_TYPES).collect();
            let source = parameters.unnest(&types);
            parts.push(format!(
                "changed_entries as (update clerk_sync_users u set state = t.state, updated_at = t.updated_at, \
                 as_of = t.as_of, digest = t.digest, fingerprint = t.fingerprint, created_at = t.created_at, \
                 lifted_as_of = t.lifted_as_of from {source} as t({ENTRY_COLUMNS}, was_state, was_updated_at, \
                 was_as_of, was_digest, was_fingerprint, was_lifted_as_of) where u.user_id = t.user_id \
                 and u.state = t.was_state and u.updated_at = t.was_updated_at and u.as_of = t.was_as_of \
                 and u.digest = t.was_digest and u.fingerprint = t.was_fingerprint \
                 and u.lifted_as_of is not distinct from t.was_lifted_as_of returning 1)"
            ));
            expected.push("changed_entries");
        }
        for (wanted, name, resolution) in
            [(shape.inserts, "inserted", ""), (shape.upserts, "upserted", self.upsert_resolution.as_str())]
        {
            if wanted {
                let RowSql { into, values, types, aliases } = &self.insert;
                let source = parameters.unnest(types);
                parts.push(format!(
                    "{name} as ({into} select {values} from {source} as t({aliases}){resolution} returning 1)"
                ));
                written.push(name);
            }
        }
        if shape.updates {
            let ((before, after), RowSql { types, aliases, .. }) = (&self.update, &self.insert);
            let source = parameters.unnest(types);
            parts.push(format!("updated as ({before}{source} as t({aliases}){after} returning 1)"));
            expected.push("updated");
        }
        if shape.deletes {
            // Here and nowhere else: PostgreSQL makes transactions that notify commit one after the other.
            let ring = format!("pg_notify('{}', '')", super::bell::CHANNEL);
            let users = parameters.array("text");
            parts.push(match self.removal(shape.was_refused) {
                Some(Removal { before, after }) => {
                    format!("deleted as ({before}({users}){after} returning {ring})")
                }
                None => format!("deleted as (select {ring} from unnest({users}))"),
            });
            written.push("deleted");
            if let Some(after) = self.deletion.held_for(shape.was_refused) {
                parts.push(pending::held_back(&users, after));
                written.push("held_back");
            }
        }
        let mut void = void_letters();
        if shape.lifts {
            let users = parameters.array("text");
            parts.push(pending::lifted(&users));
            written.push("lifted");
            // What was pending of those who are back is still there for other parts of the statement.
            void = format!("({void} or user_id = any({users}))");
        }
        if shape.heals {
            // Nearly always there is none, which one look tells for all users.
            parts.push(format!(
                "healed as (delete from clerk_sync_dead_letters where exists (select 1 from clerk_sync_dead_letters) \
                 and user_id = any({}) and {void} returning 1)",
                parameters.array("text")
            ));
            written.push("healed");
        }
        // After the ledger: everyone locks in the same order, and a run's progress is what all of its writers share.
        if shape.clears {
            parts.push(notes::cleared(&mut parameters));
            written.push("cleared");
        }
        if shape.parts {
            parts.push(notes::noted(&mut parameters));
            written.push("noted");
        }
        let guard = guard(&mut parameters, shape.lease, &expected, &written);
        let mut sql = format!("with {}", parts.join(", "));
        // Writing to a String does not fail.
        let _ = if shape.changes {
            let count = parameters.next("bigint");
            let source = parameters.unnest_numbered(&CHANGE_TYPES);
            write!(
                sql,
                ", head as (update clerk_sync_meta set last_change = last_change + {count} where id = 1 and {guard} \
                 returning last_change - {count} as base, (extract(epoch from clock_timestamp()) * 1000)::bigint as now) \
                 insert into clerk_sync_changes (number, user_id, change, flow, message_id, updated_at, as_of, written_at) \
                 select head.base + t.position, t.user_id, t.change, t.flow, t.message_id, t.updated_at, t.as_of, head.now \
                 from head, {source} as t(user_id, change, flow, message_id, updated_at, as_of, position)"
            )
        } else {
            write!(sql, " select {guard}")
        };
        sql
    }
}

const DIVISION_BY_ZERO: &str = "22012";

/// True, or an error that undoes the statement: PostgreSQL has no other way to say "all of it or nothing" within one.
fn guard(parameters: &mut Parameters, lease: bool, expected: &[&str], written: &[&str]) -> String {
    let count = |part: &&str| format!("(select count(*) from {part})");
    // Looked at one after the other: the lease's lock comes first.
    let first = lease.then(|| notes::STILL_HELD.to_owned()).into_iter();
    let conditions = expected.iter().map(|part| format!("{} = {}", count(part), parameters.next("bigint")));
    let conditions: Vec<String> =
        first.chain(conditions).chain(written.iter().map(|part| format!("{} >= 0", count(part)))).collect();
    if conditions.is_empty() {
        return "true".to_owned();
    }
    format!("1 / (case when {} then 1 else 0 end) = 1", conditions.join(" and "))
}

/// Numbers parameters in the order in which they are bound.
struct Parameters(usize);

impl Parameters {
    fn next(&mut self, kind: &str) -> String {
        self.0 += 1;
        format!("${}::{kind}", self.0)
    }

    fn array(&mut self, kind: &str) -> String {
        self.next(&format!("{kind}[]"))
    }

    /// Rows of arrays of one length, a column of each. In the list of a `select` they are read in step; in `from`,
    /// PostgreSQL would first copy each of them.
    fn unnest(&mut self, kinds: &[&str]) -> String {
        format!("(select {})", self.unnested(kinds).join(", "))
    }

    /// The same with a last column that numbers the rows from 1.
    fn unnest_numbered(&mut self, kinds: &[&str]) -> String {
        let first = self.0 + 1;
        let mut columns = self.unnested(kinds);
        columns.push(format!("generate_subscripts(${first}, 1)"));
        format!("(select {})", columns.join(", "))
    }

    fn unnested(&mut self, kinds: &[&str]) -> Vec<String> {
        kinds.iter().map(|kind| format!("unnest({})", self.array(kind))).collect()
    }
}

/// The columns of an insert.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    values: Vec<String>,
    storages: Vec<Storage>,
}

impl Columns {
    /// One whose values are bound, as an array. Answers with the value's name.
    fn bound(&mut self, name: String, held: &Held) -> String {
        self.storages.push(held.storage);
        self.names.push(name);
        let value = format!("t.c{}", self.storages.len());
        self.values.push(column::written(held, &value));
        value
    }

    fn computed(&mut self, name: String, value: &str) {
        self.names.push(name);
        self.values.push(value.to_owned());
    }

    fn into_sql(self, table: &str) -> RowSql {
        let aliases = (1..=self.storages.len()).map(|i| format!("c{i}"));
        RowSql {
            into: format!("insert into {table} ({})", self.names.join(", ")),
            values: self.values.join(", "),
            types: self.storages.into_iter().map(column::array_type).collect(),
            aliases: aliases.collect::<Vec<_>>().join(", "),
        }
    }
}
