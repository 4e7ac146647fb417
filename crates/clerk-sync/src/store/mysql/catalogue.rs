//! What MySQL's and MariaDB's catalogue says of the users table.

use super::{MySqlStore, errors::storing};
use crate::store::{
    StoreError,
    shape::{ColumnShape, Holds, TableShape, UniqueKey, step_of_digits},
};
use sqlx::{
    AssertSqlSafe, Executor as _, MySqlConnection, Row as _,
    mysql::{MySqlDatabaseError, MySqlRow},
};

const DOING: &str = "looking at the users table";

const COLUMNS: &str = "select cast(column_name as char), cast(data_type as char), cast(column_type as char), \
     cast(character_maximum_length as signed), cast(datetime_precision as signed), is_nullable = 'YES', \
     column_default is not null or extra like '%auto_increment%' or extra like '%generated%', \
     extra not like '%virtual%' and extra not like '%stored%' \
     from information_schema.columns where table_schema = coalesce(?, database()) and table_name = ? \
     order by ordinal_position";

/// Keys of a prefix, or of an expression, hold for more than the column.
const UNIQUE: &str = "select cast(index_name as char), cast(column_name as char), sub_part is null and column_name is not null \
     from information_schema.statistics where table_schema = coalesce(?, database()) and table_name = ? \
     and non_unique = 0 order by index_name, seq_in_index";

const INDEXED: &str = "select distinct cast(column_name as char) from information_schema.statistics \
     where table_schema = coalesce(?, database()) and table_name = ? and seq_in_index = 1 and column_name is not null";

impl MySqlStore {
    /// The users table; `None` where there is none.
    pub(super) async fn users_shape(
        &self,
        connection: &mut MySqlConnection,
    ) -> Result<Option<TableShape>, StoreError> {
        let table = self.mapping.table();
        let query = |sql| sqlx::query(sql).bind(table.schema.as_deref()).bind(&table.name).persistent(false);
        let rows = query(COLUMNS).fetch_all(&mut *connection).await.map_err(storing(DOING))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let columns = rows.iter().map(read_column).collect::<sqlx::Result<_>>().map_err(storing(DOING))?;
        let rows = query(UNIQUE).fetch_all(&mut *connection).await.map_err(storing(DOING))?;
        let unique = read_keys(&rows).map_err(storing(DOING))?;
        let rows = query(INDEXED).fetch_all(&mut *connection).await.map_err(storing(DOING))?;
        let indexed =
            rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(storing(DOING))?;
        let denied = self.denied(connection).await?;
        let name = self.mapping.table().clone();
        Ok(Some(TableShape { name, columns, unique, indexed, denied, denied_sequences: Vec::new() }))
    }

    /// What our role may not do. To explain a statement takes the rights that the statement takes, and does nothing.
    async fn denied(&self, connection: &mut MySqlConnection) -> Result<Vec<&'static str>, StoreError> {
        let table = self.mapping.table().quoted('`');
        let key = super::column::name(&self.mapping.key().name);
        let mut denied = Vec::new();
        for (right, statement) in [
            ("select", format!("select {key} from {table} where false")),
            ("insert", format!("insert into {table} ({key}) values ('')")),
            ("update", format!("update {table} set {key} = {key} where false")),
            ("delete", format!("delete from {table} where false")),
        ] {
            let explained = connection.execute(AssertSqlSafe(format!("explain {statement}"))).await;
            if explained.is_err_and(|error| is_denial(&error)) {
                denied.push(right);
            }
        }
        Ok(denied)
    }
}

fn is_denial(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| matches!(error.number(), 1142 | 1143))
}

fn read_keys(rows: &[MySqlRow]) -> sqlx::Result<Vec<UniqueKey>> {
    let mut keys: Vec<(UniqueKey, bool)> = Vec::new();
    for row in rows {
        let name: String = row.try_get(0)?;
        let (column, whole): (Option<String>, i64) = (row.try_get(1)?, row.try_get(2)?);
        if keys.last().is_none_or(|(key, _)| key.name != name) {
            keys.push((UniqueKey { name, columns: Vec::new() }, true));
        }
        if let Some((key, is_whole)) = keys.last_mut() {
            key.columns.extend(column);
            *is_whole &= whole != 0;
        }
    }
    Ok(keys.into_iter().filter(|(_, is_whole)| *is_whole).map(|(key, _)| key).collect())
}

fn read_column(row: &MySqlRow) -> sqlx::Result<ColumnShape> {
    let (base, type_name): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let truth = |position: usize| row.try_get::<i64, _>(position).map(|truth| truth != 0);
    Ok(ColumnShape {
        name: row.try_get(0)?,
        cast: String::new(),
        holds: holds(&base, &type_name, row.try_get(3)?, row.try_get(4)?),
        type_name,
        nullable: truth(5)?,
        filled: truth(6)?,
        writable: truth(7)?,
    })
}

fn holds(base: &str, type_name: &str, length: Option<i64>, digits: Option<i64>) -> Holds {
    let length = length.and_then(|length| u32::try_from(length).ok());
    let integer = |bits: u32| {
        let (min, max) = match (type_name.contains("unsigned"), bits) {
            (true, 64) => (0, i64::MAX),
            (true, bits) => (0, (1_i64 << bits) - 1),
            (false, 64) => (i64::MIN, i64::MAX),
            (false, bits) => (-(1_i64 << (bits - 1)), (1_i64 << (bits - 1)) - 1),
        };
        Holds::Integer { min, max, boolean: type_name.starts_with("tinyint(1)") }
    };
    let moment = |zoned| Holds::Moment { zoned, step_ms: step_of_digits(digits.unwrap_or_default()) };
    match base {
        "char" | "varchar" => Holds::Text { chars: length, bytes: None, padded: base == "char" },
        // Their limit is one of bytes, though the catalogue calls it characters.
        "tinytext" | "text" | "mediumtext" => Holds::Text { chars: None, bytes: length, padded: false },
        "longtext" => Holds::Text { chars: None, bytes: None, padded: false },
        "enum" => Holds::Words,
        "uuid" => Holds::Uuid,
        "tinyint" => integer(8),
        "smallint" => integer(16),
        "mediumint" => integer(24),
        "int" => integer(32),
        "bigint" => integer(64),
        "timestamp" => moment(true),
        "datetime" => moment(false),
        "json" => Holds::Json,
        _ => Holds::Other,
    }
}
