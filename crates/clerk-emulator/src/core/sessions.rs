//! What can be done to sessions, and the tokens made for them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::edit::Edit;
use crate::state::session::{Session, SessionState};
use crate::state::user_draft::UserChange;
use crate::state::{Event, World};
use crate::token::{
    ActiveOrganization, SESSION_CATEGORY, TEMPLATE_CATEGORY, TokenOptions, TokenSubject, session_claims,
    template_claims,
};
use crate::webhook::HttpRequest;

impl Core {
    /// Signs a user in, on a client of its own.
    pub(crate) fn start_session(
        &self,
        user_id: &str,
        organization_id: Option<&str>,
        request: &HttpRequest,
    ) -> Result<Session, Refusal> {
        self.start_session_on(None, user_id, organization_id, request)
    }

    /// Signs a user in, on a new client unless one is named.
    pub(crate) fn start_session_on(
        &self,
        client_id: Option<String>,
        user_id: &str,
        organization_id: Option<&str>,
        request: &HttpRequest,
    ) -> Result<Session, Refusal> {
        let now_ms = self.now_ms();
        let session = {
            let mut world = self.write();
            let user = Arc::clone(world.users.find(user_id)?);
            if let Some(organization_id) = organization_id {
                world.organizations.find_membership(organization_id, user_id)?;
            }
            let session = Session {
                id: world.ids.make("sess", now_ms),
                user_id: Arc::clone(&user.id),
                client_id: client_id.unwrap_or_else(|| world.ids.make("client", now_ms)),
                state: SessionState::Active,
                last_active_organization_id: organization_id.map(str::to_owned),
                refresh_token: None,
                created_at: now_ms,
                updated_at: now_ms,
            };
            world.sessions.start(session.clone());
            self.publish_session("session.created", &session, request);
            session
        };
        let change =
            UserChange { edits: vec![Edit::LastSignInAt(Some(now_ms)), Edit::LastActiveAt(Some(now_ms))] };
        self.update_user(user_id, change, request)?;
        Ok(session)
    }

    pub(crate) fn close_session(
        &self,
        id: &str,
        state: SessionState,
        request: &HttpRequest,
    ) -> Result<Session, Refusal> {
        let mut world = self.write();
        if let Some(session) = world.sessions.close(id, state, self.now_ms()) {
            self.publish_session(event_of(state), &session, request);
        }
        world.sessions.find(id).cloned()
    }

    pub(crate) fn close_sessions_of(
        &self,
        world: &mut World,
        user_id: &str,
        state: SessionState,
        request: &HttpRequest,
    ) {
        let ids: Vec<_> = world.sessions.of_user(user_id).iter().map(|session| session.id.clone()).collect();
        for id in ids {
            if let Some(session) = world.sessions.close(&id, state, self.now_ms()) {
                self.publish_session(event_of(state), &session, request);
            }
        }
    }

    fn publish_session(&self, event_type: &str, session: &Session, request: &HttpRequest) {
        let user_id = Some(Arc::clone(&session.user_id));
        self.publish(&Event::new(event_type, user_id, session.body(self.now_ms())), request);
    }

    pub(crate) async fn session_token(
        &self,
        session_id: &str,
        options: &TokenOptions,
        template: Option<&str>,
    ) -> Result<String, Refusal> {
        let subject = self.token_subject(session_id)?;
        let now_ms = self.now_ms();
        let token_id = self.trace_id();
        let (claims, category) = match template {
            None => (session_claims(&subject, options, &token_id, now_ms), SESSION_CATEGORY),
            Some(_) => (template_claims(&subject, options, &token_id, now_ms), TEMPLATE_CATEGORY),
        };
        let key = self.key().await?;
        let category = options.category.as_deref().unwrap_or(category);
        let key_id = options.key_id.as_deref().unwrap_or(&key.id);
        let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": key_id, "cat": category });
        if !options.first_version && template.is_none() {
            header["oiat"] = json!(subject.signed_in_at_ms / 1_000);
        }
        key.sign(&header, &claims)
    }

    fn token_subject(&self, session_id: &str) -> Result<TokenSubject, Refusal> {
        let world = self.read();
        let session = world.sessions.find(session_id)?;
        if session.status(self.now_ms()) != "active" {
            return Err(Refusal::not_found(format!("Session {session_id} is not active")));
        }
        let organization = session.last_active_organization_id.as_ref().and_then(|id| {
            let organization = world.organizations.find(id).ok()?;
            let role = world.organizations.membership(id, &session.user_id)?.role;
            Some(ActiveOrganization {
                id: organization.id.clone(),
                slug: organization.slug.clone(),
                role: role.key().to_owned(),
                permissions: role.permissions().iter().copied().map(str::to_owned).collect(),
            })
        });
        Ok(TokenSubject {
            issuer: self.issuer.clone(),
            user_id: session.user_id.to_string(),
            session_id: session.id.clone(),
            signed_in_at_ms: session.created_at,
            organization,
        })
    }

    /// The client whose session a token belongs to.
    pub(crate) async fn verify_client(&self, token: &str) -> Result<Value, Refusal> {
        let claims = self.keys.open(token).await;
        let expired = |claims: &Value| claims["exp"].as_i64().is_none_or(|exp| exp * 1_000 <= self.now_ms());
        let Some(claims) = claims.filter(|claims| !expired(claims)) else {
            return Err(Refusal::bad_body("The token is invalid or has expired."));
        };
        let world = self.read();
        let session = world.sessions.find(claims["sid"].as_str().unwrap_or_default())?;
        world.sessions.client_body(&session.client_id, self.now_ms())
    }
}

fn event_of(state: SessionState) -> &'static str {
    match state {
        SessionState::Revoked => "session.revoked",
        SessionState::Removed => "session.removed",
        SessionState::Active | SessionState::Ended => "session.ended",
    }
}
