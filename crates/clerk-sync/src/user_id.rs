//! The one name a user has everywhere.

use std::{borrow::Borrow, fmt, sync::Arc};

/// The longest id that is stored, in bytes.
pub const MAX_BYTES: usize = 255;

/// A Clerk user's id, such as `user_3CNG9rEYQoliquKw5eHQ9eFeurU`.
///
/// One to 255 visible ASCII characters, and neither `.` nor `..`. Case counts. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

/// A text that cannot be a user's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a Clerk user id is 1 to {MAX_BYTES} visible ASCII characters")]
pub struct InvalidUserId;

impl UserId {
    /// Takes an id as Clerk wrote it.
    ///
    /// # Errors
    /// Where the text is empty, longer than 255 bytes, or holds anything but visible ASCII: databases disagree on
    /// how such texts compare (trailing spaces, case of other alphabets), and Clerk's ids never look so. Dots alone
    /// would be another path, however they are encoded: URLs take `%2E%2E` for `..`.
    pub fn try_new(id: &str) -> Result<Self, InvalidUserId> {
        let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
        if id.is_empty() || id.len() > MAX_BYTES || !visible || matches!(id, "." | "..") {
            return Err(InvalidUserId);
        }
        Ok(Self(Arc::from(id)))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(id: &str) -> Result<Self, InvalidUserId> {
        Self::try_new(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_ascii_of_a_sensible_length_is_an_id() {
        for id in ["user_3CNG9rEYQoliquKw5eHQ9eFeurU", "u", &"a".repeat(255)] {
            assert_eq!(UserId::try_new(id).expect("an id").as_str(), id);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for id in ["", " ", "user_1 ", "user\u{0}1", "üser_1", "user\n1", ".", "..", &"a".repeat(256)] {
            assert_eq!(UserId::try_new(id), Err(InvalidUserId), "{id:?}");
        }
    }

    #[test]
    fn case_counts() {
        assert_ne!(UserId::try_new("user_a"), UserId::try_new("user_A"));
    }
}
