//! What a doctor wants to know of PostgreSQL, from its catalogue: nothing is tried out.

use super::{PostgresStore, errors::storing};
use crate::store::{Rights, Server, StoreError, examination::OUR_TABLES};
use sqlx::Row as _;

impl PostgresStore {
    pub(super) async fn read_server(&self) -> Result<Server, StoreError> {
        const DOING: &str = "asking the server for its version";
        let sql = "select current_setting('server_version'), \
             pg_is_in_recovery() or current_setting('transaction_read_only') = 'on', current_schema()::text";
        let row = self.look_at_one(sqlx::query(sql).persistent(false), DOING).await?;
        Ok(Server {
            version: row.try_get(0).map_err(storing(DOING))?,
            is_read_only: row.try_get(1).map_err(storing(DOING))?,
            schema: row.try_get(2).map_err(storing(DOING))?,
        })
    }

    pub(super) async fn read_rights(&self) -> Result<Rights, StoreError> {
        const DOING: &str = "looking at the rights on tables";
        // Rights may be given on single columns; of the users table only the mapped ones matter.
        let sql = "with tables as (select name, to_regclass(name) as relation from unnest($1::text[]) as name) \
             select name, row_security_active(relation), array(\
                 select wanted from unnest(array['select', 'insert', 'update']) as wanted where exists (\
                     select from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped \
                     and (name <> $2 or attname = any($3)) and not has_column_privilege(relation, attnum, wanted)) \
                 union all select 'delete' where not has_table_privilege(relation, 'delete')) \
             from tables where relation is not null";
        let users = self.mapping.table().quoted('"');
        let tables: Vec<String> =
            OUR_TABLES.iter().map(|(table, _)| (*table).to_owned()).chain([users.clone()]).collect();
        let columns: Vec<String> = self.mapping.columns().iter().map(|column| column.name.clone()).collect();
        let query = sqlx::query(sql).bind(tables).bind(&users).bind(columns).persistent(false);
        let mut rights = Rights::default();
        for row in self.look(query, DOING).await? {
            let name: String = row.try_get(0).map_err(storing(DOING))?;
            let name = if name == users { self.mapping.table().to_string() } else { name };
            if row.try_get(1).map_err(storing(DOING))? {
                rights.hidden.push(name.clone());
            }
            let lacking: Vec<String> = row.try_get(2).map_err(storing(DOING))?;
            if !lacking.is_empty() {
                rights.lacking.push((name, lacking));
            }
        }
        Ok(rights)
    }
}
