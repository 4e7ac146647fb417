//! What a doctor wants to know of MySQL and MariaDB. Rights come by roles, patterns and columns, so that only the server
//! can tell: it is asked for statements that concern no row, in a transaction that is rolled back.

use super::{
    MySqlStore,
    errors::{denied_rights, is_read_only, storing},
};
use crate::{
    mapping::quoted,
    store::{Rights, Server, StoreError, examination::OUR_TABLES},
};
use sqlx::{AssertSqlSafe, Row as _};

/// A statement, and the table that it is about.
type Trial = (String, String);

impl MySqlStore {
    pub(super) async fn read_server(&self) -> Result<Server, StoreError> {
        const DOING: &str = "asking the server for its version";
        let row = self
            .fetch_one(
                sqlx::query("select cast(version() as char), cast(database() as char)").persistent(false),
            )
            .await
            .map_err(storing(DOING))?;
        // The variables that say so are not everywhere, and do not bind everybody.
        let trial = sqlx::query("update clerk_sync_meta set id = id where 1 = 0").persistent(false);
        let is_read_only = self.execute(trial).await.err().as_ref().is_some_and(is_read_only);
        Ok(Server {
            version: row.try_get(0).map_err(storing(DOING))?,
            is_read_only,
            schema: row.try_get(1).map_err(storing(DOING))?,
        })
    }

    pub(super) async fn read_rights(&self) -> Result<Rights, StoreError> {
        const DOING: &str = "looking at the rights on tables";
        let trials = self.trials();
        // Mostly all is well, and one round trip tells.
        let all: Vec<&str> = trials.iter().map(|(_, sql)| sql.as_str()).collect();
        let mut tx = self.begin(DOING).await?;
        let at_once = sqlx::raw_sql(AssertSqlSafe(all.join(";\n"))).execute(&mut *tx).await;
        let mut rights = Rights::default();
        if at_once.is_err() {
            for (table, sql) in trials {
                let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await else { continue };
                if error.as_database_error().is_none() {
                    return Err(storing(DOING)(error));
                }
                // Any other refusal, such as a table that is not there, is not about rights.
                note(&mut rights, table, denied_rights(&error));
            }
        }
        tx.rollback().await.map_err(storing(DOING))?;
        Ok(rights)
    }

    fn trials(&self) -> Vec<Trial> {
        let ours = OUR_TABLES.iter().map(|(table, column)| {
            let (name, column) = (quoted(table, '`'), quoted(column, '`'));
            ((*table).to_owned(), statements(&name, "", "*", &format!("{column} = {column}")))
        });
        let mapping = &self.mapping;
        let columns: Vec<String> = mapping.columns().iter().map(|column| quoted(&column.name, '`')).collect();
        let list = columns.join(", ");
        let sets: Vec<String> = columns.iter().map(|column| format!("{column} = {column}")).collect();
        let table = mapping.table();
        let users = statements(&table.quoted('`'), &format!("({list})"), &list, &sets.join(", "));
        ours.chain([(table.to_string(), users)])
            .flat_map(|(table, statements)| statements.map(|sql| (table.clone(), sql)))
            .collect()
    }
}

fn statements(table: &str, into: &str, columns: &str, sets: &str) -> [String; 4] {
    [
        format!("select {columns} from {table} where 1 = 0"),
        format!("insert into {table} {into} select {columns} from {table} where 1 = 0"),
        format!("update {table} set {sets} where 1 = 0"),
        format!("delete from {table} where 1 = 0"),
    ]
}

fn note(rights: &mut Rights, table: String, lacking: Vec<String>) {
    if lacking.is_empty() {
        return;
    }
    let known = match rights.lacking.iter().position(|(known, _)| *known == table) {
        Some(position) => position,
        None => {
            rights.lacking.push((table, Vec::new()));
            rights.lacking.len() - 1
        }
    };
    if let Some((_, known)) = rights.lacking.get_mut(known) {
        for right in lacking {
            if !known.contains(&right) {
                known.push(right);
            }
        }
    }
}
