//! The settings file: TOML with the names of the settings, and the table `[users]`.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definition::{DEFINITIONS, Definition, Kind, find};
use super::nearest::suggestion;
use super::problem::{Problem, Source};
use super::sources::FileText;
use super::users::{self, UsersConfig};

/// What a settings file says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// The settings, or the files of secrets (`..._FILE`), by name.
    pub(super) values: Vec<FileValue>,
    /// `[users]`, if it is there.
    pub(super) users: Option<UsersConfig>,
}

/// A setting of the file.
pub(super) struct FileValue {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) source: Source,
}

impl std::fmt::Debug for FileValue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FileValue")
            .field("name", &self.name)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A place in the file: what turns the positions of the parser into lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<'a> {
    file: &'a FileText,
}

impl Lines<'_> {
    pub(super) fn source(&self, span: &Range<usize>) -> Source {
        Source::File { path: self.path(), line: self.line(span) }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.file.path.clone()
    }

    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.file.text.as_bytes().get(..span.start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// Reads the file; what is wrong with it goes to `problems`.
pub(super) fn parse(file: &FileText, problems: &mut Vec<Problem>) -> Parsed {
    let lines = Lines { file };
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    if !errors.is_empty() {
        // The error's own text would quote the line, which may hold a secret.
        problems.extend(errors.iter().map(|error| {
            let source = lines.source(&error.span().unwrap_or_default());
            Problem::at(source, format!("this is not valid TOML: {}", error.message()))
        }));
        return Parsed::default();
    }
    let mut parsed = Parsed::default();
    for (key, value) in in_order(table.get_ref()) {
        let name: &str = key.get_ref();
        let source = lines.source(&key.span());
        if name == "users" {
            parsed.users = users::read::read(value, lines, problems);
        } else if let Some(definition) = known(name) {
            match text_of(value.get_ref(), name, definition) {
                Ok(text) => parsed.values.push(FileValue { name: name.to_owned(), text, source }),
                Err(message) => problems.push(Problem::of(name, &source, message)),
            }
        } else {
            let names = DEFINITIONS.iter().map(|definition| definition.name).chain(["users"]);
            let hint = suggestion(name, names, "remove it, or see `clerk-sync config example`");
            problems.push(Problem::at(source, format!("unknown setting {name:?}{hint}")));
        }
    }
    parsed
}

/// The entries of a table in the order of the file: the parser sorts them by name.
pub(super) fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The definition behind a key, which may also be the `_FILE` form of a secret.
pub(super) fn known(name: &str) -> Option<&'static Definition> {
    find(name).or_else(|| find(name.strip_suffix("_FILE")?).filter(|definition| definition.secret))
}

fn text_of(value: &DeValue<'_>, name: &str, definition: &Definition) -> Result<String, String> {
    let is_list = definition.kind == Kind::List && name == definition.name;
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 && !definition.secret => {
            Ok(number.as_str().to_owned())
        }
        DeValue::Array(items) if is_list => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            let texts = texts.ok_or_else(|| "must be a list of texts, each in quotes".to_owned())?;
            Ok(texts.join(","))
        }
        _ if is_list => Err("must be a text in quotes, or a list of such texts".to_owned()),
        _ => Err("must be a text in quotes".to_owned()),
    }
}
