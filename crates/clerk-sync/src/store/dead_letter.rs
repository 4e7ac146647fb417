//! Events that verify but cannot be applied.

use crate::user_id::UserId;

/// An event to keep until it heals, is replayed or is dropped. Redacted to mapped fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// The `svix-id` of its message.
    pub message_id: Option<String>,
    /// Its type, such as `user.updated`.
    pub event_type: String,
    /// The user it is about; `None` if it names none.
    pub user: Option<UserId>,
    /// Why it cannot be applied: a sentence without values.
    pub reason: String,
    /// The mapped values as a JSON object by column, as far as they could be read.
    pub mapped: Option<String>,
    /// When it was kept, Unix ms by our clock.
    pub buried_at: i64,
}

/// A dead letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number, for commands.
    pub number: i64,
    /// What was kept.
    pub letter: NewDeadLetter,
}
