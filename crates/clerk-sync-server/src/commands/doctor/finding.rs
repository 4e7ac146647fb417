//! One line of the answer.

use serde_json::{Value, json};
use std::fmt;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Worth knowing; may well be meant so.
    Note,
    /// Something does not work.
    Problem,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

/// What a check found. Holds no secret and no person's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    check: &'static str,
    state: State,
    found: String,
    todo: String,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, State::Ok, found, "")
    }

    pub(super) fn note(check: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(check, State::Note, found, todo)
    }

    pub(super) fn problem(check: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(check, State::Problem, found, todo)
    }

    fn new(check: &'static str, state: State, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, state, found: one_line(&found.into()), todo: one_line(&todo.into()) }
    }

    pub(super) fn is_problem(&self) -> bool {
        self.state == State::Problem
    }

    /// Its keys are stable.
    pub(super) fn json(&self) -> Value {
        let todo = (!self.todo.is_empty()).then_some(&self.todo);
        json!({"check": self.check, "state": self.state.as_str(), "found": self.found, "todo": todo})
    }
}

/// What others send may hold anything: an answer stays one line, and does nothing to a terminal.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim().to_owned()
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<9}{:<18}{}", self.state.as_str(), self.check, self.found)?;
        if self.todo.is_empty() { Ok(()) } else { write!(out, " -> {}", self.todo) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let finding = Finding::problem("clock", "wrong\nby\u{1b}[1m much", "set it");
        assert_eq!(finding.to_string(), "problem  clock             wrong by [1m much -> set it");
        assert_eq!(Finding::ok("clock", "right").json()["todo"], Value::Null);
    }
}
