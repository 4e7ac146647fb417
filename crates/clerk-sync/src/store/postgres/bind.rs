//! Binds a plan to its statement, in the order of [`Shape`]'s fields.

use super::write::Shape;
use crate::{
    mapping::{Kind, Mapping, Value},
    store::{
        Entry, Notes,
        plan::{Plan, PlannedChange, PlannedRow},
        provenance,
        stored::{digest_bytes, moment, state_code},
    },
    user_id::UserId,
};
use sqlx::{Postgres, postgres::PgArguments, query::Query};
use std::borrow::Cow;
use time::OffsetDateTime;

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

pub(super) fn plan<'q>(
    mut query: PgQuery<'q>,
    plan: &Plan<'q>,
    notes: &'q Notes,
    shape: Shape,
    mapping: &Mapping,
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
    // Without plain inserts every row is an upsert.
    let (upserts, inserts): (Vec<&PlannedRow<'q>>, Vec<_>) =
        plan.rows.iter().partition(|row| row.existed || !shape.inserts);
    for rows in [inserts, upserts] {
        if !rows.is_empty() {
            for (position, column) in mapping.columns().iter().enumerate() {
                query = column_of(query, column.kind, position, &rows);
            }
        }
    }
    if shape.deletes {
        query = query.bind(texts(plan.deleted.iter().copied()));
    }
    if shape.heals {
        query = query.bind(texts(plan.healed.iter().copied()));
    }
    query = progress(query, notes);
    if shape.changed_entries {
        query = query.bind(plan.changed_entries.len() as i64);
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
        .bind(standing().map(|s| digest_bytes(&s.version).to_vec()).collect::<Vec<_>>())
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
        .bind(standing().map(|s| digest_bytes(&s.version).to_vec()).collect::<Vec<_>>())
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
fn column_of<'q>(query: PgQuery<'q>, kind: Kind, position: usize, rows: &[&PlannedRow<'q>]) -> PgQuery<'q> {
    let values = rows.iter().map(|planned| planned.row.get(position).unwrap_or(&Value::Null));
    match kind {
        Kind::Text | Kind::Json => query.bind(values.map(text).collect::<Vec<_>>()),
        Kind::Integer => query.bind(values.map(integer).collect::<Vec<_>>()),
        Kind::Boolean => query.bind(values.map(boolean).collect::<Vec<_>>()),
        Kind::Timestamp => query.bind(values.map(timestamp).collect::<Vec<_>>()),
    }
}

/// PostgreSQL holds no NUL in text and no `\u0000` in jsonb; the replacement character stands for it.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) if text.contains('\0') => Some(Cow::Owned(text.replace('\0', "\u{fffd}"))),
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Json(json) if json.contains("\\u0000") => Some(Cow::Owned(without_nul_escapes(json))),
        Value::Json(json) => Some(Cow::Borrowed(json)),
        _ => None,
    }
}

fn without_nul_escapes(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = if escape.starts_with("\\u") { 6 } else { 2 };
        let (escape, behind) = escape.split_at(length.min(escape.len()));
        out.push_str(if escape == "\\u0000" { "\u{fffd}" } else { escape });
        rest = behind;
    }
    out.push_str(rest);
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_escapes_are_replaced_and_escaped_backslashes_are_not() {
        assert_eq!(
            without_nul_escapes(r#"{"a":"x\u0000y\\u0000\n\u0041"}"#),
            "{\"a\":\"x\u{fffd}y\\\\u0000\\n\\u0041\"}"
        );
    }
}
