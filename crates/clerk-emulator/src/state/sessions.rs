//! All sessions and clients.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::refusal::Refusal;

use super::session::{Client, Session, SessionState};

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: HashMap<String, Session>,
    of_user: HashMap<Arc<str>, Vec<String>>,
    clients: HashMap<String, Client>,
}

impl Sessions {
    pub(crate) fn find(&self, id: &str) -> Result<&Session, Refusal> {
        self.by_id.get(id).ok_or_else(|| Refusal::not_found(format!("No session was found with id {id}")))
    }

    /// Adds a session; its client comes into being with its first one.
    pub(crate) fn start(&mut self, session: Session) {
        let client = self.clients.entry(session.client_id.clone()).or_insert_with(|| Client {
            id: session.client_id.clone(),
            session_ids: Vec::new(),
            created_at: session.created_at,
            updated_at: session.created_at,
        });
        client.session_ids.push(session.id.clone());
        client.updated_at = session.created_at;
        self.of_user.entry(Arc::clone(&session.user_id)).or_default().push(session.id.clone());
        self.by_id.insert(session.id.clone(), session);
    }

    /// Closes an active session; `None` if it was closed before.
    pub(crate) fn close(&mut self, id: &str, state: SessionState, now_ms: i64) -> Option<Session> {
        let session = self.by_id.get_mut(id)?;
        if session.status(now_ms) != "active" {
            return None;
        }
        session.state = state;
        session.updated_at = now_ms;
        if let Some(client) = self.clients.get_mut(&session.client_id) {
            client.updated_at = now_ms;
        }
        Some(session.clone())
    }

    /// Newest first.
    pub(crate) fn of_user(&self, user_id: &str) -> Vec<&Session> {
        let ids = self.of_user.get(user_id).map(Vec::as_slice).unwrap_or_default();
        ids.iter().rev().filter_map(|id| self.by_id.get(id)).collect()
    }

    /// Newest first.
    pub(crate) fn of_client(&self, client_id: &str) -> Vec<&Session> {
        let client = self.clients.get(client_id);
        let ids = client.map(|client| client.session_ids.as_slice()).unwrap_or_default();
        ids.iter().rev().filter_map(|id| self.by_id.get(id)).collect()
    }

    /// A client that has no session yet.
    pub(crate) fn add_client(&mut self, id: String, now_ms: i64) {
        let client =
            Client { id: id.clone(), session_ids: Vec::new(), created_at: now_ms, updated_at: now_ms };
        self.clients.insert(id, client);
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    pub(crate) fn set_organization(&mut self, id: &str, organization_id: Option<String>) {
        if let Some(session) = self.by_id.get_mut(id) {
            session.last_active_organization_id = organization_id;
        }
    }

    /// The refresh token of a session: `fresh` if it had none.
    pub(crate) fn refresh_token(&mut self, id: &str, fresh: String) -> Option<String> {
        Some(self.by_id.get_mut(id)?.refresh_token.get_or_insert(fresh).clone())
    }

    /// When a session of the client last began or ended, in milliseconds.
    pub(crate) fn client_changed_at(&self, client_id: &str) -> Option<i64> {
        self.clients.get(client_id).map(|client| client.updated_at)
    }

    pub(crate) fn client_body(&self, id: &str, now_ms: i64) -> Result<Value, Refusal> {
        let client = self.clients.get(id);
        let client = client.ok_or_else(|| Refusal::not_found(format!("No client was found with id {id}")))?;
        let sessions: Vec<_> = client.session_ids.iter().filter_map(|id| self.by_id.get(id)).collect();
        Ok(client.body(&sessions, now_ms))
    }

    /// Takes away everything that belongs to a user who is gone.
    pub(crate) fn forget_user(&mut self, user_id: &str) {
        for id in self.of_user.remove(user_id).unwrap_or_default() {
            if let Some(session) = self.by_id.remove(&id)
                && let Some(client) = self.clients.get_mut(&session.client_id)
            {
                client.session_ids.retain(|other| *other != id);
                if client.session_ids.is_empty() {
                    self.clients.remove(&session.client_id);
                }
            }
        }
    }
}
