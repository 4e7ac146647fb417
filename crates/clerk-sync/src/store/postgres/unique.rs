//! Unique values on PostgreSQL: who holds them, and how they move.
//!
//! An index is asked in its own words: its expressions are evaluated over a record made of the wanted values, which has
//! the table's types and collations, and compared with the same expressions over the table.

use super::{
    PostgresStore, bind, column,
    commit::{COMMITTING, LOCK_ENTRIES, Manner, refusal},
    errors::storing,
};
use crate::{
    mapping::{Mapping, Value, quoted, row_json},
    observation::Observation,
    store::{
        Applied, Holder, Notes, StoreError, UniqueValues,
        linking::OwnRow,
        plan::{self, Plan},
        removal::Removal,
        retry::while_contended,
        unique::{
            MOST_HOLDERS,
            sql::{self, Vacant},
        },
    },
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow};

const LOOKING: &str = "looking for who holds a unique value";

/// For each unique index: its name; its keys over the table, and over a record that lacks generated columns; the names of
/// keys that are plain columns; all columns it depends on; those of them that may be null; its condition; whether two
/// nulls are equal to it.
const UNIQUE_INDEXES: &str = "select c.relname::text, \
     array(select pg_get_indexdef(i.indexrelid, k, true) from generate_series(1, i.indnkeyatts) k order by k), \
     array(select coalesce((select pg_get_expr(d.adbin, d.adrelid) from pg_attribute a join pg_attrdef d \
       on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = i.indrelid \
       and a.attnum = i.indkey[k - 1] and a.attgenerated <> ''), pg_get_indexdef(i.indexrelid, k, true)) \
       from generate_series(1, i.indnkeyatts) k order by k), \
     array(select coalesce((select a.attname::text from pg_attribute a where a.attrelid = i.indrelid \
       and a.attnum = i.indkey[k - 1] and a.attgenerated = ''), '') from generate_series(1, i.indnkeyatts) k order by k), \
     array(select a.attname::text from pg_attribute a where a.attrelid = i.indrelid and a.attnum > 0 and \
       (a.attnum = any(i.indkey) or exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass \
       and d.objid = i.indexrelid and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid \
       and d.refobjsubid = a.attnum))), \
     array(select a.attname::text from pg_attribute a where a.attrelid = i.indrelid and a.attnum > 0 \
       and not a.attnotnull), \
     pg_get_expr(i.indpred, i.indrelid), \
     coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) \
     from pg_index i join pg_class c on c.oid = i.indexrelid \
     where i.indrelid = to_regclass($1) and i.indisunique and not i.indisprimary order by 1";

#[derive(Debug)]
struct UniqueIndex {
    name: String,
    /// Each key over the table and over a record.
    keys: Vec<(String, String)>,
    predicate: Option<String>,
    /// Whether something but mapped columns is part of it: then its condition cannot be asked of the record.
    is_strange: bool,
    /// Positions of the mapped columns it is made of.
    columns: Vec<usize>,
    /// Those of them that may be null for a moment.
    vacant: Vec<usize>,
    /// Those of these that it names as they are.
    named: Vec<usize>,
}

impl UniqueIndex {
    fn read(mapping: &Mapping, row: &PgRow) -> sqlx::Result<Self> {
        let list = |at: usize| row.try_get::<Vec<String>, _>(at);
        let (of_table, of_record, plain, depends) = (list(1)?, list(2)?, list(3)?, list(4)?);
        let nullable = list(5)?;
        let predicate: Option<String> = row.try_get(6)?;
        let nulls_are_equal: bool = row.try_get(7)?;
        let mapped = |name: &String| sql::position(mapping, name);
        let is_strange = depends.iter().any(|name| mapped(name).is_none());
        let columns: Vec<usize> = if is_strange {
            // Something of the table's own is part of it, perhaps made from any of our columns.
            sql::plain_columns(mapping).collect()
        } else {
            depends.iter().filter_map(mapped).collect()
        };
        let may_be_null = |position: &&usize| {
            mapping.columns().get(**position).is_some_and(|column| nullable.contains(&column.name))
        };
        let vacant: Vec<usize> =
            columns.iter().filter(may_be_null).copied().filter(|_| !nulls_are_equal).collect();
        let named =
            plain.iter().filter_map(mapped).filter(|position| !nulls_are_equal && may_be_null(&position));
        let named = named.collect();
        // What the record does not have cannot be compared.
        let keys = of_table.into_iter().zip(of_record).zip(plain);
        let keys = keys.filter(|(_, plain)| plain.is_empty() || mapped(plain).is_some());
        Ok(Self {
            name: row.try_get(0)?,
            keys: keys.map(|(key, _)| key).collect(),
            predicate,
            is_strange,
            columns,
            vacant,
            named,
        })
    }

    /// Takes the record as `$1` and the user as `$2`. `but_own`: what else a row must not be.
    fn holders_sql(&self, mapping: &Mapping, but_own: &str) -> String {
        let (table, key) = (mapping.table().quoted('"'), quoted(&mapping.key().name, '"'));
        let numbered = |each: &dyn Fn(usize, &(String, String)) -> String, separator: &str| {
            let parts = self.keys.iter().enumerate().map(|(i, key)| each(i, key));
            parts.collect::<Vec<_>>().join(separator)
        };
        let of_table = numbered(&|i, (key, _)| format!("({key}) as v{i}"), ", ");
        let of_record = numbered(&|i, (_, key)| format!("({key}) as v{i}"), ", ");
        let equal = numbered(&|i, _| format!("h.v{i} = w.v{i}"), " and ");
        let of_rows = self.predicate.as_ref().map_or("true", String::as_str);
        let of_wanted = if self.is_strange { "true" } else { of_rows };
        format!(
            "select h.k from (select {key}::text as k, {of_table} from {table} t where ({of_rows}){but_own}) h, \
             (select {of_record} from jsonb_populate_record(null::{table}, $1::jsonb) where ({of_wanted})) w \
             where h.k is distinct from $2 and {equal} limit {MOST_HOLDERS}"
        )
    }
}

impl PostgresStore {
    async fn unique_indexes(&self) -> Result<Vec<UniqueIndex>, StoreError> {
        let query = sqlx::query(UNIQUE_INDEXES).bind(self.mapping.table().quoted('"')).persistent(false);
        let rows = self.look(query, LOOKING).await?;
        rows.iter().map(|row| UniqueIndex::read(&self.mapping, row).map_err(storing(LOOKING))).collect()
    }

    async fn try_moving(&self, set: &[Observation], vacant: &Vacant) -> Result<Vec<Applied>, StoreError> {
        let mut tx = self.begin(COMMITTING).await?;
        let before = self.entries(&mut tx, LOCK_ENTRIES, &plan::users(set)).await?;
        let mut plan = plan::plan(set, &before);
        plan.fill(&self.mapping)?;
        let moved = self.move_within(&mut tx, set, &mut plan, vacant).await;
        // A key that is checked as the transaction ends refuses only here. Which row it was is not said: without those
        // that are deleted it is tried again.
        let deletes = !plan.deleted.is_empty();
        let refused = |error| refusal(&error, deletes).unwrap_or_else(|| storing(COMMITTING)(error));
        tx.conclude(moved, refused).await?;
        Ok(plan.applied)
    }

    async fn move_within(
        &self,
        tx: &mut super::Tx,
        set: &[Observation],
        plan: &mut Plan<'_>,
        vacant: &Vacant,
    ) -> Result<(), StoreError> {
        if plan.writes_nothing() {
            return Ok(());
        }
        self.link_rows(tx, plan).await?;
        self.make_room(tx, set, plan, vacant).await?;
        let manner = Manner { trusts: false, was_refused: false };
        self.write(tx, plan, &Notes::default(), manner).await
    }

    async fn make_room(
        &self,
        tx: &mut super::Tx,
        set: &[Observation],
        plan: &Plan<'_>,
        vacant: &Vacant,
    ) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        if let Some(Removal { before, after }) = self.sql.removal(false).filter(|_| !plan.deleted.is_empty())
        {
            let ring = format!("pg_notify('{}', '')", super::bell::CHANNEL);
            let delete = format!("{before}($1::text[]){after} returning {ring}");
            statements.push((delete, bind::texts(plan.deleted.iter().copied())));
        }
        for (vacate, users) in vacant.statements(&self.mapping, set, plan, '"') {
            statements.push((format!("{vacate} = any($1::text[])"), bind::texts(users.into_iter())));
        }
        for (sql, users) in statements {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(users).persistent(false);
            let refused = |error| refusal(&error, true).unwrap_or_else(|| storing(COMMITTING)(error));
            query.execute(&mut **tx).await.map_err(refused)?;
        }
        Ok(())
    }
}

#[async_trait]
impl UniqueValues for PostgresStore {
    async fn holders(&self, wanted: &Observation) -> Result<Vec<Holder>, StoreError> {
        let Some(row) = &wanted.row else { return Ok(Vec::new()) };
        let own = OwnRow::of(wanted, &self.mapping, &self.fit);
        let but_own = own.as_ref().map_or_else(String::new, |own| {
            let value = format!("$3::{}", column::array_type(own.held.storage));
            own.excluded('"', "is not distinct from", &column::written(own.held, &value), "$2")
        });
        let mut found = Vec::new();
        for index in self.unique_indexes().await?.iter().filter(|index| !index.keys.is_empty()) {
            let mut record = row_json(&self.mapping, row);
            if let Some(record) = record.as_object_mut() {
                // The types of other columns are none of its business.
                let names = index.columns.iter().filter_map(|position| self.mapping.columns().get(*position));
                let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
                record.retain(|name, _| names.contains(&name.as_str()));
            }
            let query = sqlx::query(AssertSqlSafe(index.holders_sql(&self.mapping, &but_own)))
                .bind(record.to_string())
                .bind(wanted.user.as_str())
                .persistent(false);
            let query = match own.as_ref().map(|own| &own.value) {
                Some(Value::Integer(number)) => query.bind(number),
                Some(Value::Text(text)) => query.bind(text),
                _ => query,
            };
            for row in &self.look(query, LOOKING).await? {
                let key: Option<String> = row.try_get(0).map_err(storing(LOOKING))?;
                found.push(sql::holder(&self.mapping, key.as_deref(), &index.name, &index.columns));
            }
        }
        Ok(found)
    }

    async fn commit_moving(&self, set: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        let mut vacant = Vacant::default();
        for index in self.unique_indexes().await? {
            vacant.written.extend(index.vacant);
            vacant.kept.extend(index.named);
        }
        while_contended(|| self.try_moving(set, &vacant)).await
    }
}
