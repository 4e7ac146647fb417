//! Reading `[users]`.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Allow, ClaimConfig, ColumnConfig, OnDelete, ReplacementConfig, UsersConfig, column};
use crate::settings::file::{Lines, in_order, known};
use crate::settings::nearest::suggestion;
use crate::settings::problem::Problem;
use crate::settings::values;
use clerk_sync::mapping::LinkBy;

/// Reads the value of `users`; `None` if it is no table.
pub(in crate::settings) fn read(
    value: &Spanned<DeValue<'_>>,
    lines: Lines<'_>,
    problems: &mut Vec<Problem>,
) -> Option<UsersConfig> {
    let Some(table) = value.get_ref().as_table() else {
        problems.push(Problem::at(lines.source(&value.span()), "`users` must be a table: write [users]"));
        return None;
    };
    let mut config = UsersConfig { path: Some(lines.path()), ..UsersConfig::default() };
    for (key, value) in in_order(table) {
        let name: &str = key.get_ref();
        config.lines.insert(name.to_owned(), lines.line(&key.span()));
        if let Err(message) = config.take(name, value, lines, problems) {
            problems.push(Problem::at(lines.source(&key.span()), message));
        }
    }
    Some(config)
}

impl UsersConfig {
    fn take(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        lines: Lines<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<(), String> {
        match (name, value.get_ref()) {
            ("table", DeValue::String(text)) if !text.trim().is_empty() => {
                text.trim().clone_into(&mut self.table)
            }
            ("table", _) => return Err("[users] table must be the name of a table, in quotes".to_owned()),
            ("create", DeValue::Boolean(create)) => self.create = *create,
            ("create", _) => return Err("[users] create must be true or false, without quotes".to_owned()),
            ("on_delete", value) => {
                self.on_delete = choice("[users] on_delete", value, OnDelete::ALL, OnDelete::as_str)?
            }
            ("on_delete_refused", value) => {
                let all = [OnDelete::Mark, OnDelete::Anonymize, OnDelete::Keep];
                self.on_delete_refused =
                    Some(choice("[users] on_delete_refused", value, all, OnDelete::as_str)?);
            }
            ("delete_after", DeValue::String(text)) => {
                let read = values::interval(text, Duration::from_secs(1), ": leave it out to delete at once");
                self.delete_after = read.map_err(|error| format!("[users] delete_after {error}"))?;
            }
            ("delete_after", _) => {
                return Err("[users] delete_after must be a duration in quotes, such as \"7d\"".to_owned());
            }
            ("deleted_at", DeValue::String(name)) if !name.trim().is_empty() => {
                self.deleted_at = Some(name.trim().to_owned());
            }
            ("deleted_at", _) => {
                return Err("[users] deleted_at must be the name of a column, in quotes".to_owned());
            }
            ("link", value) => {
                self.link = Some(choice("[users] link", value, LinkBy::ALL, LinkBy::name)?);
            }
            ("link_column", DeValue::String(name)) if !name.trim().is_empty() => {
                self.link_column = Some(name.trim().to_owned());
            }
            ("link_column", _) => {
                return Err("[users] link_column must be the name of a column, in quotes".to_owned());
            }
            ("anonymize", DeValue::Table(table)) => {
                self.anonymize = read_replacements(table, lines, problems);
            }
            ("anonymize", _) => return Err("`anonymize` must be a table: write [users.anonymize]".to_owned()),
            ("allow", DeValue::Array(items)) => {
                for item in items.iter() {
                    self.allow.push(choice("[users] allow", item.get_ref(), Allow::ALL, Allow::as_str)?);
                }
            }
            ("allow", _) => {
                return Err("[users] allow must be a list, such as [\"private_metadata\"]".to_owned());
            }
            ("columns", DeValue::Table(table)) if table.is_empty() => {
                return Err("[users.columns] is empty: name a column, or leave it out for the default ones"
                    .to_owned());
            }
            ("columns", DeValue::Table(table)) => self.columns = Some(read_columns(table, lines, problems)),
            ("columns", _) => return Err("`columns` must be a table: write [users.columns]".to_owned()),
            ("claims", DeValue::Table(table)) if table.is_empty() => {
                return Err(
                    "[users.claims] is empty: name a column, or leave it out to make no row from claims"
                        .to_owned(),
                );
            }
            ("claims", DeValue::Table(table)) => self.claims = read_claims(table, lines, problems),
            ("claims", _) => return Err("`claims` must be a table: write [users.claims]".to_owned()),
            (name, _) if known(name).is_some() => {
                return Err(format!("{name} belongs at the top of the file, above [users]"));
            }
            (name, _) => {
                let keys = [
                    "table",
                    "create",
                    "on_delete",
                    "on_delete_refused",
                    "delete_after",
                    "deleted_at",
                    "anonymize",
                    "link",
                    "link_column",
                    "allow",
                    "columns",
                    "claims",
                ];
                return Err(format!(
                    "unknown key {name:?} in [users]{}",
                    suggestion(name, keys, "remove it")
                ));
            }
        }
        Ok(())
    }
}

fn read_columns(table: &DeTable<'_>, lines: Lines<'_>, problems: &mut Vec<Problem>) -> Vec<ColumnConfig> {
    let mut columns = Vec::new();
    for (key, value) in in_order(table) {
        let name: &str = key.get_ref();
        match column::read(name, value.get_ref()) {
            Ok(content) => {
                let line = lines.line(&key.span());
                columns.push(ColumnConfig { name: name.to_owned(), content, line });
            }
            Err(message) => problems.push(Problem::at(lines.source(&key.span()), message)),
        }
    }
    columns
}

fn read_replacements(
    table: &DeTable<'_>,
    lines: Lines<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<ReplacementConfig> {
    let mut replacements = Vec::new();
    for (key, value) in in_order(table) {
        let name: &str = key.get_ref();
        match column::literal(&format!("the replacement for the column {name:?}"), value.get_ref()) {
            Ok(value) => replacements.push(ReplacementConfig { column: name.to_owned(), value }),
            Err(message) => problems.push(Problem::at(lines.source(&key.span()), message)),
        }
    }
    replacements
}

fn read_claims(table: &DeTable<'_>, lines: Lines<'_>, problems: &mut Vec<Problem>) -> Vec<ClaimConfig> {
    let mut claims = Vec::new();
    for (key, value) in in_order(table) {
        let column: &str = key.get_ref();
        match value.get_ref() {
            DeValue::String(claim) if !claim.trim().is_empty() => {
                claims.push(ClaimConfig { column: column.to_owned(), claim: claim.trim().to_owned() });
            }
            _ => {
                let message = format!(
                    "the claim for the column {column:?} must be its path in quotes, as in \"email\" = \"email\" or \
                     \"plan\" = \"metadata.plan\""
                );
                problems.push(Problem::at(lines.source(&key.span()), message));
            }
        }
    }
    claims
}

/// One of a few words.
pub(super) fn choice<T: Copy, const N: usize>(
    what: &str,
    value: &DeValue<'_>,
    all: [T; N],
    word: fn(T) -> &'static str,
) -> Result<T, String> {
    let found = value.as_str().and_then(|text| all.into_iter().find(|item| word(*item) == text));
    found.ok_or_else(|| {
        let words = all.map(|item| format!("{:?}", word(item))).join(", ");
        format!("{what} must be one of {words}")
    })
}
