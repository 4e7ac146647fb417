//! The one door, on MySQL and MariaDB.
//!
//! Rows of the users table are inserted or updated, never by `on duplicate key update`: any other unique key would
//! trigger that too and change another user's row.

use super::{
    MyQuery, MySqlStore, Tx, column,
    errors::{duplicate_key, storing},
};
use crate::{
    mapping::Mapping,
    observation::Observation,
    store::{
        Applied, Entry, Notes, StoreError, StoreErrorKind,
        dialect::Dialect,
        judge::Fit,
        multirow::{placeholders, runs, tuples},
        pending::void_letters,
        plan::{self, Plan, PlannedChange, PlannedRow},
        provenance,
        removal::{Removal, Removals},
        retry::while_contended,
        stored::{digest_bytes, read_entry, state_code},
        written::Written,
    },
    user_id::UserId,
};
use std::collections::HashMap;

pub(super) const COMMITTING: &str = "writing users";

/// Statements that depend on the mapping.
#[derive(Debug)]
pub(super) struct RowSql {
    written: Written,
    /// Up to `values`.
    insert: String,
    update: String,
    removals: Removals,
}

impl RowSql {
    pub(super) fn new(mapping: &Mapping, fit: &Fit) -> Self {
        let table = mapping.table().quoted('`');
        let key = column::name(&mapping.key().name);
        let written = Written::new(mapping, fit, column::name, column::now);
        let mut set: Vec<String> =
            written.set.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        if set.is_empty() {
            set.push(format!("{key} = {key}"));
        }
        Self {
            insert: format!("insert into {table} ({}) values ", written.names.join(", ")),
            update: format!("update {table} set {} where {key} = ?", set.join(", ")),
            removals: Removals::new(mapping, fit, Dialect::MySql, "in", column::now),
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

impl MySqlStore {
    pub(super) async fn commit_batch(
        &self,
        batch: &[Observation],
        notes: &Notes,
    ) -> Result<Vec<Applied>, StoreError> {
        match while_contended(|| self.try_commit(batch, notes, false)).await {
            Err(error) if self.mapping.deletion().has_way_out(&error, batch) => {
                while_contended(|| self.try_commit(batch, notes, true)).await
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
        let written = self.write_batch(&mut tx, batch, notes, was_refused).await;
        tx.conclude(written, storing(COMMITTING)).await
    }

    async fn write_batch(
        &self,
        tx: &mut Tx,
        batch: &[Observation],
        notes: &Notes,
        was_refused: bool,
    ) -> Result<Vec<Applied>, StoreError> {
        self.hold_lease(tx, notes).await?;
        let before = self.lock_entries(tx, &plan::users(batch)).await?;
        let mut plan = plan::plan(batch, &before);
        plan.fill(&self.mapping)?;
        self.link_rows(tx, &mut plan).await?;
        if !(plan.writes_nothing() && notes.is_empty()) {
            self.write(tx, &plan, notes, was_refused).await?;
        }
        self.mapping.deletion().tell_waiting(batch, &mut plan, was_refused);
        Ok(plan.applied)
    }

    pub(super) async fn lock_entries(
        &self,
        tx: &mut Tx,
        users: &[&UserId],
    ) -> Result<HashMap<UserId, Entry>, StoreError> {
        let mut entries = HashMap::with_capacity(users.len());
        for run in runs(users) {
            let sql = format!(
                "select {ENTRY_COLUMNS} from clerk_sync_users where user_id in ({}) order by user_id for update",
                placeholders(run.len())
            );
            let query = run.iter().fold(self.built_query(sql), |query, user| query.bind(user.as_str()));
            let rows = query.fetch_all(&mut **tx).await.map_err(storing(COMMITTING))?;
            for row in &rows {
                let (user, entry) = read_entry(row)?;
                entries.insert(user, entry);
            }
        }
        Ok(entries)
    }

    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        plan: &Plan<'_>,
        notes: &Notes,
        was_refused: bool,
    ) -> Result<(), StoreError> {
        for run in runs(&plan.new_entries) {
            let sql =
                format!("insert into clerk_sync_users ({ENTRY_COLUMNS}) values {}", tuples(8, run.len()));
            let query = run.iter().fold(self.built_query(sql), bind_entry);
            query.execute(&mut **tx).await.map_err(|error| match duplicate_key(&error) {
                // Another writer saw one of these users first. Begin again and see what it wrote.
                Some(_) => {
                    StoreError::new(StoreErrorKind::Contended, COMMITTING, "a first sight was overtaken")
                }
                None => storing(COMMITTING)(error),
            })?;
        }
        for run in runs(&plan.changed_entries) {
            // The ledger has no unique key but its own, and every one of these rows is locked.
            let sql = format!(
                "insert into clerk_sync_users ({ENTRY_COLUMNS}) values {} on duplicate key update \
                 state = values(state), updated_at = values(updated_at), as_of = values(as_of), \
                 digest = values(digest), fingerprint = values(fingerprint), created_at = values(created_at), \
                 lifted_as_of = values(lifted_as_of)",
                tuples(8, run.len())
            );
            let query = run.iter().fold(self.built_query(sql), bind_entry);
            query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        }
        let (existing, new): (Vec<&PlannedRow<'_>>, Vec<_>) =
            plan.rows.iter().partition(|planned| planned.existed);
        for run in runs(&new) {
            self.insert_rows(tx, run).await?;
        }
        for planned in existing {
            self.upsert_row(tx, planned).await?;
        }
        if let Some(Removal { before, after }) = self.sql.removal(was_refused) {
            for run in runs(&plan.deleted) {
                let sql = format!("{before}({}){after}", placeholders(run.len()));
                let query = run.iter().fold(self.built_query(sql), |query, user| query.bind(user.as_str()));
                query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
            }
        }
        self.write_pending(tx, plan, was_refused).await?;
        self.heal(tx, &plan.healed).await?;
        self.write_notes(tx, notes).await?;
        self.append_changes(tx, &plan.changes).await
    }

    async fn insert_rows(&self, tx: &mut Tx, run: &[&PlannedRow<'_>]) -> Result<(), StoreError> {
        match self.insert(tx, run).await {
            // A row of one of these users stands there from before, whichever of its keys is told; or another row is in
            // the way, which one by one will tell. Only the statement is undone, not the transaction.
            Err(error) if duplicate_key(&error).is_some() => {
                for planned in run {
                    self.upsert_row(tx, planned).await?;
                }
                Ok(())
            }
            result => result.map_err(storing(COMMITTING)),
        }
    }

    async fn insert(&self, tx: &mut Tx, run: &[&PlannedRow<'_>]) -> sqlx::Result<()> {
        let written = &self.sql.written;
        let sql = format!("{}{}", self.sql.insert, written.tuples(run.len()));
        let values = run.iter().flat_map(|planned| written.inserted(planned));
        let query =
            values.fold(self.built_query(sql), |query, (value, held)| column::bind(query, value, held));
        query.execute(&mut **tx).await.map(|_| ())
    }

    async fn upsert_row(&self, tx: &mut Tx, planned: &PlannedRow<'_>) -> Result<(), StoreError> {
        let query = self.built_query(self.sql.update.clone());
        let values = self.sql.written.updated(planned);
        let query = values.fold(query, |query, (value, held)| column::bind(query, value, held));
        let query = query.bind(planned.user.as_str());
        let done = query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        // Connections count rows found, not rows changed: 0 means that the row is missing.
        if done.rows_affected() > 0 {
            return Ok(());
        }
        self.insert(tx, &[planned]).await.map_err(storing(COMMITTING))
    }

    async fn heal(&self, tx: &mut Tx, users: &[&UserId]) -> Result<(), StoreError> {
        for run in runs(users) {
            let sql = format!(
                "delete from clerk_sync_dead_letters where user_id in ({}) and {}",
                placeholders(run.len()),
                void_letters()
            );
            let query = run.iter().fold(self.built_query(sql), |query, user| query.bind(user.as_str()));
            query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        }
        Ok(())
    }

    /// The lock on meta's row is held from here to the end of the commit.
    async fn append_changes(&self, tx: &mut Tx, changes: &[PlannedChange<'_>]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let count = changes.len() as i64;
        let query = self
            .query("update clerk_sync_meta set last_change = last_insert_id(last_change + ?) where id = 1");
        let done = query.bind(count).execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        let mut number = i64::try_from(done.last_insert_id()).unwrap_or_default() - count;
        for run in runs(changes) {
            let tuple = "(?, ?, ?, ?, ?, ?, ?, cast(unix_timestamp(now(3)) * 1000 as signed))";
            let sql = format!(
                "insert into clerk_sync_changes \
                 (number, user_id, `change`, flow, message_id, updated_at, as_of, written_at) values {}",
                vec![tuple; run.len()].join(", ")
            );
            let query = run.iter().fold(self.built_query(sql), |query, change| {
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
            query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        }
        Ok(())
    }
}

fn bind_entry<'q>(query: MyQuery<'q>, (user, entry): &(&'q UserId, Entry)) -> MyQuery<'q> {
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
