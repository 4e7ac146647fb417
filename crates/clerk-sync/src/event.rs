//! Clerk's webhook events: from verified bytes to an observation. Pure.
//!
//! The envelope is that of the contract, section b.2. Nothing in it can break an event but its type, the user's id,
//! `updated_at`, the timestamp, and the mapped fields.

use crate::{
    mapping::{self, Mapping, ReadError},
    observation::{Flow, Observation},
    user_id::UserId,
};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// An event whose `updated_at` lies further than this ahead of its own timestamp is not believed, in ms.
pub const POISON_AHEAD_MS: i64 = 60 * 60 * 1000;

/// Timestamps below this are seconds, above it milliseconds (contract, section b.2).
const SECONDS_BELOW: i64 = 100_000_000_000;

/// What a verified body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// One of ours, understood.
    Observed(Observation),
    /// One of ours, but only Clerk can say how the user looks now.
    Reread {
        /// Whom to read.
        user: UserId,
        /// Why.
        reason: RereadReason,
    },
    /// One of ours that can never be applied: it names no user.
    Hopeless,
    /// Not ours: another type of event.
    Ignored,
    /// Of another Clerk instance.
    Foreign,
}

/// Why an event is not applied as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RereadReason {
    /// Its `updated_at` is more than an hour ahead of its own timestamp.
    #[error("its updated_at is more than an hour ahead of its timestamp")]
    Poison,
    /// Its timestamp is missing or unusable, so it cannot be ordered.
    #[error("its timestamp is missing or no number")]
    NoTimestamp,
    /// The user in it cannot be read.
    #[error("its user cannot be read: {0}")]
    Unreadable(#[from] ReadError),
}

/// A body that verifies and yet is no event: no JSON object with a `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not an event: a JSON object with a type")]
pub struct NotAnEvent;

/// What an event says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Present,
    Deleted,
}

/// A parsed body: the event, and its type as Clerk wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The type, such as `user.created`.
    pub event_type: String,
    /// What it is to us.
    pub event: Event,
}

/// Reads a verified body. `instance`: the id of the instance that this database mirrors.
///
/// # Errors
/// [`NotAnEvent`] for bytes that are no event at all.
pub fn parse(body: &[u8], mapping: &Mapping, instance: &str) -> Result<Parsed, NotAnEvent> {
    match envelope(body, mapping.wanted()) {
        Some(envelope) => envelope.judge(mapping, instance, |fields| mapping.read_fields(fields)),
        // A mapped field broke the document. The id alone is enough to ask Clerk.
        None => {
            let envelope = envelope(body, &["id"]).ok_or(NotAnEvent)?;
            envelope.judge(mapping, instance, |_| Err(ReadError::NotJson))
        }
    }
}

#[derive(Default)]
struct Envelope<'a> {
    event_type: Option<&'a RawValue>,
    instance_id: Option<&'a RawValue>,
    timestamp: Option<&'a RawValue>,
    data: mapping::Fields<'a>,
}

impl Envelope<'_> {
    fn judge(
        &self,
        mapping: &Mapping,
        instance: &str,
        read: impl FnOnce(&[Option<&RawValue>]) -> Result<mapping::MappedUser, ReadError>,
    ) -> Result<Parsed, NotAnEvent> {
        let event_type = self.event_type.and_then(text).ok_or(NotAnEvent)?.into_owned();
        let of = |event| Ok(Parsed { event_type: event_type.clone(), event });
        if self.instance_id.and_then(text).is_some_and(|id| id != instance) {
            return of(Event::Foreign);
        }
        let kind = match event_type.as_str() {
            "user.created" | "user.updated" => Kind::Present,
            "user.deleted" => Kind::Deleted,
            _ => return of(Event::Ignored),
        };
        let fields = self.data.as_deref().unwrap_or_default();
        let id = fields.first().copied().flatten().and_then(text);
        let Some(user) = id.and_then(|id| UserId::try_new(&id).ok()) else { return of(Event::Hopeless) };
        let reread = |user, reason| of(Event::Reread { user, reason });
        let Some(as_of) = self.timestamp.and_then(mapping::integer).and_then(milliseconds) else {
            return reread(user, RereadReason::NoTimestamp);
        };
        if kind == Kind::Deleted {
            return of(Event::Observed(Observation::gone(user, mapping, as_of, Flow::Webhook)));
        }
        match read(fields) {
            Err(error) => reread(user, error.into()),
            Ok(mapped) if mapped.updated_at > as_of.saturating_add(POISON_AHEAD_MS) => {
                reread(user, RereadReason::Poison)
            }
            Ok(mapped) => of(Event::Observed(Observation::present(mapped, mapping, as_of, Flow::Webhook))),
        }
    }
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    mapping::string(raw).ok().flatten()
}

/// Seconds count as that second's start. A time before 1970 is no time of Clerk's.
fn milliseconds(timestamp: i64) -> Option<i64> {
    match timestamp {
        ..=0 => None,
        1..SECONDS_BELOW => Some(timestamp * 1000),
        _ => Some(timestamp),
    }
}

fn envelope<'a, S: AsRef<str>>(body: &'a [u8], wanted: &[S]) -> Option<Envelope<'a>> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let envelope = deserializer.deserialize_map(EnvelopeVisitor { wanted }).ok()?;
    deserializer.end().ok()?;
    Some(envelope)
}

struct EnvelopeVisitor<'w, S> {
    wanted: &'w [S],
}

const KEYS: [&str; 4] = ["type", "instance_id", "timestamp", "data"];

impl<'de, S: AsRef<str>> Visitor<'de> for EnvelopeVisitor<'_, S> {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(position) = map.next_key_seed(mapping::Position { wanted: &KEYS })? {
            match position {
                Some(0) => envelope.event_type = Some(map.next_value()?),
                Some(1) => envelope.instance_id = Some(map.next_value()?),
                Some(2) => envelope.timestamp = Some(map.next_value()?),
                Some(3) => {
                    envelope.data = map.next_value_seed(mapping::FieldsSeed { wanted: self.wanted })?
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests;
