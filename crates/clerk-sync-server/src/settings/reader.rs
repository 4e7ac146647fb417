//! Reading one setting after the other, and remembering what came of it.

use secrecy::ExposeSecret;

use super::definition::{DefaultValue, find};
use super::gather::Gathered;
use super::problem::{Problem, Source};
use super::report::{Entry, Shown};

/// Turns gathered texts into values. Each setting is to be read once.
pub(super) struct Reader {
    gathered: Gathered,
    entries: Vec<Entry>,
}

impl Reader {
    pub(super) fn new(gathered: Gathered) -> Self {
        Self { gathered, entries: Vec::new() }
    }

    /// The value of a setting: what was given, or its default if that is a text. `None` if there is neither, or if
    /// the value is wrong, which becomes a problem.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let definition = find(name)?;
        let given = self.gathered.values.get(name).cloned();
        let (text, source) = match (&given, definition.default) {
            (Some(given), _) => (given.text.expose_secret(), given.source.clone()),
            _ if self.gathered.broken.contains(&name) => {
                self.entries.push(Entry { definition, shown: Shown::Invalid, source: Source::Default });
                return None;
            }
            (None, DefaultValue::Text(text)) => (text, Source::Default),
            (None, DefaultValue::Described(_)) => {
                self.entries.push(Entry { definition, shown: Shown::Unset, source: Source::Default });
                return None;
            }
        };
        let (value, shown) = match parse(text) {
            Ok(value) if definition.secret => (Some(value), Shown::Set),
            Ok(value) => (Some(value), Shown::Value(text.to_owned())),
            Err(message) => {
                let value = if definition.secret { String::new() } else { quoted(text) };
                self.gathered.problems.push(Problem::of(name, &source, format!("{message}{value}")));
                (None, Shown::Invalid)
            }
        };
        self.entries.push(Entry { definition, shown, source });
        value
    }

    /// Says what the default of a setting came out as, if nobody set it.
    pub(super) fn show_default(&mut self, name: &str, text: impl Into<String>) {
        if let Some(entry) = self.entry(name).filter(|entry| entry.shown == Shown::Unset) {
            entry.shown = Shown::Value(text.into());
        }
    }

    /// Replaces what is shown of a good value, even of a secret one: only for texts that hold no secret.
    pub(super) fn show_instead(&mut self, name: &str, text: impl Into<String>) {
        if let Some(entry) = self.entry(name) {
            entry.shown = Shown::Value(text.into());
        }
    }

    /// Whether a setting was given and is wrong.
    pub(super) fn is_wrong(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.definition.name == name && entry.shown == Shown::Invalid)
    }

    /// Adds a problem with a setting that has been read.
    pub(super) fn complain(&mut self, name: &str, message: impl Into<String>) {
        let source = self.entry(name).map_or(Source::Default, |entry| entry.source.clone());
        self.gathered.problems.push(Problem::of(name, &source, message));
    }

    /// What came of it: the settings in the order of the documentation, and the problems.
    pub(super) fn finish(mut self) -> (Vec<Entry>, Vec<Problem>) {
        self.entries.sort_by_key(Entry::position);
        (self.entries, self.gathered.problems)
    }

    fn entry(&mut self, name: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.definition.name == name)
    }
}

/// The value for the end of a sentence, unless it might be a secret in the wrong place.
fn quoted(text: &str) -> String {
    let suspicious = ["sk_", "whsec_", "BEGIN", "@"];
    if text.len() > 80 || suspicious.iter().any(|part| text.contains(part)) {
        return String::new();
    }
    format!("; it is {text:?}")
}
