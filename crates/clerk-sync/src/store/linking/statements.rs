//! Statements for databases without array parameters. Lists are padded, so that few sizes are prepared and one statement
//! does, which matters where no index helps.

use crate::{
    mapping::{Mapping, quoted},
    store::{linking::search::unmarked, multirow::placeholders},
};

/// What the statements name.
#[derive(Debug)]
pub(in crate::store) struct LinkSql {
    table: String,
    key: String,
    column: String,
    /// What the column holds, byte by byte.
    bytes: String,
    /// Leaves out rows that are marked as deleted.
    unmarked: String,
}

impl LinkSql {
    /// `bytes` turns a column into what it holds.
    pub(in crate::store) fn new(
        mapping: &Mapping,
        column: &str,
        quote: char,
        bytes: impl Fn(&str) -> String,
    ) -> Self {
        let column = quoted(column, quote);
        Self {
            table: mapping.table().quoted(quote),
            key: quoted(&mapping.key().name, quote),
            bytes: bytes(&column),
            column,
            unmarked: unmarked(mapping, quote),
        }
    }

    /// What rows hold, how many of nobody and how many of users. Takes the values.
    pub(in crate::store) fn find(&self, values: usize) -> String {
        let Self { table, key, column, bytes, unmarked } = self;
        format!(
            "select {bytes}, count(*) - count({key}), count({key}) from {table} \
             where {column} in ({}){unmarked} group by 1",
            placeholders(values)
        )
    }

    /// Takes what each row holds with its user, then the values, then what the rows hold.
    pub(in crate::store) fn give(&self, links: usize) -> String {
        let Self { table, key, column, bytes, unmarked } = self;
        let cases = " when ? then ?".repeat(links);
        let list = placeholders(links);
        format!(
            "update {table} set {key} = case {bytes}{cases} end \
             where {key} is null and {column} in ({list}) and {bytes} in ({list}){unmarked}"
        )
    }
}

/// Which of so many ids are keys of the table.
pub(in crate::store) fn keys(mapping: &Mapping, quote: char, ids: usize) -> String {
    let (table, key) = (mapping.table().quoted(quote), quoted(&mapping.key().name, quote));
    format!("select {key} from {table} where {key} in ({})", placeholders(ids))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::MappingSpec;

    #[test]
    fn statements_compare_by_the_column_and_byte_by_byte() {
        let mapping = Mapping::try_new(MappingSpec::default()).expect("a mapping");
        let sql = LinkSql::new(&mapping, "legacy", '"', |column| format!("bytes({column})"));
        assert_eq!(
            sql.find(2),
            "select bytes(\"legacy\"), count(*) - count(\"clerk_id\"), count(\"clerk_id\") from \"users\" \
             where \"legacy\" in (?, ?) group by 1"
        );
        assert_eq!(
            sql.give(1),
            "update \"users\" set \"clerk_id\" = case bytes(\"legacy\") when ? then ? end \
             where \"clerk_id\" is null and \"legacy\" in (?) and bytes(\"legacy\") in (?)"
        );
    }
}
