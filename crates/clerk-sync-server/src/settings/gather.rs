//! Which source speaks for each setting: flags before environment before file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::definition::{DEFINITIONS, Definition};
use super::file;
use super::nearest::suggestion;
use super::problem::{Problem, Source};
use super::sources::Sources;
use super::users::UsersConfig;

/// A setting that somebody set.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// Its value, which may be a secret whatever setting it is for: people paste into the wrong line.
    pub(super) text: SecretString,
    /// Where it came from.
    pub(super) source: Source,
}

/// Everything that was set, not yet looked at.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) values: BTreeMap<&'static str, Given>,
    /// Settings whose value is known to be wrong before anybody looks at it: they stay unset.
    pub(super) broken: Vec<&'static str>,
    pub(super) users: UsersConfig,
    pub(super) problems: Vec<Problem>,
}

/// The name under which Next.js apps already have the publishable key.
const PUBLISHABLE_KEY_ALIAS: &str = "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY";

/// The longest file that is read for a secret.
const SECRET_FILE_BYTES: u64 = 64 * 1024;

/// One source's answer: the value itself, and the file with the value.
type Pair<'a> = (Option<(&'a str, Source)>, Option<(&'a str, Source)>);

/// Collects what the sources say.
pub(super) fn gather(sources: &Sources) -> Gathered {
    let mut gathered = Gathered::default();
    let parsed =
        sources.file.as_ref().map(|text| file::parse(text, &mut gathered.problems)).unwrap_or_default();
    gathered.users = parsed.users.unwrap_or_default();
    refuse_unknown_variables(sources, &mut gathered.problems);
    for definition in DEFINITIONS {
        let from_flag = (flag(sources, definition), None);
        let from_environment = environment(sources, definition);
        let from_file = in_file(&parsed.values, definition);
        for answer in [from_flag, from_environment, from_file] {
            if gathered.take(definition, answer) {
                break;
            }
        }
    }
    gathered
}

impl Gathered {
    /// Takes a source's answer; whether it had one.
    fn take(&mut self, definition: &'static Definition, answer: Pair<'_>) -> bool {
        let given = match answer {
            (None, None) => return false,
            (Some((_, source)), Some((_, file_source))) => {
                let message = format!("is set twice, as itself and as {file_source}: keep one");
                Err(Problem::of(definition.name, &source, message))
            }
            (Some((text, source)), None) => Ok(Given { text: SecretString::from(text), source }),
            (None, Some((path, source))) => read_secret(definition, path, source),
        };
        match given {
            Ok(given) => {
                self.values.insert(definition.name, given);
            }
            Err(problem) => {
                self.broken.push(definition.name);
                self.problems.push(problem);
            }
        }
        true
    }
}

/// An empty value counts as none: that is how compose files and CI pass on what is not set.
fn non_empty(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty()).then_some(text)
}

fn flag<'a>(sources: &'a Sources, definition: &Definition) -> Option<(&'a str, Source)> {
    let (_, text) = sources.flags.iter().rev().find(|(name, _)| *name == definition.name)?;
    Some((non_empty(text)?, Source::Flag(definition.flag()?.to_owned())))
}

fn environment<'a>(sources: &'a Sources, definition: &Definition) -> Pair<'a> {
    let variable = |name: &str| {
        let (name, text) = sources.environment.iter().find(|(variable, _)| variable == name)?;
        Some((non_empty(text)?, Source::Environment(name.clone())))
    };
    let mut value = variable(definition.name);
    if value.is_none() && definition.name == "CLERK_PUBLISHABLE_KEY" {
        value = variable(PUBLISHABLE_KEY_ALIAS);
    }
    (value, definition.file_name().and_then(|name| variable(&name)))
}

fn in_file<'a>(values: &'a [file::FileValue], definition: &Definition) -> Pair<'a> {
    let entry = |name: &str| {
        let value = values.iter().find(|value| value.name == name)?;
        Some((non_empty(&value.text)?, value.source.clone()))
    };
    (entry(definition.name), definition.file_name().and_then(|name| entry(&name)))
}

fn read_secret(definition: &Definition, path: &str, named_by: Source) -> Result<Given, Problem> {
    let path = PathBuf::from(path);
    let source = Source::SecretFile { path: path.clone(), named_by: Box::new(named_by) };
    let text = read_small(&path).map_err(|message| Problem::of(definition.name, &source, message))?;
    match non_empty(&text) {
        Some(text) => Ok(Given { text: SecretString::from(text), source }),
        None => Err(Problem::of(definition.name, &source, "is empty: write the secret into the file")),
    }
}

fn read_small(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if metadata.is_dir() || metadata.len() > SECRET_FILE_BYTES {
        return Err("must be a file of at most 64 KiB".to_owned());
    }
    std::fs::read_to_string(path).map_err(cannot)
}

/// Variables that begin like ours and are none are mistyped. Other `CLERK_*` belong to the app's SDKs.
fn refuse_unknown_variables(sources: &Sources, problems: &mut Vec<Problem>) {
    for (name, text) in &sources.environment {
        if !name.starts_with("CLERK_SYNC_") || non_empty(text).is_none() || file::known(name).is_some() {
            continue;
        }
        let not_secret = name.strip_suffix("_FILE").and_then(super::definition::find);
        let hint = match not_secret {
            Some(definition) => format!(": {} is no secret and has no _FILE form", definition.name),
            None => {
                let names = DEFINITIONS.iter().map(|definition| definition.name);
                suggestion(name, names, "remove it, or see `clerk-sync config example`")
            }
        };
        let shown: String = name.chars().take(64).collect();
        problems.push(Problem {
            setting: None,
            source: None,
            message: format!("unknown variable {shown:?}{hint}"),
        });
    }
    problems.sort_by_key(|problem| problem.source.is_none());
}
