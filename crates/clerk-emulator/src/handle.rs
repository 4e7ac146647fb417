//! What Rust code can do with a running instance.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::change::Change;
use crate::config::{ConfigError, DeletedCursor, EmulatorConfig};
use crate::core::{Core, OrganizationDraft};
use crate::faults::{ActiveFault, Fault};
use crate::handshake::HandshakeFormat;
use crate::refusal::Refusal;
use crate::state::Event;
use crate::state::bulk::BulkUsers;
use crate::state::session::SessionState;
use crate::state::user_draft::{NewUser, UserChange};
use crate::stats::Stats;
use crate::token::{SigningKey, TokenOptions};
use crate::webhook::{Delivery, HttpRequest};

/// A running instance. Clones are cheap and mean the same instance.
#[derive(Clone, Debug)]
pub struct Handle {
    core: Arc<Core>,
    address: SocketAddr,
}

impl Handle {
    pub(crate) fn new(core: Arc<Core>, address: SocketAddr) -> Self {
        Self { core, address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `CLERK_API_URL` should be.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings it was started with.
    #[must_use]
    pub fn config(&self) -> &EmulatorConfig {
        &self.core.config
    }

    /// The issuer of its session tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.core.issuer
    }
}

/// Users.
impl Handle {
    /// Makes a user and sends `user.created`.
    ///
    /// # Errors
    /// When another user holds one of the identifiers.
    pub fn create_user(&self, user: NewUser) -> Result<Value, Refusal> {
        let user = self.core.create_user(user, &HttpRequest::default())?;
        Ok(self.core.user_body(&user))
    }

    /// Makes many users without any event; the way to a large instance. Answers how many.
    ///
    /// # Errors
    /// At the first one whose identifiers another user holds; those before it stay.
    pub fn import_users(&self, users: impl IntoIterator<Item = NewUser>) -> Result<usize, Refusal> {
        self.core.import_users(users)
    }

    /// Makes a crowd of plausible users, of about 2.6 kB of JSON each, without any event. Answers how many.
    ///
    /// # Errors
    /// When more are asked for than [`BulkUsers::MOST`], or at the first one whose address another user holds; those
    /// before it stay.
    pub fn bulk_users(&self, bulk: &BulkUsers) -> Result<u32, Refusal> {
        self.core.bulk_create(bulk)
    }

    /// Deletes those of the users that are there, with or without events, and answers how many were.
    pub fn bulk_delete(&self, ids: &[String], webhooks: bool) -> usize {
        self.core.bulk_delete(ids, webhooks)
    }

    /// Gives those of the users that are there another first name and a new `updated_at`, with or without events, and
    /// answers how many were.
    pub fn bulk_change(&self, ids: &[String], webhooks: bool) -> usize {
        self.core.bulk_change(ids, webhooks)
    }

    /// Changes a user and sends `user.updated`, unless only activity or counters changed.
    ///
    /// # Errors
    /// When there is no such user, or another one holds one of the identifiers.
    pub fn update_user(&self, id: &str, change: UserChange) -> Result<Value, Refusal> {
        let user = self.core.update_user(id, change, &HttpRequest::default())?;
        Ok(self.core.user_body(&user))
    }

    /// Deletes a user and sends `user.deleted`.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn delete_user(&self, id: &str) -> Result<(), Refusal> {
        self.core.delete_user(id, &HttpRequest::default()).map(drop)
    }

    /// A user as it stands, whatever faults are set for reads.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<Value> {
        self.core.user(id).map(|user| self.core.user_body(&user))
    }

    /// All users, oldest first.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        let world = self.core.read();
        let users = world.users.created().iter().filter_map(|position| world.users.at(position));
        users.map(|user| self.core.user_body(user)).collect()
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.core.read().users.len()
    }
}

/// Organizations.
impl Handle {
    /// Makes an organization, with its creator as the first admin.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn create_organization(&self, name: &str, created_by: Option<&str>) -> Result<Value, Refusal> {
        let draft = OrganizationDraft {
            name: name.to_owned(),
            created_by: created_by.map(str::to_owned),
            ..OrganizationDraft::default()
        };
        let organization = self.core.create_organization(draft, &HttpRequest::default())?;
        Ok(organization.body(&self.core.config.instance_id, None))
    }
}

/// Browsers.
impl Handle {
    /// A new browser, signed in if a user is named. In development its key is the dev browser id (`__clerk_db_jwt`),
    /// in production the value of the cookie `__client` on the Frontend API's host.
    ///
    /// # Errors
    /// When there is no such user, or it may not sign in.
    pub fn create_browser(&self, user_id: Option<&str>) -> Result<String, Refusal> {
        let key = self.core.create_browser("dvb");
        if let Some(user_id) = user_id {
            self.core.sign_in(&key, user_id, &HttpRequest::default())?;
        }
        Ok(key)
    }

    /// Ends all sessions of a browser; nothing happens if there are none.
    pub fn sign_out(&self, browser: &str) {
        self.core.sign_out(browser, &HttpRequest::default());
    }

    /// How the result of handshakes travels from now on.
    pub fn set_handshake_format(&self, format: HandshakeFormat) {
        self.core.set_handshake(|settings| settings.format = format);
    }

    /// Whether handshakes hand out refresh tokens from now on.
    pub fn set_refresh_tokens(&self, enabled: bool) {
        self.core.set_handshake(|settings| settings.refresh_tokens = enabled);
    }
}

/// Sessions.
impl Handle {
    /// Signs a user in and answers the id of the new session.
    ///
    /// # Errors
    /// When there is no such user, or it does not belong to the organization.
    pub fn start_session(&self, user_id: &str, organization_id: Option<&str>) -> Result<String, Refusal> {
        Ok(self.core.start_session(user_id, organization_id, &HttpRequest::default())?.id)
    }

    /// Signs out.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn end_session(&self, session_id: &str) -> Result<(), Refusal> {
        self.core.close_session(session_id, SessionState::Ended, &HttpRequest::default()).map(drop)
    }

    /// A token of a session.
    ///
    /// # Errors
    /// When there is no such session, or it is over.
    pub async fn session_token(&self, session_id: &str, options: &TokenOptions) -> Result<String, Refusal> {
        self.core.session_token(session_id, options, None).await
    }

    /// Signs a user in and answers a token of the new session.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn token_for(&self, user_id: &str, options: &TokenOptions) -> Result<String, Refusal> {
        let session_id = self.start_session(user_id, None)?;
        self.session_token(&session_id, options).await
    }

    /// Signs any header and claims with the instance's key (RS256, whatever the header says), true or not.
    ///
    /// # Errors
    /// When the key has to be made and the system gives no randomness.
    pub async fn sign_token(&self, header: &Value, claims: &Value) -> Result<String, Refusal> {
        self.core.key().await?.sign(header, claims)
    }

    /// Signs with a new key under a new `kid` from now on, and answers that. The keys before it stay in the key set
    /// if `keep_old`, as in an orderly rotation; else whatever they have signed stops verifying.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub async fn rotate_signing_key(&self, keep_old: bool) -> Result<String, Refusal> {
        self.core.rotate_key(keep_old).await
    }

    /// The key that signs session tokens.
    ///
    /// # Errors
    /// When it has to be made and the system gives no randomness.
    pub async fn signing_key(&self) -> Result<SigningKey, Refusal> {
        Ok(self.core.key().await?.key)
    }
}

/// Webhooks.
impl Handle {
    /// Sends events there from now on. `None` takes the endpoint away and gives up what is pending.
    ///
    /// # Errors
    /// When it is not an http or https URL.
    pub fn set_webhook_url(&self, url: Option<&str>) -> Result<(), ConfigError> {
        self.core.set_webhook_url(url)
    }

    /// Signs with these secrets from now on.
    ///
    /// # Errors
    /// When one of them is not `whsec_` and base64.
    pub fn set_webhook_secrets(&self, secrets: &[String]) -> Result<(), ConfigError> {
        self.core.set_webhook_secrets(secrets)
    }

    /// Sends any event, true or not; nothing in the instance changes.
    pub fn send_event(&self, event_type: &str, data: Value) {
        let user_id = data["id"].as_str().filter(|id| id.starts_with("user_")).map(Into::into);
        self.core.publish(&Event::new(event_type, user_id, data), &HttpRequest::default());
    }

    /// Signs any bytes under a message id of one's choice, posts them once, and answers the receiver's status;
    /// `None` when there is no endpoint or no answer. Neither faults nor repeats apply.
    pub async fn deliver_raw(&self, message_id: &str, body: impl Into<Bytes> + Send) -> Option<u16> {
        self.core.endpoint.post(message_id, body.into(), self.core.now_ms()).await?.status
    }

    /// The headers that make a receiver accept `body` now: `svix-id`, `svix-timestamp`, `svix-signature`.
    #[must_use]
    pub fn sign(&self, message_id: &str, body: &[u8]) -> [(&'static str, String); 3] {
        let timestamp = self.core.now_ms() / 1_000;
        [
            ("svix-id", message_id.to_owned()),
            ("svix-timestamp", timestamp.to_string()),
            ("svix-signature", self.core.endpoint.sign(message_id, timestamp, body)),
        ]
    }

    /// Waits until no delivery is pending, failed ones waiting for their next attempt included. Whatever a reorder
    /// fault still holds back is let go then.
    pub async fn deliveries_settled(&self) {
        self.core.settled().await;
    }

    /// Lets go what a reorder fault holds back, the newest first.
    pub fn release_held(&self) {
        self.core.queue.release_held(self.core.now_ms());
    }

    /// The remembered deliveries, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.core.log.list()
    }

    /// Sends a delivery once more, under its old id.
    ///
    /// # Errors
    /// When the delivery is not remembered.
    pub fn resend(&self, delivery_id: &str) -> Result<(), Refusal> {
        self.core.resend(delivery_id)
    }
}

/// The emulator itself.
impl Handle {
    /// Sets a fault and answers the id by which it can be removed.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.core.faults.add(fault, self.core.now_ms())
    }

    /// Removes a fault; false if there is none with this id.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.core.faults.remove(id)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.core.faults.clear();
    }

    /// The faults that are set.
    #[must_use]
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.core.faults.list()
    }

    /// Changes how many requests are let in per 10 s.
    pub fn set_rate_limit(&self, requests_per_10s: u32) {
        self.core.rate_limit.set_limit(requests_per_10s);
    }

    /// What `starting_after` does with the id of a deleted user from now on.
    pub fn set_deleted_cursor(&self, deleted_cursor: DeletedCursor) {
        self.core.set_lists(|settings| settings.deleted_cursor = deleted_cursor);
    }

    /// Whether `created_at_before` and its siblings include the moment itself from now on.
    pub fn set_inclusive_time_filters(&self, inclusive: bool) {
        self.core.set_lists(|settings| settings.inclusive_time_filters = inclusive);
    }

    /// Whether lists of users are compressed from now on, for those who accept gzip.
    pub fn set_compress(&self, compress: bool) {
        self.core.set_lists(|settings| settings.compress = compress);
    }

    /// Requests counted since the start, or since the last reset.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.counter.read()
    }

    /// What happens from now on. A subscriber that is slow by more than a thousand changes misses some.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.core.subscribe()
    }

    /// Empties the instance: users, organizations, sessions, browsers, deliveries, faults, counts. Keys and webhook URL
    /// stay; handshakes and lists are answered as the settings say.
    pub fn reset(&self) {
        self.core.reset();
    }
}
