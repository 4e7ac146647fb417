//! A session, and the client (browser) it belongs to.

use std::sync::Arc;

use serde_json::{Value, json};

/// Clerk's default maximum.
const LIFETIME_MS: i64 = 7 * 86_400_000;
const ABANDONED_AFTER_MS: i64 = 30 * 86_400_000;

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user_id: Arc<str>,
    pub(crate) client_id: String,
    pub(crate) state: SessionState,
    pub(crate) last_active_organization_id: Option<String>,
    /// Made when a handshake first hands it out.
    pub(crate) refresh_token: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// What has been done to a session; whether it has expired follows from the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    Active,
    Ended,
    Removed,
    Revoked,
}

impl Session {
    pub(crate) fn status(&self, now_ms: i64) -> &'static str {
        match self.state {
            SessionState::Active if now_ms >= self.expire_at() => "expired",
            SessionState::Active => "active",
            SessionState::Ended => "ended",
            SessionState::Removed => "removed",
            SessionState::Revoked => "revoked",
        }
    }

    pub(crate) fn expire_at(&self) -> i64 {
        self.created_at + LIFETIME_MS
    }

    pub(crate) fn body(&self, now_ms: i64) -> Value {
        json!({
            "object": "session",
            "id": self.id,
            "user_id": &*self.user_id,
            "client_id": self.client_id,
            "actor": null,
            "status": self.status(now_ms),
            "last_active_organization_id": self.last_active_organization_id,
            "last_active_at": self.updated_at,
            "expire_at": self.expire_at(),
            "abandon_at": self.created_at + ABANDONED_AFTER_MS,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "tasks": null,
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) session_ids: Vec<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl Client {
    pub(crate) fn body(&self, sessions: &[&Session], now_ms: i64) -> Value {
        let active = sessions.iter().rev().find(|session| session.status(now_ms) == "active");
        json!({
            "object": "client",
            "id": self.id,
            "session_ids": self.session_ids,
            "sessions": sessions.iter().map(|session| session.body(now_ms)).collect::<Vec<_>>(),
            "sign_in_id": null,
            "sign_up_id": null,
            "last_active_session_id": active.map(|session| &session.id),
            "last_authentication_strategy": null,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }
}
