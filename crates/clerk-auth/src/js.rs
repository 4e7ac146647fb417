//! How JavaScript reads numbers and truth out of what is no number: Clerk's own SDKs decide by it, so we must too.

use serde_json::Value;

/// `Number(text)`; what is no number is `NaN`.
pub(crate) fn number(text: &str) -> f64 {
    let text = text.trim_matches(is_space);
    let radix = |digits: &str, radix| {
        let all = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        if all { digits_value(digits, radix) } else { f64::NAN }
    };
    match text.as_bytes() {
        [] => 0.0,
        [b'0', b'x' | b'X', ..] => radix(text.get(2..).unwrap_or_default(), 16),
        [b'0', b'o' | b'O', ..] => radix(text.get(2..).unwrap_or_default(), 8),
        [b'0', b'b' | b'B', ..] => radix(text.get(2..).unwrap_or_default(), 2),
        _ => decimal(text),
    }
}

/// `Number.parseInt(text)`; what does not begin with a number is `NaN`.
pub(crate) fn parse_int(text: &str) -> f64 {
    let text = text.trim_start_matches(is_space);
    let (sign, text) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, text.get(1..).unwrap_or_default()),
        Some(b'+') => (1.0, text.get(1..).unwrap_or_default()),
        _ => (1.0, text),
    };
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((text, 10), |digits| (digits, 16));
    let end = digits.find(|digit: char| !digit.is_digit(radix)).unwrap_or(digits.len());
    let digits = digits.get(..end).unwrap_or_default();
    if digits.is_empty() { f64::NAN } else { sign * digits_value(digits, radix) }
}

/// What a value of JSON is worth where JavaScript wants a number.
pub(crate) fn to_number(value: Option<&Value>) -> f64 {
    match value {
        Some(Value::Number(value)) => value.as_f64().unwrap_or(f64::NAN),
        Some(Value::String(text)) => number(text),
        Some(Value::Bool(true)) => 1.0,
        Some(Value::Bool(false) | Value::Null) => 0.0,
        Some(Value::Array(items)) => match items.as_slice() {
            [] | [Value::Null] => 0.0,
            [Value::Bool(_)] => f64::NAN,
            [one] => to_number(Some(one)),
            _ => f64::NAN,
        },
        Some(Value::Object(_)) | None => f64::NAN,
    }
}

/// Whether JavaScript takes a value for true.
pub(crate) fn is_truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Number(value)) => value.as_f64().is_some_and(|value| value != 0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)) => true,
    }
}

/// A number as JavaScript prints it, as far as counters go.
pub(crate) fn print(number: f64) -> String {
    if number.is_infinite() {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}Infinity");
    }
    if number.abs() < 1e21 {
        return format!("{number}");
    }
    format!("{number:e}").replace('e', "e+").replace("e+-", "e-")
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

fn digits_value(digits: &str, radix: u32) -> f64 {
    if radix == 10 {
        return digits.parse().unwrap_or(f64::NAN);
    }
    digits
        .chars()
        .filter_map(|digit| digit.to_digit(radix))
        .fold(0.0, |value, digit| value * f64::from(radix) + f64::from(digit))
}

/// Decimal digits with a point and an exponent; Rust alone would also take `inf`, `nan` and the like.
fn decimal(text: &str) -> f64 {
    match text {
        "Infinity" | "+Infinity" => return f64::INFINITY,
        "-Infinity" => return f64::NEG_INFINITY,
        _ => {}
    }
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_numbers_as_javascript_does() {
        for (text, expected) in [
            ("3", 3.0),
            (" 3\t", 3.0),
            ("3.0", 3.0),
            ("1e1", 10.0),
            ("0x1F", 31.0),
            ("0b11", 3.0),
            ("0o17", 15.0),
            ("", 0.0),
            ("-2", -2.0),
            (".5", 0.5),
            ("Infinity", f64::INFINITY),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
        for text in ["3a", "0x", "inf", "nan", "1_000", "--1", "0x1g", "e5"] {
            assert!(number(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn reads_leading_integers_as_javascript_does() {
        for (text, expected) in
            [("12ab", 12.0), (" -7.9", -7.0), ("0x10", 16.0), ("+5", 5.0), ("1e3", 1.0), ("00012", 12.0)]
        {
            assert_eq!(parse_int(text), expected, "{text:?}");
        }
        for text in ["", "abc", "-", "0x", ".5"] {
            assert!(parse_int(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn makes_numbers_and_truth_of_values() {
        assert_eq!(to_number(Some(&json!("10"))), 10.0);
        assert_eq!(to_number(Some(&json!(true))), 1.0);
        assert_eq!(to_number(Some(&json!(null))), 0.0);
        assert_eq!(to_number(Some(&json!([5]))), 5.0);
        assert!(to_number(Some(&json!({}))).is_nan());
        assert!(to_number(None).is_nan());
        for value in [json!(0), json!(""), json!(null), json!(false)] {
            assert!(!is_truthy(Some(&value)), "{value}");
        }
        for value in [json!(-1), json!("0"), json!([]), json!({}), json!(true)] {
            assert!(is_truthy(Some(&value)), "{value}");
        }
        assert!(!is_truthy(None));
    }

    #[test]
    fn prints_counters() {
        for (value, expected) in
            [(4.0, "4"), (2.5, "2.5"), (f64::INFINITY, "Infinity"), (0.0, "0"), (1e21, "1e+21")]
        {
            assert_eq!(print(value), expected);
        }
    }
}
