//! What SQLite's catalogue says of the users table.

use super::{SqliteStore, Tx, errors::storing};
use crate::store::{
    StoreError,
    shape::{ColumnShape, Holds, TableShape, UniqueKey},
};
use sqlx::{Row as _, sqlite::SqliteRow};

const DOING: &str = "looking at the users table";

/// `hidden`: 2 and 3 are generated columns.
const COLUMNS: &str = "select name, type, \"notnull\", dflt_value is not null, hidden, pk from pragma_table_xinfo(?, ?) \
     where hidden <> 1 order by cid";

const UNIQUE: &str = "select l.name, i.name from pragma_index_list(?, ?) l, pragma_index_info(l.name, ?) i \
     where l.\"unique\" and not l.partial order by l.name, i.seqno";

/// Of partial ones it is not known which rows they leave out.
const INDEXED: &str = "select distinct i.name from pragma_index_list(?, ?) l, pragma_index_info(l.name, ?) i \
     where not l.partial and i.seqno = 0 and i.name is not null";

impl SqliteStore {
    /// The users table; `None` where there is none.
    pub(super) async fn users_shape(&self, tx: &mut Tx) -> Result<Option<TableShape>, StoreError> {
        let table = self.mapping.table();
        let schema = table.schema.as_deref().unwrap_or("main");
        let query = sqlx::query(COLUMNS).bind(&table.name).bind(schema);
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(DOING))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let columns: sqlx::Result<Vec<_>> = rows.iter().map(read_column).collect();
        let columns = columns.map_err(storing(DOING))?;
        let query = sqlx::query(UNIQUE).bind(&table.name).bind(schema).bind(schema);
        let keys = query.fetch_all(&mut **tx).await.map_err(storing(DOING))?;
        let mut unique = read_keys(&keys).map_err(storing(DOING))?;
        let query = sqlx::query(INDEXED).bind(&table.name).bind(schema).bind(schema);
        let indexed = query.fetch_all(&mut **tx).await.map_err(storing(DOING))?;
        let indexed = indexed.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>();
        let indexed = indexed.map_err(storing(DOING))?;
        // The alias of the row's number has no index of its own.
        let primary: Vec<String> =
            columns.iter().filter(|(_, is_key)| *is_key).map(|(column, _)| column.name.clone()).collect();
        unique.push(UniqueKey { name: "primary key".to_owned(), columns: primary });
        let columns = columns.into_iter().map(|(column, _)| column).collect();
        let name = self.mapping.table().clone();
        let (denied, denied_sequences) = (Vec::new(), Vec::new());
        Ok(Some(TableShape { name, columns, unique, indexed, denied, denied_sequences }))
    }
}

fn read_keys(rows: &[SqliteRow]) -> sqlx::Result<Vec<UniqueKey>> {
    let mut keys: Vec<UniqueKey> = Vec::new();
    for row in rows {
        let name: String = row.try_get(0)?;
        // An expression has no name, and is no column.
        let column = row.try_get::<Option<String>, _>(1)?.unwrap_or_default();
        match keys.last_mut().filter(|key| key.name == name) {
            Some(key) => key.columns.push(column),
            None => keys.push(UniqueKey { name, columns: vec![column] }),
        }
    }
    Ok(keys)
}

/// A column, and whether it is a part of the primary key.
fn read_column(row: &SqliteRow) -> sqlx::Result<(ColumnShape, bool)> {
    let type_name: String = row.try_get(1)?;
    let (not_null, default, hidden, key): (bool, bool, i64, i64) =
        (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let is_row_number = key > 0 && type_name.eq_ignore_ascii_case("integer");
    let column = ColumnShape {
        name: row.try_get(0)?,
        cast: String::new(),
        holds: holds(&type_name),
        nullable: !not_null && key == 0,
        filled: default || is_row_number || hidden > 1,
        writable: hidden <= 1,
        type_name,
    };
    Ok((column, key > 0))
}

/// By the words in a type's name (sqlite.org/datatype3.html, section 3.1). It holds anything; this is what is meant.
fn holds(type_name: &str) -> Holds {
    let name = type_name.to_ascii_uppercase();
    let has = |word: &str| name.contains(word);
    if has("BOOL") {
        Holds::Integer { min: 0, max: 1, boolean: true }
    } else if has("DATE") || has("TIME") {
        Holds::TextMoment
    } else if has("JSON") {
        Holds::Json
    } else if has("INT") {
        Holds::Integer { min: i64::MIN, max: i64::MAX, boolean: false }
    } else if has("CHAR") || has("TEXT") || has("CLOB") || has("UUID") {
        Holds::Text { chars: None, bytes: None, padded: false }
    } else {
        Holds::Other
    }
}
