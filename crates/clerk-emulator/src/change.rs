//! What subscribers are told.

use serde::Serialize;

use crate::state::Event;
use crate::webhook::Delivery;

/// Something a live page may show.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// The state changed, as an event tells it.
    Happened {
        /// Such as `user.updated`.
        event_type: String,
        /// The object's id.
        object_id: Option<String>,
        /// The user it is about.
        user_id: Option<String>,
        /// When, in milliseconds.
        at_ms: i64,
    },
    /// A delivery was queued, attempted or ended.
    Delivery(Delivery),
}

impl Change {
    pub(crate) fn happened(event: &Event, at_ms: i64) -> Self {
        Self::Happened {
            event_type: event.event_type.clone(),
            object_id: event.data["id"].as_str().map(str::to_owned),
            user_id: event.user_id.as_ref().map(ToString::to_string),
            at_ms,
        }
    }
}
