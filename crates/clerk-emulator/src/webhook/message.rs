//! An event on its way.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::state::Event;

/// The request that made something happen, as events tell of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpRequest {
    pub(crate) client_ip: String,
    pub(crate) user_agent: String,
}

/// A body to be delivered under one id.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: Arc<str>,
    pub(crate) body: Bytes,
    /// Attempts made.
    pub(crate) attempts: u32,
    pub(crate) event_type: Arc<str>,
    pub(crate) user_id: Option<Arc<str>>,
}

pub(crate) fn envelope(event: &Event, instance_id: &str, request: &HttpRequest, now_ms: i64) -> Value {
    json!({
        "data": event.data,
        "event_attributes": {
            "http_request": { "client_ip": request.client_ip, "user_agent": request.user_agent },
        },
        "instance_id": instance_id,
        "object": "event",
        "timestamp": now_ms,
        "type": event.event_type,
    })
}
