//! The one door, on PostgreSQL.

use super::{PostgresStore, Tx, errors::storing};
use crate::{
    mapping::{Column, Kind, Mapping, Value, quoted},
    observation::Observation,
    store::{
        Applied, Entry, StoreError, StoreErrorKind,
        plan::{self, Plan, PlannedChange, PlannedRow},
        provenance,
        stored::{digest_bytes, moment, read_entry, state_code},
    },
    user_id::UserId,
};
use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, query::Query};
use std::{borrow::Cow, collections::HashMap, sync::Arc};
use time::OffsetDateTime;

/// How often a batch starts again when another writer was faster.
const ATTEMPTS: usize = 8;

const COMMITTING: &str = "writing users";

/// Statements that depend on the mapping.
#[derive(Debug)]
pub(super) struct RowSql {
    upsert: Arc<str>,
    delete: Arc<str>,
}

impl RowSql {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let table = mapping.table().quoted('"');
        let key = quoted(&mapping.key().name, '"');
        let names: Vec<String> = mapping.columns().iter().map(|column| quoted(&column.name, '"')).collect();
        let casts = |each: fn(&Column, usize) -> String| {
            let parts = mapping.columns().iter().enumerate().map(|(i, column)| each(column, i + 1));
            parts.collect::<Vec<_>>().join(", ")
        };
        let values = casts(|column, i| match column.kind {
            Kind::Json => format!("t.c{i}::jsonb"),
            _ => format!("t.c{i}"),
        });
        let arrays = casts(|column, i| format!("${i}::{}[]", array_type(column.kind)));
        let aliases = casts(|_, i| format!("c{i}"));
        let others =
            names.iter().filter(|name| **name != key).map(|name| format!("{name} = excluded.{name}"));
        let update = others.collect::<Vec<_>>().join(", ");
        let resolution =
            if update.is_empty() { "nothing".to_owned() } else { format!("update set {update}") };
        let upsert = format!(
            "insert into {table} ({}) select {values} from unnest({arrays}) as t({aliases}) \
             on conflict ({key}) do {resolution}",
            names.join(", ")
        );
        Self {
            upsert: upsert.into(),
            delete: format!("delete from {table} where {key} = any($1::text[])").into(),
        }
    }
}

fn array_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Json => "text",
        Kind::Integer => "bigint",
        Kind::Boolean => "boolean",
        Kind::Timestamp => "timestamptz",
    }
}

const LOCK_ENTRIES: &str = "select user_id, state::bigint, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of \
     from clerk_sync_users where user_id = any($1::text[]) order by user_id for update";

const INSERT_ENTRIES: &str = "insert into clerk_sync_users \
     (user_id, state, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of) \
     select * from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], \
     $7::bigint[], $8::bigint[]) on conflict (user_id) do nothing";

const UPDATE_ENTRIES: &str = "update clerk_sync_users u set state = t.state, updated_at = t.updated_at, \
     as_of = t.as_of, digest = t.digest, fingerprint = t.fingerprint, created_at = t.created_at, \
     lifted_as_of = t.lifted_as_of \
     from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], \
     $7::bigint[], $8::bigint[]) as t(user_id, state, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of) \
     where u.user_id = t.user_id";

/// Also frees the users' dead letters. The lock on meta's row is held from here to the end of the commit.
const APPEND_CHANGES: &str = "with healed as (delete from clerk_sync_dead_letters where user_id = any($7::text[])), \
     head as (update clerk_sync_meta set last_change = last_change + cardinality($1::text[]) where id = 1 \
     returning last_change - cardinality($1::text[]) as base) \
     insert into clerk_sync_changes (number, user_id, change, flow, message_id, updated_at, as_of, written_at) \
     select head.base + t.position, t.user_id, t.change, t.flow, t.message_id, t.updated_at, t.as_of, \
     (extract(epoch from clock_timestamp()) * 1000)::bigint \
     from head, unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) \
     with ordinality as t(user_id, change, flow, message_id, updated_at, as_of, position)";

const HEAL: &str = "delete from clerk_sync_dead_letters where user_id = any($1::text[])";

impl PostgresStore {
    pub(super) async fn commit_batch(&self, batch: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        let mut attempt = 1;
        loop {
            match self.try_commit(batch).await {
                Err(error) if *error.kind() == StoreErrorKind::Contended && attempt < ATTEMPTS => {
                    attempt += 1
                }
                result => return result,
            }
        }
    }

    async fn try_commit(&self, batch: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        let mut tx = self.begin(COMMITTING).await?;
        let before = self.lock_entries(&mut tx, &plan::users(batch)).await?;
        let plan = plan::plan(batch, &before);
        if plan.writes_nothing() {
            tx.rollback().await.map_err(storing(COMMITTING))?;
            return Ok(plan.applied);
        }
        self.write(&mut tx, &plan).await?;
        tx.commit().await.map_err(storing(COMMITTING))?;
        Ok(plan.applied)
    }

    fn query<'q>(&self, sql: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(sql).persistent(self.keeps_statements)
    }

    fn row_query<'q>(&self, sql: &Arc<str>) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(Arc::clone(sql))).persistent(self.keeps_statements)
    }

    async fn lock_entries(
        &self,
        tx: &mut Tx,
        users: &[&UserId],
    ) -> Result<HashMap<UserId, Entry>, StoreError> {
        let query = self.query(LOCK_ENTRIES).bind(texts(users.iter().copied()));
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(COMMITTING))?;
        rows.iter().map(read_entry).collect()
    }

    async fn write(&self, tx: &mut Tx, plan: &Plan<'_>) -> Result<(), StoreError> {
        if !plan.new_entries.is_empty() {
            let query = bind_entries(self.query(INSERT_ENTRIES), &plan.new_entries);
            let done = query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
            if done.rows_affected() != plan.new_entries.len() as u64 {
                // Another writer saw one of these users first. Begin again and see what it wrote.
                return Err(StoreError::new(
                    StoreErrorKind::Contended,
                    COMMITTING,
                    "a first sight was overtaken",
                ));
            }
        }
        if !plan.changed_entries.is_empty() {
            let query = bind_entries(self.query(UPDATE_ENTRIES), &plan.changed_entries);
            query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        }
        if !plan.rows.is_empty() {
            let mut query = self.row_query(&self.sql.upsert);
            for (position, column) in self.mapping.columns().iter().enumerate() {
                query = bind_column(query, column.kind, position, &plan.rows);
            }
            query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        }
        if !plan.deleted.is_empty() {
            let query = self.row_query(&self.sql.delete).bind(texts(plan.deleted.iter().copied()));
            query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        }
        let healed = texts(plan.healed.iter().copied());
        let last = match plan.changes.as_slice() {
            [] if healed.is_empty() => return Ok(()),
            [] => self.query(HEAL).bind(healed),
            changes => bind_changes(self.query(APPEND_CHANGES), changes).bind(healed),
        };
        last.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        Ok(())
    }
}

fn texts<'a>(users: impl Iterator<Item = &'a UserId>) -> Vec<&'a str> {
    users.map(UserId::as_str).collect()
}

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

fn bind_entries<'q>(query: PgQuery<'q>, entries: &[(&'q UserId, Entry)]) -> PgQuery<'q> {
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

fn bind_changes<'q>(query: PgQuery<'q>, changes: &[PlannedChange<'q>]) -> PgQuery<'q> {
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

/// Binds one column of all rows as an array.
fn bind_column<'q>(query: PgQuery<'q>, kind: Kind, position: usize, rows: &[PlannedRow<'q>]) -> PgQuery<'q> {
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
