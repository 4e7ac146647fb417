//! U+FFFD in the place of U+0000, for databases that cannot hold it.

/// In a text.
pub(super) fn of_text(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// In a JSON document, where it is written `\u0000`.
pub(super) fn of_json(json: String) -> String {
    if !json.contains("\\u0000") {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = if escape.starts_with("\\u") { 6 } else { 2 };
        let (escape, behind) = escape.split_at(length.min(escape.len()));
        out.push_str(if escape == "\\u0000" { "\u{fffd}" } else { escape });
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_escapes_are_replaced_and_escaped_backslashes_are_not() {
        let json = of_json(r#"{"a":"x\u0000y\\u0000\n\u0041"}"#.to_owned());
        assert_eq!(json, "{\"a\":\"x\u{fffd}y\\\\u0000\\n\\u0041\"}");
        assert_eq!(of_text("a\0b".to_owned()), "a\u{fffd}b");
    }
}
