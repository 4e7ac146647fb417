//! `POST /v1/client/sign_ups`: e-mail address and password, without verification.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, Value, json};

use crate::core::{Core, Registration};
use crate::refusal::Refusal;
use crate::webhook::HttpRequest;

use super::super::body::UrlForm;
use super::super::query::Query;
use super::answer::{Answer, with_client};
use super::sign_ins::refuse_second_session;
use super::visitor::Visitor;

/// An unfinished sign-up would be abandoned after a day.
const ABANDONED_AFTER_MS: i64 = 86_400_000;

pub(crate) async fn create(
    State(core): State<Arc<Core>>,
    mut visitor: Visitor,
    request: HttpRequest,
    UrlForm(form): UrlForm,
) -> Answer {
    refuse_second_session(&core, &visitor)?;
    let registration = Registration {
        email: form.filled("email_address").ok_or_else(|| Refusal::missing_param("email_address"))?,
        verified: false,
        password: Some(password(&form)?),
        first_name: form.filled("first_name"),
        last_name: form.filled("last_name"),
        username: form.filled("username"),
        locale: form.filled("locale"),
        unsafe_metadata: unsafe_metadata(&form)?,
    };
    let browser = visitor.ensure(&core);
    let (user, session) = core.sign_up(&browser, registration, &request)?;
    let body = json!({
        "object": "sign_up_attempt",
        "id": core.chance_id("sua"),
        "status": "complete",
        "required_fields": ["email_address", "password"],
        "optional_fields": ["first_name", "last_name", "username"],
        "missing_fields": [],
        "unverified_fields": [],
        "verifications": {
            "email_address": null, "phone_number": null, "web3_wallet": null, "external_account": null,
        },
        "username": user.username,
        "email_address": user.primary_email(),
        "phone_number": null,
        "web3_wallet": null,
        "password_enabled": true,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "unsafe_metadata": &*user.metadata.unsafe_,
        "public_metadata": {},
        "custom_action": false,
        "external_id": null,
        "created_session_id": session.id,
        "created_user_id": &*user.id,
        "abandon_at": user.created_at + ABANDONED_AFTER_MS,
        "legal_accepted_at": null,
    });
    with_client(&core, &visitor, body).await
}

/// As it was typed, spaces included.
fn password(form: &Query) -> Result<String, Refusal> {
    let typed = form.first("password").filter(|password| !password.is_empty());
    typed.map(str::to_owned).ok_or_else(|| Refusal::missing_param("password"))
}

fn unsafe_metadata(form: &Query) -> Result<Map<String, Value>, Refusal> {
    let Some(text) = form.filled("unsafe_metadata") else { return Ok(Map::new()) };
    serde_json::from_str(&text).map_err(|_| Refusal::bad_format("unsafe_metadata", "a JSON object"))
}
