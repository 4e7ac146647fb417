//! What PostgreSQL's catalogue says of the users table.

use super::{PostgresStore, Tx, errors::storing};
use crate::store::{
    StoreError,
    shape::{ColumnShape, Holds, TableShape, UniqueKey, step_of_digits},
};
use sqlx::{Row as _, postgres::PgRow};

const DOING: &str = "looking at the users table";

/// Domains count as what they are made of, but are written as themselves.
const COLUMNS: &str = "select a.attname::text, format_type(a.atttypid, null), format_type(a.atttypid, a.atttypmod), \
     b.typname::text, b.typtype::text, (a.attnotnull or t.typnotnull), \
     (a.atthasdef or a.attidentity <> '' or a.attgenerated <> '' or t.typdefault is not null), \
     (a.attgenerated = '' and a.attidentity <> 'a'), \
     (case when t.typtype = 'd' then t.typtypmod else a.atttypmod end)::bigint \
     from pg_attribute a join pg_type t on t.oid = a.atttypid \
     join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid) \
     where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum";

const UNIQUE: &str = "select c.relname::text, array(select a.attname::text \
     from unnest(i.indkey::smallint[]) with ordinality as k(number, place) \
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number \
     where k.place <= i.indnkeyatts order by k.place) \
     from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1) \
     and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null";

/// Of partial ones it is not known which rows they leave out.
const INDEXED: &str = "select distinct a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid \
     and a.attnum = i.indkey[0] where i.indrelid = to_regclass($1) and i.indisvalid and i.indpred is null";

/// A right on every column that matters may be given column by column. Last, the schema, if it is not everyone's.
const RIGHTS: &str = "select has_any_column_privilege(c.oid, 'select'), has_any_column_privilege(c.oid, 'insert'), \
     has_any_column_privilege(c.oid, 'update'), has_table_privilege(c.oid, 'delete'), \
     nullif(n.nspname::text, 'public') \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)";

/// Sequences that a column's default asks, whoever they belong to. An identity asks for no right of its own. Asked of
/// something else, the right is an error.
const SEQUENCES: &str = "select a.attname::text, format('%I.%I', n.nspname, c.relname) from pg_attribute a \
     join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum \
     join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid \
     and d.refclassid = 'pg_class'::regclass join pg_class c on c.oid = d.refobjid \
     join pg_namespace n on n.oid = c.relnamespace \
     where a.attrelid = to_regclass($1) and a.attidentity = '' \
     and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'usage, update') else false end \
     order by a.attnum";

impl PostgresStore {
    /// The users table; `None` where there is none.
    pub(super) async fn users_shape(&self, tx: &mut Tx) -> Result<Option<TableShape>, StoreError> {
        let table = self.mapping.table().quoted('"');
        let query = sqlx::query(COLUMNS).bind(&table).persistent(false);
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(DOING))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let columns = rows.iter().map(read_column).collect::<sqlx::Result<_>>().map_err(storing(DOING))?;
        let query = sqlx::query(UNIQUE).bind(&table).persistent(false);
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(DOING))?;
        let unique = rows.iter().map(read_key).collect::<sqlx::Result<_>>().map_err(storing(DOING))?;
        let query = sqlx::query(INDEXED).bind(&table).persistent(false);
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(DOING))?;
        let indexed =
            rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(storing(DOING))?;
        let query = sqlx::query(RIGHTS).bind(&table).persistent(false);
        let row = query.fetch_one(&mut **tx).await.map_err(storing(DOING))?;
        let mut denied = Vec::new();
        for (position, right) in ["select", "insert", "update", "delete"].into_iter().enumerate() {
            if !row.try_get::<bool, _>(position).map_err(storing(DOING))? {
                denied.push(right);
            }
        }
        let schema: Option<String> = row.try_get(4).map_err(storing(DOING))?;
        let mut name = self.mapping.table().clone();
        name.schema = name.schema.or(schema);
        let query = sqlx::query(SEQUENCES).bind(&table).persistent(false);
        let rows = query.fetch_all(&mut **tx).await.map_err(storing(DOING))?;
        let denied_sequences = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let denied_sequences = denied_sequences.collect::<sqlx::Result<_>>().map_err(storing(DOING))?;
        Ok(Some(TableShape { name, columns, unique, indexed, denied, denied_sequences }))
    }
}

fn read_key(row: &PgRow) -> sqlx::Result<UniqueKey> {
    Ok(UniqueKey { name: row.try_get(0)?, columns: row.try_get(1)? })
}

fn read_column(row: &PgRow) -> sqlx::Result<ColumnShape> {
    let (base, category): (String, String) = (row.try_get(3)?, row.try_get(4)?);
    let modifier: i64 = row.try_get(8)?;
    Ok(ColumnShape {
        name: row.try_get(0)?,
        cast: cast(&base, row.try_get(1)?),
        type_name: row.try_get(2)?,
        holds: holds(&base, &category, modifier),
        nullable: !row.try_get::<bool, _>(5)?,
        filled: row.try_get(6)?,
        writable: row.try_get(7)?,
    })
}

/// Text goes into these by assignment, which, unlike a cast, never cuts it.
fn cast(base: &str, name: String) -> String {
    if matches!(base, "text" | "varchar" | "bpchar") { String::new() } else { name }
}

fn holds(base: &str, category: &str, modifier: i64) -> Holds {
    let integer = |min, max| Holds::Integer { min, max, boolean: false };
    // Without one it is -1: six digits.
    let digits = if modifier < 0 { 6 } else { modifier };
    match (base, category) {
        ("text" | "citext", _) => Holds::Text { chars: None, bytes: None, padded: false },
        // The length and a header of four bytes.
        ("varchar" | "bpchar", _) => {
            let chars = u32::try_from(modifier - 4).ok();
            Holds::Text { chars, bytes: None, padded: base == "bpchar" }
        }
        ("uuid", _) => Holds::Uuid,
        ("int2", _) => integer(i16::MIN.into(), i16::MAX.into()),
        ("int4", _) => integer(i32::MIN.into(), i32::MAX.into()),
        ("int8" | "numeric", _) => integer(i64::MIN, i64::MAX),
        ("bool", _) => Holds::Boolean,
        ("timestamptz", _) => Holds::Moment { zoned: true, step_ms: step_of_digits(digits) },
        ("timestamp", _) => Holds::Moment { zoned: false, step_ms: step_of_digits(digits) },
        ("json" | "jsonb", _) => Holds::Json,
        // An enumeration takes its own words, and says which word it does not know.
        (_, "e") => Holds::Words,
        _ => Holds::Other,
    }
}
