//! Unique columns in memory, for tests: none unless they are asked for.

use super::{MemoryStore, Tables};
use crate::{
    mapping::{Mapping, Row, Value},
    observation::Observation,
    store::{Applied, Holder, Notes, RowsBefore, StoreError, StoreErrorKind, UniqueValues, plan::Plan},
    user_id::UserId,
};
use async_trait::async_trait;
use std::collections::HashMap;

fn constraint(mapping: &Mapping, position: usize) -> String {
    mapping.columns().get(position).map(|column| format!("users_by_{}", column.name)).unwrap_or_default()
}

fn same(one: &[Value], other: &[Value], position: usize) -> bool {
    let value = one.get(position).filter(|value| **value != Value::Null);
    value.is_some() && value == other.get(position)
}

impl MemoryStore {
    /// Makes a mapped column unique from now on. False if there is no such column.
    pub fn require_unique(&self, column: &str) -> bool {
        let position = self.mapping.columns().iter().position(|known| known.name == column);
        self.tables().unique.extend(position);
        position.is_some()
    }
}

impl Tables {
    /// Whether the rows of a plan can be written, one after the other, as a database does. `moves`: deletions go first, and
    /// unique values are given up before.
    pub(super) fn judge(&self, mapping: &Mapping, plan: &Plan<'_>, moves: bool) -> Result<(), StoreError> {
        if self.unique.is_empty() {
            return Ok(());
        }
        let mut written: HashMap<&UserId, Option<&Row>> = HashMap::new();
        if moves {
            written.extend(plan.deleted.iter().map(|user| (*user, None)));
            written.extend(plan.rows.iter().map(|planned| (planned.user, None)));
        }
        for planned in &plan.rows {
            for position in self.unique.iter().copied() {
                let untouched = self.rows.iter().filter(|(user, _)| !written.contains_key(user));
                let others =
                    untouched.chain(written.iter().filter_map(|(user, row)| row.map(|row| (*user, row))));
                let mut others = others.filter(|(user, _)| *user != planned.user);
                if others.any(|(_, row)| same(row, planned.row, position)) {
                    let constraint = Some(constraint(mapping, position));
                    return Err(StoreError::new(
                        StoreErrorKind::Rejected { constraint },
                        "writing users",
                        "",
                    ));
                }
            }
            written.insert(planned.user, Some(planned.row));
        }
        Ok(())
    }
}

#[async_trait]
impl UniqueValues for MemoryStore {
    async fn holders(&self, wanted: &Observation) -> Result<Vec<Holder>, StoreError> {
        let Some(row) = &wanted.row else { return Ok(Vec::new()) };
        let tables = self.tables();
        let mut found = Vec::new();
        for position in tables.unique.iter().copied() {
            let holders = tables
                .rows
                .iter()
                .filter(|(holder, held)| **holder != wanted.user && same(held, row, position));
            found.extend(holders.map(|(holder, _)| {
                Holder {
                    user: Some(holder.clone()),
                    constraint: constraint(&self.mapping, position),
                    columns: self
                        .mapping
                        .columns()
                        .get(position)
                        .map(|column| column.name.clone())
                        .into_iter()
                        .collect(),
                }
            }));
        }
        Ok(found)
    }

    async fn commit_moving(&self, set: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        self.write_batch(set, &Notes::default(), true)
    }
}

/// Every row has its user's id.
impl RowsBefore for MemoryStore {}
