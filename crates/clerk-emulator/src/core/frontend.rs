//! Users, sessions and clients as the Frontend API shows them.

use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::World;
use crate::state::browsers::SignInAttempt;
use crate::state::session::Session;
use crate::state::user::User;
use crate::token::TokenOptions;

/// How long an unfinished sign-in waits.
const ABANDONED_AFTER_MS: i64 = 86_400_000;

impl Core {
    /// The client of a browser with its active sessions, the newest with a fresh token; null if it has none.
    pub(crate) async fn frontend_client(
        &self,
        browser: Option<&str>,
        origin: Option<&str>,
    ) -> Result<Value, Refusal> {
        let Some(client_id) = browser.and_then(|browser| self.client_of(browser)) else {
            return Ok(Value::Null);
        };
        let (mut body, last_active) = {
            let now_ms = self.now_ms();
            let world = self.read();
            let sessions = world.sessions.of_client(&client_id);
            let active: Vec<_> =
                sessions.into_iter().filter(|session| session.status(now_ms) == "active").collect();
            let last_active = active.first().map(|session| session.id.clone());
            let known = browser.and_then(|browser| world.browsers.get(browser));
            let waiting = known.and_then(|browser| browser.sign_in.as_ref());
            let Some(client) = world.sessions.client(&client_id) else { return Ok(Value::Null) };
            let body = json!({
                "object": "client",
                "id": client_id,
                "sessions": active.iter().map(|session| self.session_of(&world, session)).collect::<Vec<_>>(),
                "sign_in": waiting.map(|attempt| self.sign_in_body(&world, attempt, None)),
                "sign_up": null,
                "last_active_session_id": last_active,
                "last_authentication_strategy": null,
                "cookie_expires_at": null,
                "captcha_bypass": false,
                "created_at": client.created_at,
                "updated_at": client.updated_at,
            });
            (body, last_active)
        };
        if let Some(id) = last_active {
            body["sessions"][0]["last_active_token"] = self.token_body(&id, origin).await?;
        }
        Ok(body)
    }

    /// A session of a browser with its user and a fresh token.
    pub(crate) async fn frontend_session(&self, id: &str, origin: Option<&str>) -> Result<Value, Refusal> {
        let (mut body, active) = {
            let world = self.read();
            let session = world.sessions.find(id)?;
            (self.session_of(&world, session), session.status(self.now_ms()) == "active")
        };
        if active {
            body["last_active_token"] = self.token_body(id, origin).await?;
        }
        Ok(body)
    }

    pub(crate) async fn token_body(&self, session_id: &str, origin: Option<&str>) -> Result<Value, Refusal> {
        let mut options = TokenOptions::new();
        if let Some(origin) = origin {
            options = options.authorized_party(origin);
        }
        let jwt = self.session_token(session_id, &options, None).await?;
        Ok(json!({ "object": "token", "jwt": jwt }))
    }

    /// A sign-in, finished if it has made a session.
    pub(crate) fn sign_in_body(
        &self,
        world: &World,
        attempt: &SignInAttempt,
        session_id: Option<&str>,
    ) -> Value {
        let verified = session_id.map(|_| json!({ "status": "verified", "strategy": "password" }));
        json!({
            "object": "sign_in_attempt",
            "id": attempt.id,
            "status": if session_id.is_some() { "complete" } else { "needs_first_factor" },
            "supported_identifiers": ["email_address", "username"],
            "supported_first_factors": [{ "strategy": "password" }],
            "supported_second_factors": null,
            "first_factor_verification": verified,
            "second_factor_verification": null,
            "identifier": attempt.identifier,
            "user_data": world.users.get(&attempt.user_id).map(|user| self.public_user(user)),
            "created_session_id": session_id,
            "abandon_at": self.now_ms() + ABANDONED_AFTER_MS,
        })
    }

    fn session_of(&self, world: &World, session: &Session) -> Value {
        let now_ms = self.now_ms();
        let mut body = session.body(now_ms);
        let minutes = ((now_ms - session.created_at) / 60_000).max(0);
        body["factor_verification_age"] = json!([minutes, -1]);
        body["last_active_token"] = Value::Null;
        if let Some(user) = world.users.get(&session.user_id) {
            body["user"] = self.own_user(world, user);
            body["public_user_data"] = self.public_user(user);
        }
        body
    }

    /// A user as they see themselves: without private metadata, with their memberships.
    fn own_user(&self, world: &World, user: &User) -> Value {
        let mut body = self.user_body(user);
        let memberships = world.organizations.memberships_of(&user.id);
        let memberships = memberships.filter_map(|membership| self.membership_body(world, membership).ok());
        body["organization_memberships"] = memberships.map(without_private_metadata).collect();
        without_private_metadata(body)
    }

    /// What anybody may see of a user.
    pub(crate) fn public_user(&self, user: &User) -> Value {
        let body = self.user_body(user);
        json!({
            "user_id": body["id"],
            "first_name": user.first_name,
            "last_name": user.last_name,
            "image_url": body["image_url"],
            "has_image": body["has_image"],
            "identifier": user.primary_email().or(user.username.as_deref()).or(user.primary_phone()).unwrap_or_default(),
            "username": user.username,
            "banned": user.banned,
        })
    }
}

fn without_private_metadata(mut body: Value) -> Value {
    if let Value::Object(members) = &mut body {
        members.remove("private_metadata");
        if let Some(Value::Object(organization)) = members.get_mut("organization") {
            organization.remove("private_metadata");
        }
    }
    body
}
