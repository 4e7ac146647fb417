//! The one door, on SQLite.

use super::{
    LiteQuery, SqliteStore, Tx, built_query, column,
    errors::{as_reference, storing},
};
use crate::{
    mapping::Mapping,
    observation::Observation,
    store::{
        Applied, Entry, Notes, StoreError,
        dialect::Dialect,
        judge::Fit,
        multirow::{placeholders, runs, tuples},
        pending::void_letters,
        plan::{self, Plan, PlannedChange},
        provenance,
        removal::{Removal, Removals},
        stored::{digest_bytes, read_entry, state_code},
        written::Written,
    },
    user_id::UserId,
};
use sqlx::Row as _;
use std::collections::HashMap;

pub(super) const COMMITTING: &str = "writing users";

/// Statements that depend on the mapping.
#[derive(Debug)]
pub(super) struct RowSql {
    written: Written,
    /// Up to `values`.
    insert: String,
    /// Behind the values.
    resolution: String,
    removals: Removals,
}

impl RowSql {
    pub(super) fn new(mapping: &Mapping, fit: &Fit) -> Self {
        let table = mapping.table().quoted('"');
        let key = column::name(&mapping.key().name);
        let written = Written::new(mapping, fit, column::name, column::now);
        let set = written.set.iter().map(|(name, value)| match value.as_str() {
            "?" => format!("{name} = excluded.{name}"),
            value => format!("{name} = {value}"),
        });
        let update = set.collect::<Vec<_>>().join(", ");
        let action = if update.is_empty() { "nothing".to_owned() } else { format!("update set {update}") };
        Self {
            insert: format!("insert into {table} ({}) values ", written.names.join(", ")),
            resolution: format!(" on conflict ({key}) do {action}"),
            removals: Removals::new(mapping, fit, Dialect::Sqlite, "in", column::now),
            written,
        }
    }
}

impl RowSql {
    /// What is done to the rows of users who are gone.
    pub(super) fn removal(&self, was_refused: bool) -> Option<&Removal> {
        self.removals.of(was_refused)
    }

    /// What is done to them when a deletion that was held back is due.
    pub(super) fn due_removal(&self, was_refused: bool) -> Option<&Removal> {
        self.removals.due(was_refused)
    }
}

const ENTRY_COLUMNS: &str =
    "user_id, state, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of";

impl SqliteStore {
    pub(super) async fn commit_batch(
        &self,
        batch: &[Observation],
        notes: &Notes,
    ) -> Result<Vec<Applied>, StoreError> {
        match self.try_commit(batch, notes, false).await {
            Err(error) if self.mapping.deletion().has_way_out(&error, batch) => {
                self.try_commit(batch, notes, true).await
            }
            result => result,
        }
    }

    /// `was_refused`: deleting rows was refused, because others refer to them.
    async fn try_commit(
        &self,
        batch: &[Observation],
        notes: &Notes,
        was_refused: bool,
    ) -> Result<Vec<Applied>, StoreError> {
        let mut tx = self.begin(COMMITTING).await?;
        self.check_lease(&mut tx, notes).await?;
        let before = read_entries(&mut tx, &plan::users(batch)).await?;
        let mut plan = plan::plan(batch, &before);
        plan.fill(&self.mapping)?;
        if plan.writes_nothing() && notes.is_empty() {
            tx.rollback().await.map_err(storing(COMMITTING))?;
            return Ok(plan.applied);
        }
        self.link_rows(&mut tx, &mut plan).await?;
        self.write(&mut tx, &plan, was_refused).await?;
        self.write_notes(&mut tx, notes).await?;
        // A key that is checked as the transaction ends, as Django makes them, refuses only here.
        tx.commit().await.map_err(storing(COMMITTING)).map_err(|error| refusal(error, &plan))?;
        self.mapping.deletion().tell_waiting(batch, &mut plan, was_refused);
        Ok(plan.applied)
    }

    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        plan: &Plan<'_>,
        was_refused: bool,
    ) -> Result<(), StoreError> {
        let entries: Vec<_> = plan.new_entries.iter().chain(&plan.changed_entries).collect();
        for run in runs(&entries) {
            let sql = format!(
                "insert into clerk_sync_users ({ENTRY_COLUMNS}) values {} on conflict (user_id) do update set \
                 state = excluded.state, updated_at = excluded.updated_at, as_of = excluded.as_of, \
                 digest = excluded.digest, fingerprint = excluded.fingerprint, created_at = excluded.created_at, \
                 lifted_as_of = excluded.lifted_as_of",
                tuples(8, run.len())
            );
            execute(tx, run.iter().fold(built_query(sql), |query, entry| bind_entry(query, entry))).await?;
        }
        for run in runs(&plan.rows) {
            let written = &self.sql.written;
            let sql = format!("{}{}{}", self.sql.insert, written.tuples(run.len()), self.sql.resolution);
            let values = run.iter().flat_map(|planned| written.inserted(planned));
            let query =
                values.fold(built_query(sql), |query, (value, held)| column::bind(query, value, held));
            execute(tx, query).await?;
        }
        if let Some(Removal { before, after }) = self.sql.removal(was_refused) {
            for_users(tx, before, &plan.deleted, after).await.map_err(|error| refusal(error, plan))?;
        }
        self.write_pending(tx, plan, was_refused).await?;
        let void = format!(" and {}", void_letters());
        for_users(tx, "delete from clerk_sync_dead_letters where user_id in ", &plan.healed, &void).await?;
        append_changes(tx, &plan.changes).await
    }
}

fn refusal(error: StoreError, plan: &Plan<'_>) -> StoreError {
    if plan.only_deletes() { as_reference(error) } else { error }
}

async fn execute(tx: &mut Tx, query: LiteQuery<'_>) -> Result<(), StoreError> {
    query.execute(&mut **tx).await.map(|_| ()).map_err(storing(COMMITTING))
}

pub(super) async fn read_entries(
    tx: &mut Tx,
    users: &[&UserId],
) -> Result<HashMap<UserId, Entry>, StoreError> {
    let mut entries = HashMap::with_capacity(users.len());
    for run in runs(users) {
        let sql = format!(
            "select {ENTRY_COLUMNS} from clerk_sync_users where user_id in ({})",
            placeholders(run.len())
        );
        let query = run.iter().fold(built_query(sql), |query, user| query.bind(user.as_str()));
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(COMMITTING))?;
        for row in &rows {
            let (user, entry) = read_entry(row)?;
            entries.insert(user, entry);
        }
    }
    Ok(entries)
}

pub(super) async fn for_users(
    tx: &mut Tx,
    before: &str,
    users: &[&UserId],
    after: &str,
) -> Result<(), StoreError> {
    for run in runs(users) {
        let sql = format!("{before}({}){after}", placeholders(run.len()));
        execute(tx, run.iter().fold(built_query(sql), |query, user| query.bind(user.as_str()))).await?;
    }
    Ok(())
}

async fn append_changes(tx: &mut Tx, changes: &[PlannedChange<'_>]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let count = changes.len() as i64;
    let sql = "update clerk_sync_meta set last_change = last_change + ? where id = 1 returning last_change";
    let row = sqlx::query(sql).bind(count).fetch_one(&mut **tx).await.map_err(storing(COMMITTING))?;
    let mut number = row.try_get::<i64, _>(0).map_err(storing(COMMITTING))? - count;
    for run in runs(changes) {
        let tuple = "(?, ?, ?, ?, ?, ?, ?, cast(round(unixepoch('subsec') * 1000) as integer))";
        let sql = format!(
            "insert into clerk_sync_changes \
             (number, user_id, change, flow, message_id, updated_at, as_of, written_at) values {}",
            vec![tuple; run.len()].join(", ")
        );
        let query = run.iter().fold(built_query(sql), |query, change| {
            number += 1;
            let (flow, message_id) = provenance(change.by);
            let version = &change.standing.version;
            query
                .bind(number)
                .bind(change.by.user.as_str())
                .bind(change.change.name())
                .bind(flow.name())
                .bind(message_id)
                .bind(change.by.row.is_some().then_some(version.updated_at))
                .bind(version.as_of)
        });
        execute(tx, query).await?;
    }
    Ok(())
}

fn bind_entry<'q>(query: LiteQuery<'q>, (user, entry): &(&'q UserId, Entry)) -> LiteQuery<'q> {
    let standing = &entry.standing;
    query
        .bind(user.as_str())
        .bind(state_code(standing.version.state))
        .bind(standing.version.updated_at)
        .bind(standing.version.as_of)
        .bind(digest_bytes(&standing.version).to_vec())
        .bind(standing.fingerprint.0)
        .bind(entry.created_at)
        .bind(standing.lifted_as_of)
}
