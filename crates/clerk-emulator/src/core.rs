//! One emulated instance: its state, and everything that acts on it.

mod browsers;
mod bulk;
mod frontend;
mod handshake;
mod lists;
mod members;
mod organizations;
mod sessions;
mod sign_up;
mod users;

pub(crate) use handshake::{HandshakeRequest, HandshakeResult};
pub(crate) use members::MembershipChange;
pub(crate) use organizations::{OrganizationChange, OrganizationDraft};
pub(crate) use sign_up::Registration;

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::change::Change;
use crate::clock::Clock;
use crate::config::{ConfigError, EmulatorConfig};
use crate::faults::{FaultKind, Faults, Occasion};
use crate::handshake::HandshakeFormat;
use crate::id::IdSource;
use crate::rate_limit::RateLimit;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::state::user::User;
use crate::state::user_body::UserBody;
use crate::state::{Event, World};
use crate::stats::Counter;
use crate::token::{Keyring, NamedKey};
use crate::webhook::{
    Delivery, DeliveryLog, DeliveryState, Endpoint, HttpRequest, Message, Queue, Signer, envelope,
};

use lists::Lists;

/// Changes a slow subscriber may fall behind by before it misses some.
const CHANGES_KEPT: usize = 1_024;

pub(crate) struct Core {
    pub(crate) config: EmulatorConfig,
    pub(crate) issuer: String,
    pub(crate) site: Site,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) faults: Faults,
    pub(crate) rate_limit: RateLimit,
    pub(crate) counter: Counter,
    pub(crate) queue: Queue,
    pub(crate) endpoint: Endpoint,
    pub(crate) log: DeliveryLog,
    world: RwLock<World>,
    /// Random values that no identifier depends on, so that traffic does not change the identifiers of a seed.
    chance: Mutex<IdSource>,
    pub(crate) keys: Keyring,
    handshake: Mutex<HandshakeSettings>,
    lists: Mutex<Lists>,
    changes: broadcast::Sender<Change>,
}

/// How handshakes are answered; may change while the instance runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandshakeSettings {
    pub(crate) format: HandshakeFormat,
    pub(crate) refresh_tokens: bool,
}

impl HandshakeSettings {
    fn of(config: &EmulatorConfig) -> Self {
        Self { format: config.handshake_format, refresh_tokens: config.refresh_tokens }
    }
}

/// Without the state, which may be large.
impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn new(config: EmulatorConfig, endpoint: Endpoint, host: &str) -> Self {
        Self {
            issuer: format!("https://{host}"),
            site: Site::new(host, &config.allowed_origins),
            clock: Arc::clone(&config.clock),
            faults: Faults::new(config.seed),
            rate_limit: RateLimit::new(config.rate_limit()),
            counter: Counter::default(),
            queue: Queue::new(),
            endpoint,
            log: DeliveryLog::new(config.delivery_log_size),
            world: RwLock::new(World::new(&config)),
            chance: Mutex::new(IdSource::new(config.seed ^ 0xc4a2_7ce5)),
            keys: Keyring::new(&config.instance_id, config.signing_key.clone()),
            handshake: Mutex::new(HandshakeSettings::of(&config)),
            lists: Mutex::new(Lists::new(&config)),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            config,
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A number in 0..1.
    pub(crate) fn chance(&self) -> f64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).fraction()
    }

    pub(crate) fn trace_id(&self) -> String {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).hex()
    }

    fn message_id(&self) -> Arc<str> {
        self.chance_id("msg").into()
    }

    pub(crate) fn handshake_settings(&self) -> HandshakeSettings {
        *self.handshake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_handshake(&self, change: impl FnOnce(&mut HandshakeSettings)) {
        change(&mut self.handshake.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The key that signs now.
    pub(crate) async fn key(&self) -> Result<NamedKey, Refusal> {
        self.keys.current().await
    }

    /// Signs with a new key from now on, and answers its id.
    pub(crate) async fn rotate_key(&self, keep_old: bool) -> Result<String, Refusal> {
        let id = self.chance_id("ins");
        self.keys.rotate(id.clone(), keep_old).await?;
        Ok(id)
    }

    /// An identifier that nothing in the state depends on.
    pub(crate) fn chance_id(&self, prefix: &str) -> String {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).make(prefix, self.now_ms())
    }

    pub(crate) fn user_body(&self, user: &User) -> Value {
        UserBody { user, instance_id: &self.config.instance_id, now_ms: self.now_ms() }.value()
    }

    /// Announces what happened. Called with the world still locked, so that events queue up in the order of changes.
    pub(crate) fn publish(&self, event: &Event, request: &HttpRequest) {
        // Nobody listening is the normal case.
        let _ = self.changes.send(Change::happened(event, self.now_ms()));
        if self.endpoint.is_set() {
            let body = envelope(event, &self.config.instance_id, request, self.now_ms()).to_string();
            self.send(self.message(event, body.into()));
        }
    }

    pub(crate) fn message(&self, event: &Event, body: Bytes) -> Message {
        Message {
            id: self.message_id(),
            body,
            attempts: 0,
            event_type: event.event_type.as_str().into(),
            user_id: event.user_id.clone(),
        }
    }

    /// Queues a message, with whatever faults are set for webhooks.
    pub(crate) fn send(&self, message: Message) {
        let now_ms = self.now_ms();
        let occasion = Occasion {
            user_id: message.user_id.as_deref(),
            event_type: Some(&message.event_type),
            ..Occasion::default()
        };
        let on_the_way = |kind: &FaultKind| {
            matches!(
                kind,
                FaultKind::WebhookDrop
                    | FaultKind::WebhookDelay { .. }
                    | FaultKind::WebhookDuplicate
                    | FaultKind::WebhookReorder { .. }
            )
        };
        let fault = self.faults.strike(now_ms, occasion, on_the_way);
        let dropped = fault == Some(FaultKind::WebhookDrop);
        let state = if dropped { DeliveryState::Dropped } else { DeliveryState::Pending };
        let delivery = self.log.open(&message, state, now_ms);
        let _ = self.changes.send(Change::Delivery(delivery));
        let id = Arc::clone(&message.id);
        let accepted = match fault {
            Some(FaultKind::WebhookDrop) => true,
            Some(FaultKind::WebhookDelay { ms }) => {
                self.queue.push(vec![message], now_ms.saturating_add_unsigned(ms))
            }
            Some(FaultKind::WebhookDuplicate) => {
                self.queue.push(vec![message.clone()], now_ms) && self.queue.push(vec![message], now_ms)
            }
            Some(FaultKind::WebhookReorder { hold }) => {
                self.queue.hold(message, hold, now_ms);
                true
            }
            _ => self.queue.push(vec![message], now_ms),
        };
        if !accepted {
            tracing::warn!(svix.id = %id, "too many webhooks are waiting; one was dropped");
            self.note_delivery(&id, |delivery| delivery.state = DeliveryState::Dropped);
        }
    }

    /// Sends a finished or pending delivery once more, as the button in Clerk's dashboard does.
    pub(crate) fn resend(&self, id: &str) -> Result<(), Refusal> {
        let delivery = self.log.get(id);
        let delivery = delivery.ok_or_else(|| Refusal::not_found(format!("No delivery has the id {id}")))?;
        self.note_delivery(id, |delivery| delivery.state = DeliveryState::Pending);
        let message = Message {
            id: delivery.id.into(),
            body: delivery.body,
            attempts: 0,
            event_type: delivery.event_type.into(),
            user_id: delivery.user_id.map(Into::into),
        };
        self.queue.push(vec![message], self.now_ms());
        Ok(())
    }

    pub(crate) fn note_delivery(&self, id: &str, change: impl FnOnce(&mut Delivery)) {
        if let Some(delivery) = self.log.update(id, change) {
            let _ = self.changes.send(Change::Delivery(delivery));
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(crate) fn set_webhook_url(&self, url: Option<&str>) -> Result<(), ConfigError> {
        self.endpoint.set_url(url)?;
        if url.is_none() {
            self.cancel_waiting();
        }
        Ok(())
    }

    pub(crate) fn remove_webhook_url(&self) {
        // Only a URL can be refused, not its absence.
        let _ = self.set_webhook_url(None);
    }

    pub(crate) fn set_webhook_secrets(&self, secrets: &[String]) -> Result<(), ConfigError> {
        self.endpoint.set_signer(Signer::new(secrets)?);
        Ok(())
    }

    fn cancel_waiting(&self) {
        for message in self.queue.drain() {
            self.note_delivery(&message.id, |delivery| delivery.state = DeliveryState::Cancelled);
        }
    }

    /// Waits until nothing is to be delivered any more; what a reorder fault still holds back is let go first.
    pub(crate) async fn settled(&self) {
        let mut backlog = self.queue.backlog();
        loop {
            let now = *backlog.borrow_and_update();
            match (now.moving, now.held) {
                (0, 0) => return,
                (0, _) => self.queue.release_held(self.now_ms()),
                _ => {}
            }
            if backlog.changed().await.is_err() {
                return;
            }
        }
    }

    /// Empties the instance. The keys and the webhook URL stay; handshakes and lists are answered as at the start.
    pub(crate) fn reset(&self) {
        self.faults.clear();
        self.cancel_waiting();
        // A large one takes a while to fall apart, which nobody has to wait for at the lock.
        let old = mem::replace(&mut *self.write(), World::new(&self.config));
        drop(old);
        self.set_handshake(|settings| *settings = HandshakeSettings::of(&self.config));
        self.reset_lists();
        self.log.clear();
        self.counter.reset();
        self.rate_limit.reset();
    }
}
