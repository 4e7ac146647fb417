//! Columns that are not Clerk's: filled when the row is made, where the database has no default of its own.

use super::{Kind, Value};
use crate::user_id::UserId;

/// A column of the table that is filled when its row is made, and belongs to the app from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The column's name, as it is spelled in the database.
    pub name: String,
    /// What it gets.
    pub content: FillContent,
}

/// What a [`Fill`] writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FillContent {
    /// Always the same.
    Value(Value),
    /// A new identifier.
    Generated(Generator),
    /// The moment of writing, by the database's clock.
    Now {
        /// Whether every later write of the row sets it anew.
        refresh: bool,
    },
}

impl FillContent {
    /// The kind of column that it needs.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Value(value) => value.kind().unwrap_or(Kind::Text),
            Self::Generated(_) => Kind::Text,
            Self::Now { .. } => Kind::Timestamp,
        }
    }
}

/// How an identifier is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generator {
    /// UUID version 7 (RFC 9562, section 5.7), whose time is that at which the user was created in Clerk: sorted by it,
    /// users are in the order of their sign-ups.
    Uuid7,
    /// 24 small letters and digits, the first a letter: the form of CUID2.
    Cuid2,
    /// 21 letters, digits, `_` and `-`: the form of nanoid.
    Nanoid,
    /// The user's id at Clerk.
    ClerkId,
}

/// What a generator draws from; too little would let two rows meet.
pub const RANDOM_BYTES: usize = 32;

impl Generator {
    /// All generators.
    pub const ALL: [Self; 4] = [Self::Uuid7, Self::Cuid2, Self::Nanoid, Self::ClerkId];

    /// The name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uuid7 => "uuid7",
            Self::Cuid2 => "cuid2",
            Self::Nanoid => "nanoid",
            Self::ClerkId => "clerk_id",
        }
    }

    /// A new identifier. `created_at`: Clerk's, Unix ms.
    pub fn make(self, user: &UserId, created_at: i64, random: [u8; RANDOM_BYTES]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        match self {
            Self::Uuid7 => {
                let [a, b, c, d, e, f, g, h, i, j, ..] = random;
                let ms = u64::try_from(created_at).unwrap_or_default();
                uuid::Builder::from_unix_timestamp_millis(ms, &[a, b, c, d, e, f, g, h, i, j])
                    .into_uuid()
                    .hyphenated()
                    .to_string()
            }
            Self::Cuid2 => cuid2(random),
            Self::Nanoid => {
                random.iter().take(21).map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
            }
            Self::ClerkId => user.as_str().to_owned(),
        }
    }
}

/// 124 bits in base 36, behind a letter.
fn cuid2(random: [u8; RANDOM_BYTES]) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    const LENGTH: usize = 24;
    let mut out = String::with_capacity(LENGTH);
    let (numbers, letter) = random.split_at(RANDOM_BYTES - 1);
    out.push(char::from(b'a' + letter.first().copied().unwrap_or_default() % 26));
    let mut number = numbers.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    while out.len() < LENGTH {
        let digit = usize::try_from(number % 36).unwrap_or_default();
        out.push(char::from(DIGITS[digit]));
        number /= 36;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn made(generator: Generator, first: u8) -> String {
        let user = UserId::try_new("user_1").expect("an id");
        let mut random = [7; RANDOM_BYTES];
        random[0] = first;
        generator.make(&user, 1_700_000_000_000, random)
    }

    #[rstest]
    #[case(Generator::Uuid7, 36, "0123456789abcdef-")]
    #[case(Generator::Cuid2, 24, "0123456789abcdefghijklmnopqrstuvwxyz")]
    #[case(Generator::Nanoid, 21, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")]
    fn identifiers_have_their_form(#[case] generator: Generator, #[case] length: usize, #[case] of: &str) {
        for first in 0..=255 {
            let id = made(generator, first);
            assert_eq!(id.len(), length);
            assert!(id.chars().all(|c| of.contains(c)), "{id}");
        }
        assert_ne!(made(generator, 1), made(generator, 2));
    }

    #[test]
    fn a_uuid_begins_with_the_time_of_the_sign_up_and_says_its_version() {
        let id = made(Generator::Uuid7, 0);
        assert!(id.starts_with("018bcfe5-6800-7"), "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
    }

    #[test]
    fn a_cuid_begins_with_a_letter_and_the_clerk_id_is_itself() {
        assert!(made(Generator::Cuid2, 0).starts_with(|c: char| c.is_ascii_lowercase()));
        assert_eq!(made(Generator::ClerkId, 0), "user_1");
    }
}
