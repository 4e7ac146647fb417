//! A store in memory: the oracle that the others are compared with, and a mirror for tests of your own.

use super::{
    Applied, Binding, DeadLetter, Deletions, Entry, FeedEntry, FeedPage, Gauges, NewDeadLetter, Notes,
    PENDING_LETTER, Presence, SchemaState, Store, StoreError, Summary, plan,
};
use crate::{
    mapping::{Mapping, Row, Value},
    observation::Observation,
    rule::{Change, State},
    user_id::UserId,
};
use async_trait::async_trait;
use clerk_auth::clock::Clock;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

mod desk;
mod inventory;
mod pending;
mod unique;

use desk::Desk;

/// See the module.
#[derive(Debug)]
pub struct MemoryStore {
    mapping: Arc<Mapping>,
    clock: Arc<dyn Clock>,
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    ledger: HashMap<UserId, Entry>,
    rows: BTreeMap<UserId, Row>,
    feed: Vec<FeedEntry>,
    dead_letters: BTreeMap<i64, NewDeadLetter>,
    last_letter: i64,
    /// When each is due, Unix ms by the store's clock; `None` where it was cancelled.
    pending: BTreeMap<UserId, Option<i64>>,
    binding: Option<Binding>,
    last_event_at: Option<i64>,
    desk: Desk,
    /// Positions of unique columns.
    unique: BTreeSet<usize>,
}

impl MemoryStore {
    /// An empty store. `clock` dates the feed's entries.
    pub fn new(mapping: Arc<Mapping>, clock: Arc<dyn Clock>) -> Self {
        Self { mapping, clock, tables: Arc::default() }
    }

    /// The same tables, written by another mapping of the same columns: what the settings were, or will be.
    #[must_use]
    pub fn with_mapping(&self, mapping: Arc<Mapping>) -> Self {
        Self { mapping, clock: Arc::clone(&self.clock), tables: Arc::clone(&self.tables) }
    }

    /// Somebody writes or deletes a row by hand.
    #[cfg(test)]
    pub(crate) fn edit(&self, user: &UserId, row: Option<Row>) {
        let mut tables = self.tables();
        match row {
            Some(row) => tables.rows.insert(user.clone(), row),
            None => tables.rows.remove(user),
        };
    }

    /// `moves`: see [`super::UniqueValues::commit_moving`].
    fn write_batch(
        &self,
        batch: &[Observation],
        notes: &Notes,
        moves: bool,
    ) -> Result<Vec<Applied>, StoreError> {
        let mut guard = self.tables();
        let tables = &mut *guard;
        let plan = plan::plan(batch, &tables.ledger);
        tables.judge(&self.mapping, &plan, moves)?;
        tables.desk.note(notes)?;
        for (user, entry) in plan.new_entries.iter().chain(&plan.changed_entries) {
            tables.ledger.insert((*user).clone(), *entry);
        }
        for change in &plan.changes {
            let number = tables.feed.len() as i64 + 1;
            tables.feed.push(FeedEntry {
                number,
                user: change.by.user.clone(),
                change: change.change,
                flow: change.by.flow.name().to_owned(),
                message_id: change.by.message_id.as_deref().map(str::to_owned),
                updated_at: change.by.row.is_some().then_some(change.standing.version.updated_at),
                as_of: change.standing.version.as_of,
                written_at: self.clock.now_ms(),
            });
        }
        for planned in plan.rows {
            tables.rows.insert(planned.user.clone(), planned.row.clone());
        }
        for user in plan.lifted {
            tables.pending.remove(user);
        }
        for user in plan.deleted {
            tables.delete(user, self.mapping.deletion(), self.clock.now_ms());
            // Where rows outlive their users, those of users who are gone give up what is unique.
            let row = tables.rows.get_mut(user).filter(|_| moves);
            for (position, value) in row.into_iter().flat_map(|row| row.iter_mut().enumerate()) {
                if tables.unique.contains(&position) {
                    *value = Value::Null;
                }
            }
        }
        let pending = &tables.pending;
        tables.dead_letters.retain(|_, letter| {
            let is_pending = |user| pending.contains_key(user);
            let waits = letter.message_id.as_ref().is_some_and(|id| id.starts_with(PENDING_LETTER));
            !letter
                .user
                .as_ref()
                .is_some_and(|user| plan.healed.contains(&user) && !(waits && is_pending(user)))
        });
        Ok(plan.applied)
    }

    /// A poisoned lock means a panic in this very file; the tables are written by infallible steps only.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    fn concurrent_commits(&self) -> usize {
        1
    }

    async fn commit_noting(&self, batch: &[Observation], notes: &Notes) -> Result<Vec<Applied>, StoreError> {
        self.write_batch(batch, notes, false)
    }

    async fn presence(&self, user: &UserId) -> Result<Presence, StoreError> {
        let tables = self.tables();
        Ok(Presence { entry: tables.ledger.get(user).copied(), row: tables.rows.contains_key(user) })
    }

    async fn entry(&self, user: &UserId) -> Result<Option<Entry>, StoreError> {
        Ok(self.tables().ledger.get(user).copied())
    }

    async fn row(&self, user: &UserId) -> Result<Option<Row>, StoreError> {
        Ok(self.tables().rows.get(user).cloned())
    }

    async fn rows(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Row>, StoreError> {
        let tables = self.tables();
        let later = tables.rows.iter().filter(|(user, _)| after.is_none_or(|after| *user > after));
        Ok(later.take(limit as usize).map(|(_, row)| row.clone()).collect())
    }

    async fn changes(&self, after: i64, limit: u32) -> Result<FeedPage, StoreError> {
        let tables = self.tables();
        let entries =
            tables.feed.iter().filter(|entry| entry.number > after).take(limit as usize).cloned().collect();
        Ok(FeedPage { epoch: "memory".to_owned(), last_number: tables.feed.len() as i64, entries })
    }

    async fn deletions(&self, after: i64, limit: u32) -> Result<Deletions, StoreError> {
        let tables = self.tables();
        let last_number = tables.feed.len() as i64;
        let through = after.saturating_add(i64::from(limit)).min(last_number);
        let seen = tables.feed.iter().filter(|entry| entry.number > after && entry.number <= through);
        let users = seen.filter(|entry| entry.change == Change::Deleted).map(|entry| entry.user.clone());
        Ok(Deletions { epoch: "memory".to_owned(), last_number, through, users: users.collect() })
    }

    async fn bury(&self, letter: &NewDeadLetter) -> Result<i64, StoreError> {
        let mut tables = self.tables();
        let same = tables
            .dead_letters
            .iter()
            .find(|(_, kept)| letter.message_id.is_some() && kept.message_id == letter.message_id);
        let number = same.map_or(tables.last_letter + 1, |(number, _)| *number);
        tables.last_letter = tables.last_letter.max(number);
        tables.dead_letters.insert(number, letter.clone());
        Ok(number)
    }

    async fn dead_letters(&self, after: i64, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let tables = self.tables();
        let later = tables.dead_letters.iter().filter(|(number, _)| **number > after).take(limit as usize);
        Ok(later.map(|(number, letter)| DeadLetter { number: *number, letter: letter.clone() }).collect())
    }

    async fn dead_letter(&self, number: i64) -> Result<Option<DeadLetter>, StoreError> {
        let letter = self.tables().dead_letters.get(&number).cloned();
        Ok(letter.map(|letter| DeadLetter { number, letter }))
    }

    async fn drop_dead_letter(&self, number: i64) -> Result<bool, StoreError> {
        Ok(self.tables().dead_letters.remove(&number).is_some())
    }

    async fn binding(&self) -> Result<Option<Binding>, StoreError> {
        Ok(self.tables().binding.clone())
    }

    async fn bind(&self, binding: &Binding) -> Result<Binding, StoreError> {
        let mut tables = self.tables();
        if tables.binding.as_ref().is_none_or(|bound| bound.instance_id == binding.instance_id) {
            tables.binding = Some(binding.clone());
        }
        Ok(tables.binding.clone().unwrap_or_else(|| binding.clone()))
    }

    async fn note_event(&self, now_ms: i64) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.last_event_at = tables.last_event_at.max(Some(now_ms));
        Ok(())
    }

    async fn purge_tombstones(&self, as_of: i64) -> Result<u64, StoreError> {
        let mut guard = self.tables();
        let tables = &mut *guard;
        let before = tables.ledger.len();
        tables.ledger.retain(|user, entry| {
            let version = entry.standing.version;
            let is_old = version.state == State::Gone && version.as_of < as_of;
            !is_old || tables.pending.contains_key(user)
        });
        Ok((before - tables.ledger.len()) as u64)
    }

    async fn gauges(&self) -> Result<Gauges, StoreError> {
        let tables = self.tables();
        Ok(Gauges {
            dead_letters: tables.dead_letters.len() as i64,
            pending_deletions: tables.waiting(),
            last_event_at: tables.last_event_at,
        })
    }

    async fn summary(&self) -> Result<Summary, StoreError> {
        let tables = self.tables();
        let count = |state| {
            tables.ledger.values().filter(|entry| entry.standing.version.state == state).count() as i64
        };
        Ok(Summary {
            present: count(State::Present),
            provisional: count(State::Provisional),
            gone: count(State::Gone),
            dead_letters: tables.dead_letters.len() as i64,
            last_change: tables.feed.len() as i64,
            last_event_at: tables.last_event_at,
        })
    }

    async fn schema(&self) -> Result<SchemaState, StoreError> {
        Ok(SchemaState { found: 1, known: 1, users_table: Vec::new() })
    }

    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn migration_sql(&self) -> String {
        String::new()
    }

    async fn close(&self) {}
}
