//! Binds a plan to its statement, in the order of [`Shape`]'s fields.

use super::write::Shape;
use crate::{
    mapping::{FillContent, Mapping, Storage, Value},
    store::{
        Entry, Notes,
        judge::Fit,
        moments::{number_of, text_of},
        plan::{Plan, PlannedChange, PlannedRow},
        provenance,
        stored::{digest_bytes, moment, state_code},
    },
    user_id::UserId,
};
use sqlx::{Postgres, postgres::PgArguments, query::Query};
use time::OffsetDateTime;

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

pub(super) fn plan<'q>(
    mut query: PgQuery<'q>,
    plan: &'q Plan<'q>,
    notes: &'q Notes,
    shape: Shape,
    mapping: &Mapping,
    fit: &Fit,
) -> PgQuery<'q> {
    if let Some(token) = notes.token {
        query = query.bind(token);
    }
    if shape.new_entries {
        query = entries(query, &plan.new_entries);
    }
    if shape.changed_entries {
        query = previous(entries(query, &plan.changed_entries), &plan.changed_from);
    }
    // Where the ledger is not trusted all are written alike.
    let (existing, others): (Vec<&PlannedRow<'q>>, Vec<_>) =
        plan.rows.iter().partition(|row| row.existed && !shape.upserts);
    let updates = existing.len() as i64;
    for rows in [others, existing] {
        if !rows.is_empty() {
            for (position, held) in fit.columns.iter().enumerate() {
                let values = rows.iter().map(|planned| planned.row.get(position).unwrap_or(&Value::Null));
                query = column_of(query, held.storage, values);
            }
            for (position, held) in fit.fills.iter().enumerate() {
                if !matches!(mapping.fills()[position].content, FillContent::Now { .. }) {
                    let values =
                        rows.iter().map(|planned| planned.fills.get(position).unwrap_or(&Value::Null));
                    query = column_of(query, held.storage, values);
                }
            }
        }
    }
    if shape.deletes {
        query = query.bind(texts(plan.deleted.iter().copied()));
    }
    if shape.lifts {
        query = query.bind(texts(plan.lifted.iter().copied()));
    }
    if shape.heals {
        query = query.bind(texts(plan.healed.iter().copied()));
    }
    query = progress(query, notes);
    if shape.changed_entries {
        query = query.bind(plan.changed_entries.len() as i64);
    }
    if shape.updates {
        query = query.bind(updates);
    }
    if shape.changes {
        query = changes(query.bind(plan.changes.len() as i64), &plan.changes);
    }
    query
}

/// The parts are named to whoever clears a run too, for they stay.
fn progress<'q>(mut query: PgQuery<'q>, notes: &'q Notes) -> PgQuery<'q> {
    let parts = notes.ordered_parts();
    let runs: Vec<&str> = parts.iter().map(|part| part.run.name()).collect();
    let numbers: Vec<i32> = parts.iter().map(|part| part.part).collect();
    if let Some(run) = notes.clears {
        query = query.bind(run.name()).bind(runs.clone()).bind(numbers.clone());
    }
    if !parts.is_empty() {
        let states: Vec<&str> = parts.iter().map(|part| part.state.as_str()).collect();
        query = query.bind(runs).bind(numbers).bind(states);
    }
    query
}

pub(super) fn texts<'a>(users: impl Iterator<Item = &'a UserId>) -> Vec<&'a str> {
    users.map(UserId::as_str).collect()
}

fn entries<'q>(query: PgQuery<'q>, entries: &[(&'q UserId, Entry)]) -> PgQuery<'q> {
    let standing = || entries.iter().map(|(_, entry)| &entry.standing);
    query
        .bind(texts(entries.iter().map(|(user, _)| *user)))
        .bind(standing().map(|s| state_code(s.version.state)).collect::<Vec<_>>())
        .bind(standing().map(|s| s.version.updated_at).collect::<Vec<_>>())
        .bind(standing().map(|s| s.version.as_of).collect::<Vec<_>>())
        .bind(standing().map(|s| digest_bytes(&s.version)).collect::<Vec<_>>())
        .bind(standing().map(|s| s.fingerprint.0).collect::<Vec<_>>())
        .bind(entries.iter().map(|(_, entry)| entry.created_at).collect::<Vec<_>>())
        .bind(standing().map(|s| s.lifted_as_of).collect::<Vec<_>>())
}

fn previous<'q>(query: PgQuery<'q>, entries: &[Entry]) -> PgQuery<'q> {
    let standing = || entries.iter().map(|entry| &entry.standing);
    query
        .bind(standing().map(|s| state_code(s.version.state)).collect::<Vec<_>>())
        .bind(standing().map(|s| s.version.updated_at).collect::<Vec<_>>())
        .bind(standing().map(|s| s.version.as_of).collect::<Vec<_>>())
        .bind(standing().map(|s| digest_bytes(&s.version)).collect::<Vec<_>>())
        .bind(standing().map(|s| s.fingerprint.0).collect::<Vec<_>>())
        .bind(standing().map(|s| s.lifted_as_of).collect::<Vec<_>>())
}

fn changes<'q>(query: PgQuery<'q>, changes: &[PlannedChange<'q>]) -> PgQuery<'q> {
    let updated_at =
        |change: &PlannedChange<'_>| change.by.row.is_some().then_some(change.standing.version.updated_at);
    query
        .bind(texts(changes.iter().map(|change| &change.by.user)))
        .bind(changes.iter().map(|change| change.change.name()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| provenance(change.by).0.name()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| provenance(change.by).1).collect::<Vec<_>>())
        .bind(changes.iter().map(updated_at).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.standing.version.as_of).collect::<Vec<_>>())
}

/// One column of all rows, as an array.
pub(super) fn column_of<'q>(
    query: PgQuery<'q>,
    storage: Storage,
    values: impl Iterator<Item = &'q Value>,
) -> PgQuery<'q> {
    match storage {
        Storage::Text { .. } | Storage::Uuid | Storage::Json { .. } => {
            query.bind(values.map(text).collect::<Vec<_>>())
        }
        Storage::Integer { .. } => query.bind(values.map(integer).collect::<Vec<_>>()),
        Storage::Boolean { native: true } => query.bind(values.map(boolean).collect::<Vec<_>>()),
        Storage::Boolean { native: false } => {
            query.bind(values.map(|value| boolean(value).map(i64::from)).collect::<Vec<_>>())
        }
        Storage::Moment { .. } => query.bind(values.map(timestamp).collect::<Vec<_>>()),
        Storage::Formatted(format) if format.is_number() => {
            query.bind(values.map(|value| number_of(value, format)).collect::<Vec<_>>())
        }
        Storage::Formatted(format) => {
            query.bind(values.map(|value| text_of(value, format)).collect::<Vec<_>>())
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    if let Value::Text(text) | Value::Json(text) = value { Some(text) } else { None }
}

fn integer(value: &Value) -> Option<i64> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}

fn boolean(value: &Value) -> Option<bool> {
    if let Value::Boolean(truth) = value { Some(*truth) } else { None }
}

fn timestamp(value: &Value) -> Option<OffsetDateTime> {
    if let Value::Timestamp(ms) = value { moment(*ms) } else { None }
}
