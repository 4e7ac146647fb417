//! Holds the mapping against the table that is there. Pure.

use super::{
    dialect::Dialect,
    findings::{TableFinding, TableProblem},
    shape::{ColumnShape, Holds, TableShape, storage},
};
use crate::mapping::{
    Column, Deletion, FillContent, Generator, ID_PLACE, Kind, Mapping, OnDelete, Source, Storage, Value,
};

/// The shortest key column that takes Clerk's ids.
const KEY_CHARS: u32 = 32;

/// How a mapping fits a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    /// For each mapped column.
    pub(super) columns: Vec<Held>,
    /// For each fill.
    pub(super) fills: Vec<Held>,
    /// For the column that marks a row as deleted.
    pub(super) deleted_at: Option<Held>,
    /// For the column that tells whose row of before it is.
    pub(super) link: Option<Held>,
}

/// How one column is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) storage: Storage,
    /// See [`ColumnShape::cast`].
    pub(super) cast: String,
}

/// A fit, and what is worth a warning; or everything that is wrong.
pub(super) fn judge(
    mapping: &Mapping,
    shape: &TableShape,
    dialect: Dialect,
) -> Result<(Fit, Vec<TableFinding>), Vec<TableFinding>> {
    let mut judgement = Judgement { mapping, shape, dialect, problems: Vec::new(), warnings: Vec::new() };
    let columns: Vec<_> = mapping.columns().iter().map(|column| judgement.column(column)).collect();
    let fills = mapping.fills().iter().map(|fill| judgement.fill(&fill.name, &fill.content)).collect();
    let deleted_at = judgement.deleted_at();
    let link = judgement.link();
    judgement.replacements(&columns);
    judgement.key();
    judgement.unfilled();
    judgement.denied();
    judgement.sequences();
    let Judgement { problems, warnings, .. } = judgement;
    match (all(columns), all(fills)) {
        (Some(columns), Some(fills)) if problems.is_empty() => {
            Ok((Fit { columns, fills, deleted_at, link }, warnings))
        }
        _ => Err(problems.into_iter().chain(warnings).collect()),
    }
}

fn all<T>(items: Vec<Option<T>>) -> Option<Vec<T>> {
    items.into_iter().collect()
}

struct Judgement<'a> {
    mapping: &'a Mapping,
    shape: &'a TableShape,
    dialect: Dialect,
    problems: Vec<TableFinding>,
    warnings: Vec<TableFinding>,
}

impl Judgement<'_> {
    fn problem(&mut self, what: TableProblem, todo: String) {
        self.problems.push(TableFinding { problem: what, todo, blocks: true });
    }

    fn there(&mut self, name: &str, kind: Kind) -> Option<ColumnShape> {
        let Some(found) = self.shape.column(name) else {
            let alike = self.shape.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            let todo = match alike {
                Some(alike) => format!("name it as the table spells it: {:?}", alike.name),
                None => format!(
                    "correct the name in [users.columns], or run: {}",
                    self.dialect.add_column(&self.shape.name, name, kind)
                ),
            };
            self.problem(TableProblem::MissingColumn { column: name.to_owned() }, todo);
            return None;
        };
        if !found.writable {
            let todo = "leave it out of [users.columns]: the database makes its value".to_owned();
            self.problem(TableProblem::NotWritable { column: name.to_owned() }, todo);
            return None;
        }
        Some(found.clone())
    }

    fn column(&mut self, column: &Column) -> Option<Held> {
        let found = self.there(&column.name, column.kind)?;
        let held = storage(column.kind, column.format, found.holds, self.dialect.holds_nul());
        let Some(held) = held else {
            let what = match column.format {
                Some(format) if column.kind == Kind::Timestamp => {
                    format!("timestamp in the format {:?}", format.name())
                }
                _ => column.kind.name().to_owned(),
            };
            let todo = match column.kind {
                Kind::Timestamp if column.format.is_some() => {
                    "choose another format (ms, s, iso, sql), or none for a column with a type of its own"
                        .to_owned()
                }
                kind => format!(
                    "choose another `type` or source for it in [users.columns], or run: {}",
                    self.dialect.change_type(&self.shape.name, &column.name, kind)
                ),
            };
            let (column, type_name) = (column.name.clone(), found.type_name);
            self.problem(TableProblem::WrongType { column, type_name, what }, todo);
            return None;
        };
        let constant = if let Source::Constant(value) = &column.source { Some(value) } else { None };
        let ours = column.default.iter().chain(constant);
        if ours.into_iter().any(|value| held.fit(value.clone(), column.overflow).is_err()) {
            let (column, type_name) = (column.name.clone(), found.type_name);
            let what = "the value that [users.columns] gives it".to_owned();
            let todo = "correct it in [users.columns], or change the column's type".to_owned();
            self.problem(TableProblem::WrongType { column, type_name, what }, todo);
            return None;
        }
        if !found.nullable && may_be_null(column) {
            let todo = format!(
                "give it a default in [users.columns] ({} = {{ from = \"{}\", default = ... }}), or run: {}",
                column.name,
                column.source,
                self.dialect.drop_not_null(&self.shape.name, &found)
            );
            let problem = TableProblem::MayBeNull { column: column.name.clone() };
            self.warnings.push(TableFinding { problem, todo, blocks: false });
        }
        let deletion = self.mapping.deletion();
        let keeps = |policy| matches!(policy, OnDelete::Mark | OnDelete::Keep);
        let stays = deletion.delete_after.is_some()
            || keeps(deletion.on_delete)
            || deletion.on_refused.is_some_and(keeps);
        if stays && !found.nullable && !column.source.is_id() && self.shape.is_unique(&column.name) {
            let todo = format!(
                "run: {}; or let rows be deleted or anonymized, and at once",
                self.dialect.drop_not_null(&self.shape.name, &found)
            );
            let problem = TableProblem::HeldValue { column: column.name.clone() };
            self.warnings.push(TableFinding { problem, todo, blocks: false });
        }
        Some(Held { storage: held, cast: found.cast })
    }

    fn fill(&mut self, name: &str, content: &FillContent) -> Option<Held> {
        let kind = content.kind();
        let found = self.there(name, kind)?;
        let held = storage(kind, None, found.holds, self.dialect.holds_nul());
        let fits = held.filter(|storage| match content {
            FillContent::Value(value) => storage.fit(value.clone(), Default::default()).is_ok(),
            FillContent::Generated(Generator::Uuid7) => storage_chars(*storage) >= 36,
            FillContent::Generated(generator) => {
                *storage != Storage::Uuid && storage_chars(*storage) >= generated_chars(*generator)
            }
            FillContent::Now { .. } => true,
        });
        let Some(held) = fits else {
            let what = match content {
                FillContent::Value(_) => "the value that [users.columns] gives it".to_owned(),
                FillContent::Generated(generator) => format!("what {:?} generates", generator.name()),
                FillContent::Now { .. } => "a moment".to_owned(),
            };
            let todo = "correct it in [users.columns], or change the column's type".to_owned();
            let (column, type_name) = (name.to_owned(), found.type_name);
            self.problem(TableProblem::WrongType { column, type_name, what }, todo);
            return None;
        };
        Some(Held { storage: held, cast: found.cast })
    }

    fn deleted_at(&mut self) -> Option<Held> {
        let name = self.mapping.deletion().deleted_at.clone()?;
        let found = self.there(&name, Kind::Timestamp)?;
        let held = storage(Kind::Timestamp, None, found.holds, self.dialect.holds_nul());
        if held.is_none() || !found.nullable {
            let todo = match held {
                None => {
                    format!("run: {}", self.dialect.change_type(&self.shape.name, &name, Kind::Timestamp))
                }
                Some(_) => format!("run: {}", self.dialect.drop_not_null(&self.shape.name, &found)),
            };
            let what = if held.is_none() { "a moment" } else { "null, while the user is there" };
            let (what, type_name) = (what.to_owned(), found.type_name);
            self.problem(TableProblem::WrongType { column: name, type_name, what }, todo);
            return None;
        }
        held.map(|storage| Held { storage, cast: found.cast })
    }

    fn link(&mut self) -> Option<Held> {
        let link = self.mapping.link()?;
        let column = link.column.clone();
        let Some(found) = self.shape.column(&column).cloned() else {
            let alike = self.shape.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column));
            let todo = match alike {
                Some(alike) => {
                    format!("name it in [users] link_column as the table spells it: {:?}", alike.name)
                }
                None => "name in [users] link_column the column that tells whose row it is".to_owned(),
            };
            self.problem(TableProblem::MissingColumn { column }, todo);
            return None;
        };
        let nul = self.dialect.holds_nul();
        let kinds = [Kind::Text, Kind::Integer].into_iter();
        // An enumeration refuses to compare with a word that it does not have.
        let mut storages = kinds
            .filter(|_| found.holds != Holds::Words)
            .filter_map(|kind| storage(kind, None, found.holds, nul));
        let Some(held) = storages.next() else {
            let todo = "name another column in [users] link_column".to_owned();
            let (type_name, what) = (found.type_name, format!("what link = {:?} looks for", link.by.name()));
            self.problem(TableProblem::WrongType { column, type_name, what }, todo);
            return None;
        };
        let mut warn = |problem, todo: String| {
            self.warnings.push(TableFinding { problem, todo, blocks: false });
        };
        let key = self.mapping.key();
        if !self.shape.is_unique(&column) {
            let todo = format!("run: {}", self.dialect.add_unique(&self.shape.name, &column));
            let problem = if self.shape.indexed.contains(&column) {
                TableProblem::LinkNotUnique { column }
            } else {
                TableProblem::LinkNotIndexed { column }
            };
            warn(problem, todo);
        }
        if let Some(not_null) = self.shape.column(&key.name).filter(|found| !found.nullable) {
            let todo = format!(
                "run: {}; or leave link out, if every row has its user",
                self.dialect.drop_not_null(&self.shape.name, not_null)
            );
            warn(TableProblem::NobodysRow { column: key.name.clone() }, todo);
        }
        Some(Held { storage: held, cast: found.cast })
    }

    /// What an anonymized row holds must fit too.
    fn replacements(&mut self, columns: &[Option<Held>]) {
        let mapping = self.mapping;
        let deletion = mapping.deletion();
        if deletion.on_delete != OnDelete::Anonymize && deletion.on_refused != Some(OnDelete::Anonymize) {
            return;
        }
        let replaced = mapping.columns().iter().zip(columns).zip(&deletion.replacements);
        for ((column, held), replacement) in replaced {
            let (Some(held), Some(value)) = (held, replacement) else { continue };
            let Some(found) = self.shape.column(&column.name) else { continue };
            let fits = match value {
                Value::Null => found.nullable,
                value => Deletion::longest(value, held.storage, KEY_CHARS as usize).is_ok(),
            };
            if !fits {
                let todo = format!(
                    "name what it becomes in [users.anonymize], for example {} = {}; {ID_PLACE} stands for the user's \
                     id, where it must be unique",
                    column.name,
                    example_replacement(column.kind)
                );
                let what = "what [users.anonymize] leaves in it".to_owned();
                let not_null = if found.nullable { "" } else { " not null" };
                let (type_name, column) = (format!("{}{not_null}", found.type_name), column.name.clone());
                self.problem(TableProblem::WrongType { column, type_name, what }, todo);
            }
        }
    }

    fn key(&mut self) {
        let key = self.mapping.key();
        let Some(found) = self.shape.column(&key.name) else { return };
        let column = key.name.clone();
        let Holds::Text { chars, .. } = found.holds else {
            let todo = "map \"id\" to a text column that is unique, and leave this one to the app, or fill it with \
                        { generate = \"uuid7\" }";
            let (type_name, what) = (found.type_name.clone(), "the ids of Clerk's users".to_owned());
            return self.problem(TableProblem::WrongType { column, type_name, what }, todo.to_owned());
        };
        if !self.shape.is_unique(&key.name) {
            let todo = format!("run: {}", self.dialect.add_unique(&self.shape.name, &column));
            self.problem(TableProblem::NotUnique { column }, todo);
        } else if let Some(chars) = chars.filter(|chars| *chars < KEY_CHARS) {
            let todo = format!("run: {}", self.dialect.change_type(&self.shape.name, &column, Kind::Text));
            self.problem(TableProblem::KeyTooShort { column, chars }, todo);
        }
    }

    fn unfilled(&mut self) {
        let mapped = |name: &str| {
            self.mapping.columns().iter().any(|column| column.name == name)
                || self.mapping.fills().iter().any(|fill| fill.name == name)
                || self.mapping.deletion().deleted_at.as_deref() == Some(name)
        };
        let left: Vec<ColumnShape> = self
            .shape
            .columns
            .iter()
            .filter(|column| !column.nullable && !column.filled && !mapped(&column.name))
            .cloned()
            .collect();
        for column in left {
            let todo = format!(
                "fill it in [users.columns], for example {}, or run: {}",
                example_fill(&column),
                self.dialect.drop_not_null(&self.shape.name, &column)
            );
            self.problem(TableProblem::Unfilled { column: column.name }, todo);
        }
    }

    /// Counters that the database asks for the columns that we leave to it.
    fn sequences(&mut self) {
        let ours = |name: &str| {
            self.mapping.columns().iter().any(|column| column.name == name)
                || self.mapping.fills().iter().any(|fill| fill.name == name)
        };
        let left: Vec<_> =
            self.shape.denied_sequences.iter().filter(|(column, _)| !ours(column)).cloned().collect();
        for (column, sequence) in left {
            let todo = format!(
                "run as the table's owner: grant usage on sequence {sequence} to <this database user>"
            );
            self.problem(TableProblem::DeniedSequence { column, sequence }, todo);
        }
    }

    fn denied(&mut self) {
        if self.shape.denied.is_empty() {
            return;
        }
        let todo =
            format!("run as the table's owner: {}", self.dialect.grant(&self.shape.name, &self.shape.denied));
        self.problem(TableProblem::Denied { statements: self.shape.denied.clone() }, todo);
    }
}

/// Whether Clerk may have nothing for it.
fn may_be_null(column: &Column) -> bool {
    if column.default.is_some() || column.source.is_id() {
        return false;
    }
    match &column.source {
        Source::Constant(value) => *value == Value::Null,
        Source::Path(path) => !matches!(
            path.iter().map(String::as_str).collect::<Vec<_>>()[..],
            ["created_at"
                | "updated_at"
                | "banned"
                | "locked"
                | "has_image"
                | "image_url"
                | "public_metadata"]
                | ["password_enabled" | "two_factor_enabled" | "totp_enabled" | "backup_code_enabled"]
                | ["delete_self_enabled" | "create_organization_enabled"]
        ),
        _ => true,
    }
}

fn storage_chars(storage: Storage) -> u32 {
    match storage {
        Storage::Text { chars, bytes, .. } => chars.unwrap_or(u32::MAX).min(bytes.unwrap_or(u32::MAX)),
        Storage::Uuid => 36,
        _ => 0,
    }
}

fn generated_chars(generator: Generator) -> u32 {
    match generator {
        Generator::Uuid7 => 36,
        Generator::Cuid2 => 24,
        Generator::Nanoid => 21,
        Generator::ClerkId => KEY_CHARS,
    }
}

fn example_replacement(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "\"deleted\"",
        Kind::Integer => "0",
        Kind::Boolean => "false",
        Kind::Timestamp => "\"1970-01-01T00:00:00Z\"",
        Kind::Json => "\"{}\"",
    }
}

/// A line for the settings that would fill the column.
fn example_fill(column: &ColumnShape) -> String {
    let value = match column.holds {
        Holds::Uuid => "{ generate = \"uuid7\" }",
        Holds::Moment { .. } | Holds::TextMoment => "{ generate = \"now\" }",
        Holds::Integer { boolean: false, .. } => "{ initial = 0 }",
        Holds::Integer { boolean: true, .. } | Holds::Boolean => "{ initial = false }",
        _ if column.name.eq_ignore_ascii_case("id") => "{ generate = \"uuid7\" }",
        _ => "{ initial = \"\" }",
    };
    let bare = !column.name.is_empty()
        && column.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { format!("{} = {value}", column.name) } else { format!("{:?} = {value}", column.name) }
}

#[cfg(test)]
mod tests;
