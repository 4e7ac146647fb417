//! JSON read no deeper than needed: raw slices, single fields, canonical text.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// How deep a captured document may nest. Clerk's metadata documents have at most 8 KB.
const MAX_DEPTH: usize = 128;

/// Why a JSON value could not be used. Says nothing of the value itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not valid JSON: a broken escape or a lone surrogate.
    #[error("it is not valid JSON text")]
    Invalid,
    /// Nested deeper than 128 levels.
    #[error("it nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// The text of a JSON string; `None` for any other value.
pub(crate) fn string(raw: &RawValue) -> Result<Option<Cow<'_, str>>, JsonError> {
    let text = raw.get();
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return Ok(None) };
    if !inner.contains('\\') {
        return Ok(Some(Cow::Borrowed(inner)));
    }
    serde_json::from_str(text).map(|text| Some(Cow::Owned(text))).map_err(|_| JsonError::Invalid)
}

/// A whole number; also one written with a fraction of zero or an exponent. `None` for anything else.
pub(crate) fn integer(raw: &RawValue) -> Option<i64> {
    let text = raw.get();
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = serde_json::from_str(text).ok()?;
    // Beyond 2^53 a float no longer says which integer was meant.
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    exact.then_some(number as i64)
}

/// Captures the wanted fields of an object and skips everything else, however broken.
pub(crate) struct FieldsSeed<'a, S> {
    /// Names of the wanted fields.
    pub wanted: &'a [S],
}

/// The captured fields, by position in `wanted`; the last of a repeated name. `None` if it was no object.
pub(crate) type Fields<'de> = Option<Vec<Option<&'de RawValue>>>;

impl<'de, S: AsRef<str>> DeserializeSeed<'de> for FieldsSeed<'_, S> {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Visits of values that have no fields.
macro_rules! no_object {
    ($($visit:ident($($value:ty)?)),+) => {
        $(fn $visit<E>(self, $(_: $value)?) -> Result<Self::Value, E> { Ok(None) })+
    };
}

impl<'de, S: AsRef<str>> Visitor<'de> for FieldsSeed<'_, S> {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = vec![None; self.wanted.len()];
        while let Some(position) = map.next_key_seed(Position { wanted: self.wanted })? {
            match position.and_then(|position| fields.get_mut(position)) {
                Some(field) => *field = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    no_object! { visit_str(&str), visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_unit() }
}

/// Finds a key among the wanted names without allocating.
pub(crate) struct Position<'a, S> {
    pub wanted: &'a [S],
}

impl<'de, S: AsRef<str>> DeserializeSeed<'de> for Position<'_, S> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<S: AsRef<str>> Visitor<'_> for Position<'_, S> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.wanted.iter().position(|name| name.as_ref().as_bytes() == key))
    }
}

/// The wanted fields of `text`, itself a JSON document.
pub(crate) fn fields<'de, S: AsRef<str>>(bytes: &'de [u8], wanted: &[S]) -> Result<Fields<'de>, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let fields = FieldsSeed { wanted }.deserialize(&mut deserializer).map_err(|_| JsonError::Invalid)?;
    deserializer.end().map_err(|_| JsonError::Invalid)?;
    Ok(fields)
}

/// Reads the wanted fields of each element of an array, one after the other.
pub(crate) fn each_of_array<'de, S: AsRef<str>, T>(
    bytes: &'de [u8],
    wanted: &[S],
    read: impl FnMut(Fields<'de>) -> T,
) -> Result<Vec<T>, JsonError> {
    struct Elements<'a, S, F> {
        wanted: &'a [S],
        read: F,
    }

    impl<'de, S: AsRef<str>, T, F: FnMut(Fields<'de>) -> T> Visitor<'de> for Elements<'_, S, F> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(fields) = seq.next_element_seed(FieldsSeed { wanted: self.wanted })? {
                all.push((self.read)(fields));
            }
            Ok(all)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let all = deserializer.deserialize_seq(Elements { wanted, read }).map_err(|_| JsonError::Invalid)?;
    deserializer.end().map_err(|_| JsonError::Invalid)?;
    Ok(all)
}

/// The elements of an array; `None` for any other value.
pub(crate) fn elements(raw: &RawValue) -> Result<Option<Vec<&RawValue>>, JsonError> {
    if !raw.get().starts_with('[') {
        return Ok(None);
    }
    serde_json::from_str(raw.get()).map(Some).map_err(|_| JsonError::Invalid)
}

/// Follows `path` from `raw` through objects by name and arrays by position. `None` where it ends early.
pub(crate) fn follow<'a>(raw: &'a RawValue, path: &[String]) -> Result<Option<&'a RawValue>, JsonError> {
    let mut current = raw;
    for segment in path {
        let next = match elements(current)? {
            Some(elements) => segment.parse::<usize>().ok().and_then(|i| elements.get(i).copied()),
            None => {
                fields(current.get().as_bytes(), &[segment])?.and_then(|fields| fields.first().copied()?)
            }
        };
        match next {
            Some(value) => current = value,
            None => return Ok(None),
        }
    }
    Ok(Some(current))
}

/// Writes `raw` without white space and with object keys in byte order. Numbers keep their spelling, so that no
/// digit is lost. Fields named in `drop` are left out at every depth.
pub(crate) fn canonical(raw: &RawValue, drop: &[&str]) -> Result<String, JsonError> {
    let mut out = String::with_capacity(raw.get().len());
    write_canonical(raw, drop, 0, &mut out)?;
    Ok(out)
}

/// [`canonical`] of a text from a database.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(crate) fn canonical_json(text: &str) -> Result<String, JsonError> {
    canonical(serde_json::from_str(text).map_err(|_| JsonError::Invalid)?, &[])
}

fn write_canonical(raw: &RawValue, drop: &[&str], depth: usize, out: &mut String) -> Result<(), JsonError> {
    if depth > MAX_DEPTH {
        return Err(JsonError::TooDeep);
    }
    if let Some(elements) = elements(raw)? {
        out.push('[');
        for (i, element) in elements.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_canonical(element, drop, depth + 1, out)?;
        }
        out.push(']');
    } else if raw.get().starts_with('{') {
        let fields: Object<'_> = serde_json::from_str(raw.get()).map_err(|_| JsonError::Invalid)?;
        out.push('{');
        let kept = fields.0.iter().filter(|(name, _)| !drop.contains(&name.as_str()));
        for (i, (name, value)) in kept.enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_string(name, out)?;
            out.push(':');
            write_canonical(value, drop, depth + 1, out)?;
        }
        out.push('}');
    } else if let Some(text) = string(raw)? {
        write_string(&text, out)?;
    } else {
        out.push_str(raw.get());
    }
    Ok(())
}

fn write_string(text: &str, out: &mut String) -> Result<(), JsonError> {
    out.push_str(&serde_json::to_string(text).map_err(|_| JsonError::Invalid)?);
    Ok(())
}

#[derive(Deserialize)]
struct Object<'a>(#[serde(borrow)] BTreeMap<String, &'a RawValue>);

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde::de::value::{self, BoolDeserializer, BytesDeserializer};

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).expect("JSON")
    }

    #[rstest]
    #[case(
        r#" {"b":1, "a" : [ 1.50 , 9007199254740993, 1e2, null,true ] } "#,
        r#"{"a":[1.50,9007199254740993,1e2,null,true],"b":1}"#
    )]
    #[case(r#"{"a":1,"a":2}"#, r#"{"a":2}"#)]
    #[case(r#""\u0041\u2028\u0000\/""#, "\"A\u{2028}\\u0000/\"")]
    #[case(r#"{"x":{"private":{"y":1},"z":[{"private":1,"w":2}]}}"#, r#"{"x":{"z":[{"w":2}]}}"#)]
    #[case("123456789012345678901234567890", "123456789012345678901234567890")]
    fn canonical_text_is_one_for_equal_documents(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(canonical(raw(text.trim()), &["private"]).as_deref(), Ok(expected));
        assert_eq!(canonical(raw(expected), &["private"]).as_deref(), Ok(expected));
    }

    #[test]
    fn deep_documents_are_refused_and_moderate_ones_are_not() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(canonical(raw(&nested(128)), &[]).as_deref(), Ok(nested(128).as_str()));
        assert_eq!(canonical(raw(&nested(129)), &[]), Err(JsonError::TooDeep));
        let named = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert_eq!(canonical(raw(&named(128)), &[]).as_deref(), Ok(named(128).as_str()));
        assert_eq!(canonical(raw(&named(129)), &[]), Err(JsonError::TooDeep));
    }

    #[test]
    #[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
    fn a_databases_spelling_does_not_matter() {
        assert_eq!(canonical_json(r#" {"b": 1, "a": [ ]}"#).as_deref(), Ok(r#"{"a":[],"b":1}"#));
        assert_eq!(canonical_json("{").map(|_| ()), Err(JsonError::Invalid));
    }

    #[test]
    fn what_no_json_can_hold_is_refused_with_what_was_expected() {
        let bytes = BytesDeserializer::<value::Error>::new(b"a");
        let refused = FieldsSeed { wanted: &["a"] }.deserialize(bytes).expect_err("no JSON");
        assert_eq!(refused.to_string(), "invalid type: byte array, expected any JSON");
        let truth = BoolDeserializer::<value::Error>::new(true);
        let refused = Position { wanted: &["a"] }.deserialize(truth).expect_err("no key");
        assert_eq!(refused.to_string(), "invalid type: boolean `true`, expected a key");
    }

    #[rstest]
    #[case("12", Some(12))]
    #[case("-9223372036854775808", Some(i64::MIN))]
    #[case("9223372036854775808", None)]
    #[case("1.0", Some(1))]
    #[case("1e3", Some(1000))]
    #[case("1.5", None)]
    #[case("9007199254740992.0", Some(9_007_199_254_740_992))]
    #[case("-9007199254740992.0", Some(-9_007_199_254_740_992))]
    #[case("9007199254740994.0", None)]
    #[case("\"1\"", None)]
    #[case("null", None)]
    fn integers_are_exact_or_nothing(#[case] text: &str, #[case] expected: Option<i64>) {
        assert_eq!(integer(raw(text)), expected);
    }

    #[test]
    fn strings_are_borrowed_unless_escaped() {
        assert!(matches!(string(raw("\"plain\"")), Ok(Some(Cow::Borrowed("plain")))));
        assert_eq!(string(raw(r#""a\nb""#)), Ok(Some(Cow::Owned("a\nb".to_owned()))));
        assert_eq!(string(raw("1")), Ok(None));
        assert_eq!(string(raw(r#""\ud800""#)), Err(JsonError::Invalid));
    }

    #[rstest]
    #[case(r#"{"a":{"b":[10,{"c":"x"}]}}"#, &["a", "b", "1", "c"], Some("\"x\""))]
    #[case(r#"{"a":{"b":[10]}}"#, &["a", "b", "7"], None)]
    #[case(r#"{"a":{"b":[10]}}"#, &["a", "b", "x"], None)]
    #[case(r#"{"a":1}"#, &["a", "b"], None)]
    #[case(r#"{"a":1}"#, &["b"], None)]
    #[case(r#"{"1":"by name"}"#, &["1"], Some("\"by name\""))]
    fn paths_lead_through_objects_and_arrays(
        #[case] text: &str,
        #[case] path: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let path: Vec<String> = path.iter().map(|&s| s.to_owned()).collect();
        assert_eq!(follow(raw(text), &path).expect("valid").map(RawValue::get), expected);
    }

    #[rstest]
    #[case("[1]")]
    #[case("\"a\"")]
    #[case("true")]
    #[case("1")]
    #[case("-1")]
    #[case("1.5")]
    #[case("null")]
    fn what_is_no_object_has_no_fields(#[case] text: &str) {
        assert_eq!(fields(text.as_bytes(), &["a"]).map(|fields| fields.is_none()), Ok(true));
    }

    #[rstest]
    #[case(br#"{"a":1,"b":"\ud800"}"#)]
    #[case(b"{\"a\":1,\"b\":\"\xff\xfe\"}")]
    #[case(br#"{"b":1e999,"a":1}"#)]
    #[case(br#"{"b":[[{"a":2}]],"a":9,"a":1}"#)]
    #[case(b"{\"\xff\":0,\"a\":1}")]
    fn nothing_unwanted_can_break_it(#[case] bytes: &[u8]) {
        let fields = fields(bytes, &["a"]).expect("readable").expect("an object");
        assert_eq!(fields[0].map(RawValue::get), Some("1"));
    }

    #[rstest]
    #[case(b"{\"a\":1")]
    #[case(b"{\"a\":1} x")]
    #[case(b"")]
    #[case(b"{\"a\":\"\xff\"}")]
    fn broken_documents_and_wanted_fields_are_errors(#[case] bytes: &[u8]) {
        assert_eq!(fields(bytes, &["a"]).map(|_| ()), Err(JsonError::Invalid));
    }
}
