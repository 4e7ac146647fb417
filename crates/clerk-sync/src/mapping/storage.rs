//! What a column of the table can hold of a value. What does not fit is cut or refused before anything is digested, so
//! that what is written reads back as the same.

use super::{FieldError, Kind, Value, without_nul};

/// What becomes of a text that is too long for its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Overflow {
    /// The user cannot be stored, which is said with the column's name.
    #[default]
    Error,
    /// Its end is cut off, between two characters.
    Truncate,
}

/// How moments are written into a column that has no type for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MomentFormat {
    /// Unix milliseconds.
    Milliseconds,
    /// Unix seconds. What is less than a second is cut off.
    Seconds,
    /// `2026-01-01T00:00:00.000Z`.
    Iso,
    /// `2026-01-01 00:00:00.000`, in UTC.
    Sql,
}

impl MomentFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Milliseconds, Self::Seconds, Self::Iso, Self::Sql];

    /// The name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Iso => "iso",
            Self::Sql => "sql",
        }
    }

    /// Whether it is a number.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Milliseconds | Self::Seconds)
    }
}

/// How a column holds its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Text.
    Text {
        /// The most characters; `None` where there is no limit worth knowing.
        chars: Option<u32>,
        /// The most bytes of UTF-8.
        bytes: Option<u32>,
        /// Whether the type does not tell spaces at its end from none.
        padded: bool,
        /// Whether U+0000 can be stored; otherwise U+FFFD stands for it.
        nul: bool,
    },
    /// A UUID in a type of its own: written in small letters with hyphens.
    Uuid,
    /// A whole number from `min` to `max`.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A boolean in a type of its own, or as 0 or 1.
    Boolean {
        /// Whether the type is the database's own.
        native: bool,
    },
    /// A moment in a type of its own.
    Moment {
        /// Whether the type knows a time zone; otherwise it holds UTC.
        zoned: bool,
        /// The shortest time between two moments that it tells apart, ms.
        step_ms: i64,
    },
    /// A moment in another type.
    Formatted(MomentFormat),
    /// A document, in a type of its own or as text.
    Json {
        /// Whether the type is the database's own.
        native: bool,
        /// See [`Storage::Text`].
        nul: bool,
    },
}

impl Storage {
    /// What holds every value of a kind.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text { chars: None, bytes: None, padded: false, nul: true },
            Kind::Integer => Self::Integer { min: i64::MIN, max: i64::MAX },
            Kind::Boolean => Self::Boolean { native: true },
            Kind::Timestamp => Self::Moment { zoned: true, step_ms: 1 },
            Kind::Json => Self::Json { native: true, nul: true },
        }
    }

    /// What of it changes values before they are written; `None` where it takes them as they are, or refuses them.
    pub(super) fn narrows(self, overflow: Overflow) -> Option<String> {
        match self {
            Self::Text { padded: true, chars, .. } => Some(format!("padded {chars:?}")),
            Self::Text { chars: None, bytes: None, .. } => None,
            Self::Text { chars, bytes, .. } => {
                (overflow == Overflow::Truncate).then(|| format!("text {chars:?} {bytes:?}"))
            }
            Self::Uuid => Some("uuid".to_owned()),
            Self::Integer { .. } | Self::Boolean { .. } | Self::Json { .. } => None,
            Self::Moment { step_ms: 1, .. } => None,
            Self::Moment { step_ms, .. } => Some(format!("moment {step_ms}")),
            Self::Formatted(MomentFormat::Seconds) => Some("moment 1000".to_owned()),
            Self::Formatted(_) => None,
        }
    }

    /// The value as this column holds it.
    ///
    /// # Errors
    /// Where the column cannot hold it.
    pub fn fit(self, value: Value, overflow: Overflow) -> Result<Value, FieldError> {
        match (self, value) {
            (Self::Text { chars, bytes, padded, nul }, Value::Text(text)) => {
                let mut text = if nul { text } else { without_nul::of_text(text) };
                if padded {
                    text.truncate(text.trim_end_matches(' ').len());
                }
                let mut text = fit_text(text, chars, bytes, overflow)?;
                if padded {
                    text.truncate(text.trim_end_matches(' ').len());
                }
                Ok(Value::Text(text))
            }
            (Self::Uuid, Value::Text(text)) => uuid(&text).map(Value::Text).ok_or(FieldError::NotUuid),
            (Self::Integer { min, max }, Value::Integer(number)) if !(min..=max).contains(&number) => {
                Err(FieldError::OutOfRange { min, max })
            }
            (Self::Moment { step_ms, .. }, Value::Timestamp(ms)) => Ok(Value::Timestamp(floor(ms, step_ms))),
            (Self::Formatted(MomentFormat::Seconds), Value::Timestamp(ms)) => {
                Ok(Value::Timestamp(floor(ms, 1_000)))
            }
            (Self::Json { nul: false, .. }, Value::Json(json)) => Ok(Value::Json(without_nul::of_json(json))),
            (_, value) => Ok(value),
        }
    }
}

fn floor(ms: i64, step_ms: i64) -> i64 {
    ms - ms.rem_euclid(step_ms.max(1))
}

fn fit_text(
    mut text: String,
    chars: Option<u32>,
    bytes: Option<u32>,
    overflow: Overflow,
) -> Result<String, FieldError> {
    let end_of_chars = chars
        .and_then(|chars| text.char_indices().nth(chars as usize).map(|(end, _)| (end, chars, "characters")));
    let end_of_bytes = bytes
        .filter(|bytes| text.len() > *bytes as usize)
        .map(|bytes| (text.floor_char_boundary(bytes as usize), bytes, "bytes"));
    let Some((end, limit, unit)) =
        [end_of_chars, end_of_bytes].into_iter().flatten().min_by_key(|(end, ..)| *end)
    else {
        return Ok(text);
    };
    match overflow {
        Overflow::Error => Err(FieldError::TooLong { limit, unit }),
        Overflow::Truncate => {
            text.truncate(end);
            Ok(text)
        }
    }
}

/// A UUID as databases write it back.
fn uuid(text: &str) -> Option<String> {
    uuid::Uuid::try_parse(text).ok().map(|uuid| uuid.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn text(chars: Option<u32>, bytes: Option<u32>) -> Storage {
        Storage::Text { chars, bytes, padded: false, nul: true }
    }

    #[rstest]
    #[case(text(None, None), "any length", Some("any length"))]
    #[case(text(Some(4), None), "four", Some("four"))]
    #[case(text(Some(3), None), "four", None)]
    #[case(text(Some(2), None), "äöü", None)]
    #[case(text(Some(3), Some(6)), "äöü", Some("äöü"))]
    #[case(text(Some(3), Some(5)), "äöü", None)]
    #[case(
        Storage::Uuid,
        "0193e4d0-7a3b-7c00-8000-0123456789AB",
        Some("0193e4d0-7a3b-7c00-8000-0123456789ab")
    )]
    #[case(Storage::Uuid, "no uuid", None)]
    fn text_fits_or_is_refused(#[case] storage: Storage, #[case] value: &str, #[case] fitted: Option<&str>) {
        let result = storage.fit(Value::Text(value.to_owned()), Overflow::Error);
        assert_eq!(result.ok(), fitted.map(|text| Value::Text(text.to_owned())));
    }

    #[rstest]
    #[case(Some(2), None, "äöü", "äö")]
    #[case(None, Some(5), "äöü", "äö")]
    #[case(Some(1), Some(5), "äöü", "ä")]
    #[case(Some(0), None, "x", "")]
    #[case(None, Some(3), "😀", "")]
    fn text_is_cut_between_characters(
        #[case] chars: Option<u32>,
        #[case] bytes: Option<u32>,
        #[case] value: &str,
        #[case] cut: &str,
    ) {
        let result = text(chars, bytes).fit(Value::Text(value.to_owned()), Overflow::Truncate);
        assert_eq!(result, Ok(Value::Text(cut.to_owned())));
    }

    #[test]
    fn the_refusal_names_the_limit() {
        let refused = text(Some(3), None).fit(Value::Text("four".to_owned()), Overflow::Error);
        assert_eq!(refused, Err(FieldError::TooLong { limit: 3, unit: "characters" }));
        assert_eq!(refused.unwrap_err().to_string(), "it has more than the column's 3 characters");
    }

    #[rstest]
    #[case(Storage::Moment { zoned: false, step_ms: 1 }, 1_999, 1_999)]
    #[case(Storage::Moment { zoned: false, step_ms: 1_000 }, 1_999, 1_000)]
    #[case(Storage::Moment { zoned: true, step_ms: 100 }, -1, -100)]
    #[case(Storage::Formatted(MomentFormat::Seconds), 1_999, 1_000)]
    #[case(Storage::Formatted(MomentFormat::Milliseconds), 1_999, 1_999)]
    fn moments_are_cut_to_what_is_kept(#[case] storage: Storage, #[case] ms: i64, #[case] kept: i64) {
        assert_eq!(storage.fit(Value::Timestamp(ms), Overflow::Error), Ok(Value::Timestamp(kept)));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let small = Storage::Integer { min: -32_768, max: 32_767 };
        assert_eq!(small.fit(Value::Integer(32_767), Overflow::Error), Ok(Value::Integer(32_767)));
        assert!(small.fit(Value::Integer(32_768), Overflow::Truncate).is_err(), "a number is never cut");
    }

    #[rstest]
    #[case("Ada ", "Ada")]
    #[case("Ada Byron", "Ada")]
    #[case("    ", "")]
    fn spaces_at_the_end_are_not_kept_where_they_do_not_read_back(#[case] value: &str, #[case] kept: &str) {
        let padded = Storage::Text { chars: Some(4), bytes: None, padded: true, nul: true };
        let fitted = padded.fit(Value::Text(value.to_owned()), Overflow::Truncate);
        assert_eq!(fitted, Ok(Value::Text(kept.to_owned())));
        assert!(padded.narrows(Overflow::Error).is_some());
    }

    #[test]
    fn null_fits_everywhere() {
        for storage in [text(Some(0), None), Storage::Uuid, Storage::Integer { min: 0, max: 0 }] {
            assert_eq!(storage.fit(Value::Null, Overflow::Error), Ok(Value::Null));
        }
    }

    #[test]
    fn what_holds_everything_narrows_nothing() {
        for kind in [Kind::Text, Kind::Integer, Kind::Boolean, Kind::Timestamp, Kind::Json] {
            assert_eq!(Storage::of(kind).narrows(Overflow::Truncate), None);
        }
        assert!(text(Some(9), None).narrows(Overflow::Truncate).is_some());
        assert!(text(Some(9), None).narrows(Overflow::Error).is_none(), "what is refused is not changed");
    }
}
