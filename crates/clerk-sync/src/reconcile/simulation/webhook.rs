//! Webhooks on their way: late, twice, in another order, or never.

use super::world::Shared;
use crate::{
    engine::{Receipt, testing::INSTANCE},
    reconcile::testing::{
        clerk::{Look, json},
        life::sleep_ms,
    },
    rule::State,
    user_id::UserId,
};
use std::{sync::Arc, time::Duration};

/// What a webhook tells.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) user: UserId,
    pub(super) kind: &'static str,
    /// `None`: deleted.
    pub(super) look: Option<Look>,
    /// Unix ms.
    pub(super) timestamp: i64,
    /// After how many its sender gives up.
    pub(super) attempts: i64,
}

impl Event {
    fn body(&self) -> Vec<u8> {
        let Self { user, kind, look, timestamp, .. } = self;
        let data = match look {
            Some(look) => json(user.as_str(), look),
            None => format!(r#"{{"id":"{user}","object":"user","deleted":true}}"#),
        };
        format!(
            r#"{{"object":"event","type":"{kind}","instance_id":"{INSTANCE}","timestamp":{timestamp},"data":{data}}}"#
        )
        .into_bytes()
    }
}

/// Delivers an event until a process takes it, as its sender does; the sender gives up at last.
pub(super) async fn deliver(shared: Arc<Shared>, event: Event, delay_ms: i64) {
    sleep_ms(delay_ms).await;
    let body = event.body();
    let message = format!("msg_{}", event.number);
    for attempt in 0..event.attempts {
        let pause_ms = 5_000 * (attempt + 1).min(6);
        let Some(engine) = shared.someone() else {
            sleep_ms(pause_ms).await;
            continue;
        };
        let receipt = tokio::time::timeout(Duration::from_secs(15), engine.receive(&message, &body)).await;
        match receipt {
            Ok(Receipt::Accepted) => return acknowledged(&shared, &event).await,
            Ok(Receipt::TryLater { .. }) | Err(_) => sleep_ms(pause_ms).await,
            Ok(other) => return shared.complain(format!("{event:?} was answered with {other:?}")),
        }
    }
}

/// What is acknowledged is written.
async fn acknowledged(shared: &Shared, event: &Event) {
    let entry = shared.database.store().entry(&event.user).await.expect("the database itself works");
    let version = entry.map(|entry| entry.standing.version);
    let is_kept = version.is_some_and(|version| match event.look {
        None => version.state == State::Gone,
        Some(look) => version.state == State::Gone || version.updated_at >= look.updated_at,
    });
    if !is_kept {
        shared.complain(format!("{event:?} was acknowledged, and the ledger says {version:?}"));
    }
}
