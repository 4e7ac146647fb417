//! Unique values on MySQL and MariaDB: who holds them, and how they move.

use super::{MyQuery, MySqlStore, Tx, column, commit::COMMITTING, errors::storing};
use crate::{
    mapping::{Kind, Mapping, Storage, Value, quoted},
    observation::Observation,
    store::{
        Applied, Holder, Notes, StoreError, StoreErrorKind, UniqueValues,
        linking::OwnRow,
        multirow::placeholders,
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
use sqlx::{Row as _, mysql::MySqlRow};
use std::collections::BTreeMap;

const LOOKING: &str = "looking for who holds a unique value";

/// One row for each part of each unique index.
const UNIQUE_PARTS: &str = "select cast(s.index_name as char), cast(s.column_name as char), \
     cast(s.sub_part as signed), cast(c.is_nullable as char), cast(c.generation_expression as char), \
     cast(c.character_set_name as char), cast(c.collation_name as char) \
     from information_schema.statistics s left join information_schema.columns c \
     on c.table_schema = s.table_schema and c.table_name = s.table_name and c.column_name = s.column_name \
     where s.table_schema = coalesce(?, database()) and s.table_name = ? and s.non_unique = 0 \
     and s.index_name <> 'PRIMARY' order by s.index_name, s.seq_in_index";

/// MySQL 8 only: the expressions of parts that are no column, in the order of the parts.
const EXPRESSIONS: &str = "select cast(s.index_name as char), cast(s.expression as char) \
     from information_schema.statistics s \
     where s.table_schema = coalesce(?, database()) and s.table_name = ? and s.non_unique = 0 \
     and s.column_name is null order by s.index_name, s.seq_in_index";

/// How one part of an index compares.
#[derive(Debug)]
enum Part {
    /// A mapped column, or so many characters of it.
    Column { position: usize, name: String, prefix: Option<i64>, is_nullable: bool },
    /// A generated column, with the character set and collation of its text.
    Generated { name: String, expression: String, collation: Option<(String, String)> },
    /// An expression of MySQL 8.
    Expression(String),
    /// A column of the table's own.
    Strange,
}

impl Part {
    fn read(mapping: &Mapping, row: &MySqlRow) -> sqlx::Result<Self> {
        let text = |at: usize| row.try_get::<Option<String>, _>(at);
        let Some(name) = text(1)? else { return Ok(Self::Expression(String::new())) };
        let is_nullable = text(3)?.as_deref() == Some("YES");
        if let Some(position) = sql::position(mapping, &name) {
            return Ok(Self::Column { position, name, prefix: row.try_get(2)?, is_nullable });
        }
        let Some(expression) = text(4)?.filter(|expression| !expression.is_empty()) else {
            return Ok(Self::Strange);
        };
        Ok(Self::Generated { name, expression, collation: text(5)?.zip(text(6)?) })
    }
}

#[derive(Debug)]
struct UniqueIndex {
    name: String,
    parts: Vec<Part>,
}

/// A condition with its values, in order.
#[derive(Debug, Default)]
struct Condition<'r> {
    sql: Vec<String>,
    values: Vec<&'r Value>,
}

impl UniqueIndex {
    fn columns(&self, mapping: &Mapping) -> Vec<usize> {
        let is_column = |part: &Part| matches!(part, Part::Column { .. });
        if !self.parts.iter().all(is_column) {
            // Something of the table's own is part of it, perhaps made from any of our columns.
            return sql::plain_columns(mapping).collect();
        }
        let positions = self.parts.iter().filter_map(|part| match part {
            Part::Column { position, .. } => Some(*position),
            _ => None,
        });
        positions.collect()
    }

    /// `None` where no row can be equal, or it cannot be said.
    fn condition<'r>(&self, mapping: &Mapping, row: &'r [Value]) -> Option<Condition<'r>> {
        let mut condition = Condition::default();
        let wanted = |condition: &mut Condition<'r>, expression: &str| {
            let columns: Vec<usize> = sql::plain_columns(mapping).collect();
            let named = columns.iter().filter_map(|position| mapping.columns().get(*position));
            let named: Vec<String> =
                named.map(|column| format!("? as {}", quoted(&column.name, '`'))).collect();
            condition
                .values
                .extend(columns.iter().map(|position| row.get(*position).unwrap_or(&Value::Null)));
            format!("(select {expression} from (select {}) w)", named.join(", "))
        };
        for part in &self.parts {
            match part {
                Part::Column { position, name, prefix, .. } => {
                    let value = row.get(*position).filter(|value| **value != Value::Null)?;
                    let name = quoted(name, '`');
                    condition.sql.push(match prefix {
                        Some(length) => format!("left(t.{name}, {length}) = left(?, {length})"),
                        None => format!("t.{name} = ?"),
                    });
                    condition.values.push(value);
                }
                Part::Generated { name, expression, collation } => {
                    let value = wanted(&mut condition, expression);
                    let value = match collation {
                        Some((charset, collation)) => {
                            format!("convert({value} using {charset}) collate {collation}")
                        }
                        None => value,
                    };
                    condition.sql.push(format!("t.{} = {value}", quoted(name, '`')));
                }
                Part::Expression(expression) if expression.is_empty() => return None,
                Part::Expression(expression) => {
                    // Its collation is not told: what is too loose only names a row too many.
                    let loosely =
                        |text: &str| format!("convert({text} using utf8mb4) collate utf8mb4_general_ci");
                    let value = wanted(&mut condition, expression);
                    condition.sql.push(format!("{} = {}", loosely(expression), loosely(&value)));
                }
                Part::Strange => {}
            }
        }
        (!condition.sql.is_empty()).then_some(condition)
    }
}

impl MySqlStore {
    async fn unique_indexes(&self) -> Result<Vec<UniqueIndex>, StoreError> {
        let table = self.mapping.table();
        let ask = async |sql| {
            let query = self.query(sql).bind(table.schema.as_deref()).bind(&table.name);
            self.fetch_all(query).await.map_err(storing(LOOKING))
        };
        let mut by_name: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        for row in &ask(UNIQUE_PARTS).await? {
            let name: String = row.try_get(0).map_err(storing(LOOKING))?;
            by_name.entry(name).or_default().push(Part::read(&self.mapping, row).map_err(storing(LOOKING))?);
        }
        if by_name.values().flatten().any(|part| matches!(part, Part::Expression(_))) {
            for row in &ask(EXPRESSIONS).await? {
                let (name, expression): (String, String) =
                    (row.try_get(0).map_err(storing(LOOKING))?, row.try_get(1).map_err(storing(LOOKING))?);
                // The catalogue writes the quotes of its texts with backslashes.
                let expression = expression.replace("\\'", "'");
                let parts = by_name.get_mut(&name).into_iter().flatten();
                let mut unknown =
                    parts.filter(|part| matches!(part, Part::Expression(known) if known.is_empty()));
                if let Some(part) = unknown.next() {
                    *part = Part::Expression(expression);
                }
            }
        }
        Ok(by_name.into_iter().map(|(name, parts)| UniqueIndex { name, parts }).collect())
    }

    async fn nullable(&self, position: usize) -> Result<bool, StoreError> {
        let table = self.mapping.table();
        let Some(column) = self.mapping.columns().get(position) else { return Ok(false) };
        let query = self
            .query(
                "select count(*) from information_schema.columns where table_schema = coalesce(?, database()) \
                 and table_name = ? and column_name = ? and is_nullable = 'YES'",
            )
            .bind(table.schema.as_deref())
            .bind(&table.name)
            .bind(&column.name);
        let row = self.fetch_one(query).await.map_err(storing(LOOKING))?;
        Ok(row.try_get::<i64, _>(0).map_err(storing(LOOKING))? > 0)
    }

    async fn vacant(&self) -> Result<Vacant, StoreError> {
        let mut vacant = Vacant::default();
        for index in self.unique_indexes().await? {
            for part in &index.parts {
                match part {
                    Part::Column { position, is_nullable, .. } => {
                        vacant.written.extend(is_nullable.then_some(*position));
                        vacant.kept.extend(is_nullable.then_some(*position));
                    }
                    _ => {
                        for position in index.columns(&self.mapping) {
                            if self.nullable(position).await? {
                                vacant.written.insert(position);
                            }
                        }
                    }
                }
            }
        }
        Ok(vacant)
    }

    async fn try_moving(&self, set: &[Observation], vacant: &Vacant) -> Result<Vec<Applied>, StoreError> {
        let mut tx = self.begin(COMMITTING).await?;
        let moved = self.move_within(&mut tx, set, vacant).await;
        tx.conclude(moved, storing(COMMITTING)).await
    }

    async fn move_within(
        &self,
        tx: &mut Tx,
        set: &[Observation],
        vacant: &Vacant,
    ) -> Result<Vec<Applied>, StoreError> {
        let before = self.lock_entries(tx, &plan::users(set)).await?;
        let mut plan = plan::plan(set, &before);
        plan.fill(&self.mapping)?;
        if !plan.writes_nothing() {
            self.link_rows(tx, &mut plan).await?;
            self.make_room(tx, set, &plan, vacant).await?;
            self.write(tx, &plan, &Notes::default(), false).await?;
        }
        Ok(plan.applied)
    }

    async fn make_room(
        &self,
        tx: &mut Tx,
        set: &[Observation],
        plan: &Plan<'_>,
        vacant: &Vacant,
    ) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        if let Some(Removal { before, after }) = self.sql.removal(false).filter(|_| !plan.deleted.is_empty())
        {
            statements.push((before.clone(), plan.deleted.clone(), after.as_str()));
        }
        for (vacate, users) in vacant.statements(&self.mapping, set, plan, '`') {
            statements.push((format!("{vacate} in "), users, ""));
        }
        for (before, users, after) in statements {
            let query = self.built_query(format!("{before}({}){after}", placeholders(users.len())));
            let query = users.iter().fold(query, |query, user| query.bind(user.as_str()));
            query.execute(&mut **tx).await.map_err(storing(COMMITTING))?;
        }
        Ok(())
    }
}

fn bind_value<'q>(query: MyQuery<'q>, value: &'q Value) -> MyQuery<'q> {
    column::bind(query, value, Storage::of(value.kind().unwrap_or(Kind::Text)))
}

#[async_trait]
impl UniqueValues for MySqlStore {
    async fn holders(&self, wanted: &Observation) -> Result<Vec<Holder>, StoreError> {
        let Some(row) = &wanted.row else { return Ok(Vec::new()) };
        let own = OwnRow::of(wanted, &self.mapping, &self.fit);
        let but_own = own.as_ref().map_or_else(String::new, |own| own.excluded('`', "<=>", "?", "?"));
        let (table, key) = (self.mapping.table().quoted('`'), quoted(&self.mapping.key().name, '`'));
        let mut found = Vec::new();
        for index in self.unique_indexes().await? {
            let Some(condition) = index.condition(&self.mapping, row) else { continue };
            let sql = format!(
                "select t.{key} from {table} t where not (t.{key} <=> ?){but_own} and {} limit {MOST_HOLDERS}",
                condition.sql.join(" and ")
            );
            let mut query = self.built_query(sql).bind(wanted.user.as_str());
            if let Some(own) = &own {
                query = bind_value(query, &own.value).bind(wanted.user.as_str());
            }
            let query = condition.values.into_iter().fold(query, bind_value);
            let rows = match self.fetch_all(query).await.map_err(storing(LOOKING)) {
                Err(error) if *error.kind() == StoreErrorKind::Schema => {
                    tracing::warn!(index = index.name, %error, "this unique index cannot be compared with a row");
                    continue;
                }
                rows => rows?,
            };
            for row in &rows {
                let key: Option<String> = row.try_get(0).map_err(storing(LOOKING))?;
                found.push(sql::holder(
                    &self.mapping,
                    key.as_deref(),
                    &index.name,
                    &index.columns(&self.mapping),
                ));
            }
        }
        Ok(found)
    }

    async fn commit_moving(&self, set: &[Observation]) -> Result<Vec<Applied>, StoreError> {
        let vacant = self.vacant().await?;
        while_contended(|| self.try_moving(set, &vacant)).await
    }
}
