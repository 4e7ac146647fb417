//! The `options` of a PostgreSQL URL: `-c name=value` for the server, `endpoint=name` for Neon.

use super::error::DatabaseUrlError;

/// What `options` said.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) endpoint: Option<String>,
    pub(super) search_path: Option<Vec<String>>,
    pub(super) settings: Vec<(String, String)>,
}

const EXPECTED: &str = "`endpoint=name` (Neon) or settings as `-c name=value`, separated by spaces (%20)";

/// Reads the words of `options`; a backslash keeps the space that follows it.
pub(super) fn parse(name: &'static str, value: &str) -> Result<Options, DatabaseUrlError> {
    let wrong = || DatabaseUrlError::Value { name, expected: EXPECTED };
    let mut options = Options::default();
    let mut words = split_words(value).into_iter();
    while let Some(word) = words.next() {
        let setting = if word == "-c" {
            words.next().ok_or_else(wrong)?
        } else if let Some(setting) = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            setting.to_owned()
        } else if let Some(endpoint) =
            word.strip_prefix("endpoint=").or_else(|| word.strip_prefix("project="))
        {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if endpoint.is_empty() || !endpoint.chars().all(plain) {
                return Err(wrong());
            }
            options.endpoint = Some(endpoint.to_owned());
            continue;
        } else {
            return Err(wrong());
        };
        let (key, setting) = setting.split_once('=').ok_or_else(wrong)?;
        // PostgreSQL reads `--log-statement` as `log_statement`.
        let key = key.replace('-', "_");
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)) {
            return Err(wrong());
        }
        if key.eq_ignore_ascii_case("search_path") {
            options.search_path = Some(search_path(name, setting)?);
        } else {
            options.settings.push((key, setting.to_owned()));
        }
    }
    Ok(options)
}

fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            space if space.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn search_path(name: &'static str, text: &str) -> Result<Vec<String>, DatabaseUrlError> {
    text.split(',')
        .map(|item| {
            let item = item.trim();
            let bare = item.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(item);
            schema_name(name, bare)
        })
        .collect()
}

/// A schema's name without anything that would need thought to quote.
pub(super) fn schema_name(name: &'static str, text: &str) -> Result<String, DatabaseUrlError> {
    let plain = |c: char| c.is_alphanumeric() || "_$-".contains(c);
    if text.is_empty() || text.len() > 63 || !text.chars().all(plain) {
        let expected = "the name of a schema: letters, digits, `_`, `$` and `-`, at most 63 bytes";
        return Err(DatabaseUrlError::Value { name, expected });
    }
    Ok(text.to_owned())
}
