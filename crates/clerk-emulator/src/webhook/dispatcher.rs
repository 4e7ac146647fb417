//! Takes messages that are due and delivers them, a bounded number at a time.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::delivery::DeliveryState;
use super::message::Message;
use super::queue::Batch;
use super::schedule::next_wait;
use crate::core::Core;
use crate::faults::{FaultKind, Occasion};

/// What the dispatcher runs with.
#[derive(Debug)]
pub(crate) struct DispatcherContext {
    pub(crate) core: Arc<Core>,
    pub(crate) stop: CancellationToken,
}

pub(crate) async fn run(context: DispatcherContext) {
    let DispatcherContext { core, stop } = context;
    let places = core.config.webhook_concurrency.max(1);
    let mut batches = JoinSet::new();
    loop {
        let now_ms = core.clock.now_ms();
        while batches.len() < places
            && let Some(batch) = core.queue.take_due(now_ms)
        {
            batches.spawn(deliver_batch(Arc::clone(&core), batch));
        }
        let full = batches.len() >= places;
        let due_ms = core.queue.next_due().filter(|_| !full);
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.queue.arrived.notified() => {}
            _ = batches.join_next(), if !batches.is_empty() => {}
            () = core.clock.sleep_until(due_ms.unwrap_or_default()), if due_ms.is_some() => {}
        }
    }
}

async fn deliver_batch(core: Arc<Core>, batch: Batch) {
    for message in batch.messages {
        let id = Arc::clone(&message.id);
        let again = attempt(&core, message).await;
        if !core.queue.landed(again, batch.generation) {
            core.note_delivery(&id, |delivery| delivery.state = DeliveryState::Cancelled);
        }
    }
}

/// One attempt; a message that has to be sent again comes back with its moment.
async fn attempt(core: &Core, mut message: Message) -> Option<(Message, i64)> {
    let Some(mut answer) = core.endpoint.post(&message.id, message.body.clone(), core.clock.now_ms()).await
    else {
        core.note_delivery(&message.id, |delivery| delivery.state = DeliveryState::Cancelled);
        return None;
    };
    message.attempts += 1;
    let now_ms = core.clock.now_ms();
    let occasion = Occasion {
        user_id: message.user_id.as_deref(),
        event_type: Some(&message.event_type),
        ..Occasion::default()
    };
    let lost = |kind: &FaultKind| *kind == FaultKind::WebhookAnswerLost;
    if answer.is_success() && core.faults.strike(now_ms, occasion, lost).is_some() {
        answer.status = None;
        answer.error = Some("the answer was lost on purpose".to_owned());
    }
    let wait = next_wait(message.attempts, answer.failure, core.chance(), core.config.time_scale);
    let state = match wait {
        _ if answer.is_success() => DeliveryState::Delivered,
        _ if answer.abort || answer.disable => DeliveryState::Aborted,
        Some(_) => DeliveryState::Pending,
        None => DeliveryState::Failed,
    };
    if answer.disable {
        core.remove_webhook_url();
    }
    core.note_delivery(&message.id, |delivery| {
        delivery.attempts += 1;
        delivery.last_status = answer.status;
        delivery.last_error = answer.error;
        // One of two copies may have arrived already.
        if delivery.state != DeliveryState::Delivered {
            delivery.state = state;
        }
    });
    tracing::debug!(svix.id = %message.id, event.type = %message.event_type, outcome = ?state, "delivery attempted");
    let wait = wait.filter(|_| state == DeliveryState::Pending)?;
    Some((message, now_ms.saturating_add(crate::clock::whole_ms(wait))))
}
