//! Moments in columns that have no type for them.

use crate::mapping::{MomentFormat, Value, iso_text};
use time::{PrimitiveDateTime, format_description::well_known::Iso8601};

/// A moment as a number.
pub(super) fn number_of(value: &Value, format: MomentFormat) -> Option<i64> {
    let Value::Timestamp(ms) = value else { return None };
    Some(if format == MomentFormat::Seconds { ms.div_euclid(1_000) } else { *ms })
}

/// A moment as a text.
pub(super) fn text_of(value: &Value, format: MomentFormat) -> Option<String> {
    let Value::Timestamp(ms) = value else { return None };
    let text = iso_text(*ms)?;
    Some(if format == MomentFormat::Sql { text.replace('T', " ").replace('Z', "") } else { text })
}

/// A moment read back from a number.
pub(super) fn from_number(number: i64, format: MomentFormat) -> Value {
    match format {
        MomentFormat::Seconds => number.checked_mul(1_000).map_or(Value::Integer(number), Value::Timestamp),
        _ => Value::Timestamp(number),
    }
}

/// A moment read back from a text, in UTC where it names no zone. What is no moment stays a text: it differs from every
/// moment, and so is written anew.
pub(super) fn from_text(text: &str) -> Value {
    let iso = text.replacen(' ', "T", 1);
    let moment = time::OffsetDateTime::parse(&iso, &Iso8601::PARSING)
        .or_else(|_| PrimitiveDateTime::parse(&iso, &Iso8601::PARSING).map(PrimitiveDateTime::assume_utc));
    let ms = moment.ok().map(|moment| moment.unix_timestamp_nanos().div_euclid(1_000_000));
    ms.and_then(|ms| i64::try_from(ms).ok()).map_or_else(|| Value::Text(text.to_owned()), Value::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MS: i64 = 1_767_312_000_555;

    #[rstest]
    #[case(MomentFormat::Milliseconds, MS, MS)]
    #[case(MomentFormat::Seconds, 1_767_312_000, 1_767_312_000_000)]
    fn numbers_read_back(#[case] format: MomentFormat, #[case] written: i64, #[case] read: i64) {
        assert_eq!(number_of(&Value::Timestamp(MS), format), Some(written));
        assert_eq!(from_number(written, format), Value::Timestamp(read));
    }

    #[rstest]
    #[case(MomentFormat::Iso, "2026-01-02T00:00:00.555Z")]
    #[case(MomentFormat::Sql, "2026-01-02 00:00:00.555")]
    fn texts_read_back(#[case] format: MomentFormat, #[case] written: &str) {
        assert_eq!(text_of(&Value::Timestamp(MS), format).as_deref(), Some(written));
        assert_eq!(from_text(written), Value::Timestamp(MS));
    }

    #[rstest]
    #[case("2026-01-02T02:00:00.555+02:00", Some(MS))]
    #[case("2026-01-02 00:00:00.555123", Some(MS))]
    #[case("2026-01-02 00:00:00", Some(MS - 555))]
    #[case("yesterday", None)]
    #[case("", None)]
    fn other_texts_are_read_as_people_write_them(#[case] text: &str, #[case] ms: Option<i64>) {
        let expected = ms.map_or_else(|| Value::Text(text.to_owned()), Value::Timestamp);
        assert_eq!(from_text(text), expected);
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(number_of(&Value::Null, MomentFormat::Seconds), None);
        assert_eq!(text_of(&Value::Null, MomentFormat::Iso), None);
    }
}
