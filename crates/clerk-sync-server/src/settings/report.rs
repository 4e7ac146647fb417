//! `config check` and `config print`.

use serde_json::{Value, json};

use super::Loaded;
use super::definition::{DEFINITIONS, Definition};
use super::problem::Source;

/// One setting as it came out.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is.
    pub definition: &'static Definition,
    /// What may be shown of its value.
    pub shown: Shown,
    /// Where the value came from.
    pub source: Source,
}

/// What may be shown of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The value.
    Value(String),
    /// A secret: only that it is there.
    Set,
    /// There is none.
    Unset,
    /// It is wrong; the problems say how.
    Invalid,
}

impl Entry {
    pub(super) fn position(&self) -> usize {
        DEFINITIONS
            .iter()
            .position(|definition| definition.name == self.definition.name)
            .unwrap_or(usize::MAX)
    }
}

impl Shown {
    /// For `config print`.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Value(text) => text,
            Self::Set => "(set)",
            Self::Unset => "(not set)",
            Self::Invalid => "(invalid)",
        }
    }
}

/// A line of `config check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// The setting.
    pub setting: &'static str,
    /// Where its value came from.
    pub source: Source,
    /// How it is.
    pub state: CheckState,
}

/// How a setting is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckState {
    /// Set and good, or a default.
    Ok,
    /// Nobody set it, and there is no default.
    NotSet,
    /// Wrong.
    Problem(String),
}

impl Loaded {
    /// A line for every setting.
    #[must_use]
    pub fn check_lines(&self) -> Vec<CheckLine> {
        self.entries.iter().map(|entry| self.check_line(entry)).collect()
    }

    fn check_line(&self, entry: &Entry) -> CheckLine {
        let name = entry.definition.name;
        let problem = self.problems.iter().find(|problem| problem.setting.as_deref() == Some(name));
        let state = match (problem, &entry.shown) {
            (Some(problem), _) => CheckState::Problem(problem.to_string()),
            (None, Shown::Unset) => CheckState::NotSet,
            _ => CheckState::Ok,
        };
        // A value that could not even be read has no entry of its own; its problem knows the source.
        let source =
            problem.and_then(|problem| problem.source.clone()).unwrap_or_else(|| entry.source.clone());
        CheckLine { setting: name, source, state }
    }

    /// `config check` as text: what was set, one line each, then every problem in full.
    #[must_use]
    pub fn check_text(&self) -> String {
        let lines: Vec<CheckLine> =
            self.check_lines().into_iter().filter(|line| line.source != Source::Default).collect();
        let width = lines.iter().map(|line| line.setting.len()).max().unwrap_or_default();
        let mut text = String::new();
        for CheckLine { setting, source, state } in &lines {
            let state = match state {
                CheckState::Ok | CheckState::NotSet => "ok".to_owned(),
                CheckState::Problem(_) => "wrong, see below".to_owned(),
            };
            text.push_str(&format!("{setting:width$}  {state} ({})\n", source.beside(setting)));
        }
        if let Some(path) = &self.users.path {
            text.push_str(&format!("{:width$}  read ({})\n", "[users]", path.display()));
        }
        text.push_str(&format!(
            "All other settings have their defaults ({}).\n",
            DEFINITIONS.len() - lines.len()
        ));
        for note in &self.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        for problem in &self.problems {
            text.push_str(&format!("problem: {problem}\n"));
        }
        text
    }

    /// `config check --json`.
    #[must_use]
    pub fn check_json(&self) -> Value {
        let settings: Vec<Value> = self
            .check_lines()
            .iter()
            .map(|line| {
                let (state, detail) = match &line.state {
                    CheckState::Ok => ("ok", None),
                    CheckState::NotSet => ("not_set", None),
                    CheckState::Problem(problem) => ("problem", Some(problem.clone())),
                };
                json!({
                    "setting": line.setting,
                    "source": line.source.beside(line.setting),
                    "state": state,
                    "detail": detail,
                })
            })
            .collect();
        let problems: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        json!({ "ok": problems.is_empty(), "settings": settings, "problems": problems, "notes": self.notes })
    }

    /// `config print`: every setting with its value and source, secrets as `(set)`.
    #[must_use]
    pub fn print_text(&self) -> String {
        let width = DEFINITIONS.iter().map(|definition| definition.name.len()).max().unwrap_or_default();
        let mut text = String::new();
        for entry in &self.entries {
            let name = entry.definition.name;
            text.push_str(&format!("{name:width$} = {}", entry.shown.text()));
            if entry.shown != Shown::Unset {
                text.push_str(&format!("  ({})", entry.source.beside(name)));
            }
            text.push('\n');
        }
        text.push_str(&super::example::users_section(&self.users));
        text
    }

    /// `config print --json`.
    #[must_use]
    pub fn print_json(&self) -> Value {
        let settings: Vec<Value> = self
            .entries
            .iter()
            .map(|entry| {
                let value = match &entry.shown {
                    Shown::Value(text) => Some(text),
                    _ => None,
                };
                json!({
                    "name": entry.definition.name,
                    "value": value,
                    "set": !matches!(entry.shown, Shown::Unset),
                    "valid": !matches!(entry.shown, Shown::Invalid),
                    "secret": entry.definition.secret,
                    "source": entry.source.beside(entry.definition.name),
                })
            })
            .collect();
        json!({ "settings": settings, "users": users_json(&self.users) })
    }
}

fn users_json(users: &super::UsersConfig) -> Value {
    let columns = users.columns.as_ref().map(|columns| {
        let column = |column: &super::ColumnConfig| {
            let mut fields = column.content.fields();
            fields.insert("name".to_owned(), json!(column.name));
            Value::from(fields)
        };
        columns.iter().map(column).collect::<Vec<_>>()
    });
    json!({
        "table": users.table,
        "create": users.create,
        "on_delete": users.on_delete.as_str(),
        "on_delete_refused": users.on_delete_refused.map(super::OnDelete::as_str),
        "delete_after": users.delete_after.map(|after| super::values::write_duration(Some(after))),
        "deleted_at": users.deleted_at,
        "anonymize": users.anonymize.iter().map(|one| (one.column.clone(), one.value.to_json())).collect::<serde_json::Map<_, _>>(),
        "link": users.link.map(clerk_sync::mapping::LinkBy::name),
        "link_column": users.link_column,
        "allow": users.allow.iter().map(|allow| allow.as_str()).collect::<Vec<_>>(),
        "columns": columns,
        "claims": users.claims.iter().map(|claim| json!({ "column": claim.column, "claim": claim.claim })).collect::<Vec<_>>(),
    })
}
