//! What can be typed: texts, JSON and exit codes.

mod dead_letters;
mod local;
mod looking;
mod schema;
mod settings;
mod sync;

use std::borrow::Cow;

/// Replaces what differs from run to run: moments, addresses, paths.
fn redacted(text: &str, values: &[(&str, &str)]) -> String {
    let mut text = Cow::Borrowed(text);
    for (value, name) in values {
        text = text.replace(value, name).into();
    }
    let mut shown = String::new();
    let mut rest: &str = &text;
    // 2026-01-02 03:04:05 UTC
    while let Some(at) = rest.find(" UTC") {
        let start = at.checked_sub(19).filter(|start| rest[*start..at].starts_with("20")).unwrap_or(at);
        shown.push_str(&rest[..start]);
        shown.push_str(if start < at { "<moment>" } else { " UTC" });
        rest = &rest[at + " UTC".len()..];
    }
    shown.push_str(rest);
    shown.trim_end().to_owned()
}

/// A JSON answer in which the values under these names are only known to be numbers or texts.
fn with_any(mut json: serde_json::Value, names: &[&str]) -> serde_json::Value {
    for name in names {
        let value = json.get_mut(*name).unwrap_or_else(|| panic!("no {name}"));
        let kind = match value {
            serde_json::Value::Number(_) => "<number>",
            serde_json::Value::String(_) => "<text>",
            _ => panic!("{name} is {value}"),
        };
        *value = kind.into();
    }
    json
}
