//! Unique values on SQLite: who holds them, and how they move.

use super::{
    LiteQuery, SqliteStore, built_query, column,
    commit::{self, COMMITTING},
    errors::{as_reference, storing},
};
use crate::{
    mapping::{Kind, Mapping, Storage, Value, quoted},
    observation::Observation,
    store::{
        Applied, Holder, StoreError, UniqueValues,
        linking::OwnRow,
        plan::{self, Plan},
        removal::Removal,
        unique::{
            MOST_HOLDERS,
            sql::{self, Vacant},
        },
    },
};
use async_trait::async_trait;
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};

const LOOKING: &str = "looking for who holds a unique value";

/// One row for each part of each unique index: its column, null for an expression; its collation; the index's SQL.
const UNIQUE_PARTS: &str = "select l.name, x.name, x.coll, m.sql from pragma_index_list(?1, ?2) l \
     join pragma_index_xinfo(l.name, ?2) x left join sqlite_master m on m.type = 'index' and m.name = l.name \
     where l.\"unique\" = 1 and l.origin <> 'pk' and x.key = 1 order by l.name, x.seqno";

#[derive(Debug, Default)]
struct UniqueIndex {
    /// Mapped columns with their collations.
    parts: Vec<(usize, String)>,
    /// Mapped text columns that an expression may be made of: SQLite does not tell it apart from the index's SQL.
    loose: Vec<usize>,
}

impl UniqueIndex {
    fn columns(&self) -> Vec<usize> {
        self.parts.iter().map(|(position, _)| *position).chain(self.loose.iter().copied()).collect()
    }

    /// A condition with its values, in order; `None` where no row can be equal.
    fn condition<'r>(&self, mapping: &Mapping, row: &'r [Value]) -> Option<(String, Vec<&'r Value>)> {
        let name = |position: usize| mapping.columns().get(position).map(|column| quoted(&column.name, '"'));
        let (mut all, mut values) = (Vec::new(), Vec::new());
        for (position, collation) in &self.parts {
            values.push(row.get(*position).filter(|value| **value != Value::Null)?);
            all.push(format!("t.{} = ? collate {}", name(*position)?, quoted(collation, '"')));
        }
        let mut any = Vec::new();
        for position in &self.loose {
            let Some(value) = row.get(*position).filter(|value| **value != Value::Null) else { continue };
            any.push(format!("t.{} = ? collate nocase", name(*position)?));
            values.push(value);
        }
        if !any.is_empty() {
            all.push(format!("({})", any.join(" or ")));
        }
        (!all.is_empty()).then(|| (all.join(" and "), values))
    }
}

/// Whether `sql` has `name` as a word.
fn names(sql: &str, name: &str) -> bool {
    sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word.eq_ignore_ascii_case(name))
}

impl SqliteStore {
    async fn unique_indexes(&self) -> Result<BTreeMap<String, UniqueIndex>, StoreError> {
        let table = self.mapping.table();
        let query = sqlx::query(UNIQUE_PARTS).bind(&table.name);
        let query = query.bind(table.schema.as_deref().unwrap_or("main"));
        let mut indexes: BTreeMap<String, UniqueIndex> = BTreeMap::new();
        for row in &query.fetch_all(&self.readers).await.map_err(storing(LOOKING))? {
            let text = |at: usize| row.try_get::<Option<String>, _>(at).map_err(storing(LOOKING));
            let index = indexes.entry(text(0)?.unwrap_or_default()).or_default();
            match text(1)? {
                Some(name) => {
                    let collation = text(2)?.unwrap_or_else(|| "BINARY".to_owned());
                    index
                        .parts
                        .extend(sql::position(&self.mapping, &name).map(|position| (position, collation)));
                }
                None => {
                    let sql = text(3)?.unwrap_or_default();
                    let columns = self.mapping.columns().iter().enumerate();
                    let named = columns.filter(|(position, column)| {
                        column.kind == Kind::Text
                            && *position != self.mapping.key_position()
                            && names(&sql, &column.name)
                    });
                    index.loose = named.map(|(position, _)| position).collect();
                }
            }
        }
        Ok(indexes)
    }

    async fn make_room(
        &self,
        tx: &mut super::Tx,
        set: &[Observation],
        plan: &Plan<'_>,
        vacant: &Vacant,
    ) -> Result<(), StoreError> {
        if let Some(Removal { before, after }) = self.sql.removal(false) {
            commit::for_users(tx, before, &plan.deleted, after).await.map_err(as_reference)?;
        }
        for (vacate, users) in vacant.statements(&self.mapping, set, plan, '"') {
            commit::for_users(tx, &format!("{vacate} in "), &users, "").await?;
        }
        Ok(())
    }
}

impl SqliteStore {
    async fn vacant(&self) -> Result<Vacant, StoreError> {
        let indexes = self.unique_indexes().await?;
        let unique: BTreeSet<usize> = indexes.values().flat_map(UniqueIndex::columns).collect();
        let named: BTreeSet<usize> =
            indexes.values().flat_map(|index| index.parts.iter().map(|(position, _)| *position)).collect();
        let table = self.mapping.table();
        let sql = "select name from pragma_table_info(?, ?) where \"notnull\" = 0";
        let query = sqlx::query(sql).bind(&table.name).bind(table.schema.as_deref().unwrap_or("main"));
        let mut vacant = Vacant::default();
        for row in &query.fetch_all(&self.readers).await.map_err(storing(LOOKING))? {
            let name: String = row.try_get(0).map_err(storing(LOOKING))?;
            let position = sql::position(&self.mapping, &name);
            vacant.written.extend(position.filter(|position| unique.contains(position)));
            vacant.kept.extend(position.filter(|position| named.contains(position)));
        }
        Ok(vacant)
    }

    async fn try_moving(&self, set: &[Observation], vacant: &Vacant) -> Result<Vec<Applied>, StoreError> {
        let mut tx = self.begin(COMMITTING).await?;
        let before = commit::read_entries(&mut tx, &plan::users(set)).await?;
        let mut plan = plan::plan(set, &before);
        plan.fill(&self.mapping)?;
        if plan.writes_nothing() {
            tx.rollback().await.map_err(storing(COMMITTING))?;
            return Ok(plan.applied);
        }
        self.link_rows(&mut tx, &mut plan).await?;
        self.make_room(&mut tx, set, &plan, vacant).await?;
        self.write(&mut tx, &plan, false).await?;
        // A key that is checked as the transaction ends refuses only here. Which row it was is not said: without those
        // that are deleted it is tried again.
        let deletes = !plan.deleted.is_empty();
        let refused = |error| if deletes { as_reference(error) } else { error };
        tx.commit().await.map_err(storing(COMMITTING)).map_err(refused)?;
        Ok(plan.applied)
    }
}

fn bind_value<'q>(query: LiteQuery<'q>, value: &'q Value) -> LiteQuery<'q> {
    column::bind(query, value, Storage::of(value.kind().unwrap_or(Kind::Text)))
}

#[async_trait]
impl UniqueValues for SqliteStore {
    async fn holders(&self, wanted: &Observation) -> Result<Vec<Holder>, StoreError> {
        let Some(row) = &wanted.row else { return Ok(Vec::new()) };
        let own = OwnRow::of(wanted, &self.mapping, &self.fit);
        let but_own = own.as_ref().map_or_else(String::new, |own| own.excluded('"', "is", "?", "?"));
        let (table, key) = (self.mapping.table().quoted('"'), quoted(&self.mapping.key().name, '"'));
        let mut found = Vec::new();
        for (name, index) in self.unique_indexes().await? {
            let Some((condition, values)) = index.condition(&self.mapping, row) else { continue };
            let sql = format!(
                "select t.{key} from {table} t where t.{key} is not ?{but_own} and {condition} limit {MOST_HOLDERS}"
            );
            let mut query = built_query(sql).bind(wanted.user.as_str());
            if let Some(own) = &own {
                query = bind_value(query, &own.value).bind(wanted.user.as_str());
            }
            let query = values.into_iter().fold(query, bind_value);
            for row in &query.fetch_all(&self.readers).await.map_err(storing(LOOKING))? {
                let key: Option<String> = row.try_get(0).map_err(storing(LOOKING))?;
                found.push(sql::holder(&self.mapping, key.as_deref(), &name, &index.columns()));
            }
        }
        Ok(found)
    }

    async fn commit_moving(&self, set: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        let vacant = self.vacant().await?;
        self.try_moving(set, &vacant).await
    }
}
