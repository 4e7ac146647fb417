//! `/v1/dev_browser`, `/v1/client` and the sessions of a client.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::session::SessionState;
use crate::webhook::HttpRequest;

use super::super::body::UrlForm;
use super::super::query::Query;
use super::answer::{Answer, answer, client, with_client};
use super::visitor::Visitor;

type Shared = State<Arc<Core>>;

pub(crate) async fn create_dev_browser(State(core): Shared) -> Result<Json<Value>, Refusal> {
    if core.config.has_production_frontend() {
        return Err(Refusal::not_found("Production instances have no dev browsers."));
    }
    Ok(Json(json!({ "object": "dev_browser", "id": core.create_browser("dvb") })))
}

pub(crate) async fn read(State(core): Shared, visitor: Visitor) -> Answer {
    client(&core, &visitor).await
}

pub(crate) async fn create(State(core): Shared, mut visitor: Visitor) -> Answer {
    let key = visitor.ensure(&core);
    core.ensure_client(&key);
    client(&core, &visitor).await
}

/// Signs out of every session; also what `DELETE /v1/client/sessions` does.
pub(crate) async fn sign_out(State(core): Shared, visitor: Visitor, request: HttpRequest) -> Answer {
    if let Some(browser) = &visitor.browser {
        core.sign_out(browser, &request);
    }
    client(&core, &visitor).await
}

/// Scripts send every method but GET as POST, and the one they mean in the query.
pub(crate) async fn dispatch(core: Shared, query: Query, visitor: Visitor, request: HttpRequest) -> Answer {
    match query.first("_method").map(str::to_uppercase).as_deref() {
        Some("DELETE") => sign_out(core, visitor, request).await,
        None | Some("PUT" | "POST") => create(core, visitor).await,
        Some(_) => Err(Refusal::unknown_route()),
    }
}

pub(crate) async fn dispatch_sessions(
    core: Shared,
    query: Query,
    visitor: Visitor,
    request: HttpRequest,
) -> Answer {
    match query.first("_method").map(str::to_uppercase).as_deref() {
        Some("DELETE") => sign_out(core, visitor, request).await,
        _ => Err(Refusal::unknown_route()),
    }
}

pub(crate) async fn session(State(core): Shared, Path(id): Path<String>, visitor: Visitor) -> Answer {
    own(&core, &visitor, &id)?;
    let body = core.frontend_session(&id, visitor.origin.as_deref()).await?;
    with_client(&core, &visitor, body).await
}

pub(crate) async fn touch(
    State(core): Shared,
    Path(id): Path<String>,
    visitor: Visitor,
    UrlForm(form): UrlForm,
) -> Answer {
    own_active(&core, &visitor, &id)?;
    if let Some(organization) = form.first("active_organization_id") {
        core.activate_organization(&id, organization);
    }
    let body = core.frontend_session(&id, visitor.origin.as_deref()).await?;
    with_client(&core, &visitor, body).await
}

/// Bare, unlike the others: browsers ask for it every minute.
pub(crate) async fn token(
    State(core): Shared,
    Path(id): Path<String>,
    visitor: Visitor,
    UrlForm(form): UrlForm,
) -> Answer {
    own_active(&core, &visitor, &id)?;
    if let Some(organization) = form.first("organization_id") {
        core.activate_organization(&id, organization);
    }
    let body = core.token_body(&id, visitor.origin.as_deref()).await?;
    Ok(answer(&core, &visitor, body))
}

pub(crate) async fn end(
    State(core): Shared,
    Path(id): Path<String>,
    visitor: Visitor,
    request: HttpRequest,
) -> Answer {
    close(&core, &visitor, &id, SessionState::Ended, &request).await
}

pub(crate) async fn remove(
    State(core): Shared,
    Path(id): Path<String>,
    visitor: Visitor,
    request: HttpRequest,
) -> Answer {
    close(&core, &visitor, &id, SessionState::Removed, &request).await
}

async fn close(
    core: &Core,
    visitor: &Visitor,
    id: &str,
    state: SessionState,
    request: &HttpRequest,
) -> Answer {
    own(core, visitor, id)?;
    core.close_session(id, state, request)?;
    let body = core.frontend_session(id, visitor.origin.as_deref()).await?;
    with_client(core, visitor, body).await
}

/// Refuses sessions of other browsers as if they did not exist.
fn own(core: &Core, visitor: &Visitor, id: &str) -> Result<(), Refusal> {
    let client_id = visitor.browser.as_deref().and_then(|browser| core.client_of(browser));
    let world = core.read();
    let session = world.sessions.find(id)?;
    if client_id.as_ref() == Some(&session.client_id) {
        return Ok(());
    }
    Err(Refusal::not_found(format!("No session was found with id {id}")))
}

/// 401 tells scripts to sign the page out.
fn own_active(core: &Core, visitor: &Visitor, id: &str) -> Result<(), Refusal> {
    own(core, visitor, id)?;
    if core.read().sessions.find(id)?.status(core.now_ms()) == "active" {
        return Ok(());
    }
    let long = format!("The session {id} is over: sign in again.");
    Err(Refusal::new(401, "authentication_invalid", "Invalid authentication", long))
}
