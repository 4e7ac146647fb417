//! `/v1/client/sign_ins`: by password, at once or in two steps, or by a ticket.

use std::sync::Arc;

use axum::extract::{Path, State};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::browsers::SignInAttempt;
use crate::state::session::Session;
use crate::webhook::HttpRequest;

use super::super::body::UrlForm;
use super::super::query::Query;
use super::answer::{Answer, with_client};
use super::visitor::Visitor;

type Shared = State<Arc<Core>>;

pub(crate) async fn create(
    State(core): Shared,
    mut visitor: Visitor,
    request: HttpRequest,
    UrlForm(form): UrlForm,
) -> Answer {
    refuse_second_session(&core, &visitor)?;
    let strategy = form.filled("strategy");
    if strategy.as_deref() == Some("ticket") {
        let ticket = form.filled("ticket").ok_or_else(|| Refusal::missing_param("ticket"))?;
        let user_id = core.redeem_ticket(&ticket).await?;
        let attempt = SignInAttempt { id: core.chance_id("sia"), user_id, identifier: String::new() };
        let browser = visitor.ensure(&core);
        let session = core.sign_in(&browser, &attempt.user_id, &request)?;
        return complete(&core, &visitor, &attempt, &session).await;
    }
    check_strategy(strategy.as_deref())?;
    let identifier = form.filled("identifier").ok_or_else(|| Refusal::missing_param("identifier"))?;
    let user = core.identified(&identifier)?;
    let attempt = SignInAttempt { id: core.chance_id("sia"), user_id: user.id.to_string(), identifier };
    let browser = visitor.ensure(&core);
    if form.first("password").is_some_and(|password| !password.is_empty()) {
        return finish(&core, &visitor, &browser, &attempt, &form, &request).await;
    }
    // The script finds its way back to an unfinished sign-in through the client.
    core.ensure_client(&browser);
    let body = core.sign_in_body(&core.read(), &attempt, None);
    if let Some(browser) = core.write().browsers.get_mut(&browser) {
        browser.sign_in = Some(attempt);
    }
    with_client(&core, &visitor, body).await
}

pub(crate) async fn attempt_first_factor(
    State(core): Shared,
    Path(id): Path<String>,
    visitor: Visitor,
    request: HttpRequest,
    UrlForm(form): UrlForm,
) -> Answer {
    check_strategy(form.filled("strategy").as_deref())?;
    let waiting = visitor.browser.as_ref().and_then(|browser| {
        let attempt = core.read().browsers.get(browser)?.sign_in.clone();
        attempt.filter(|attempt| attempt.id == id).map(|attempt| (browser.clone(), attempt))
    });
    let Some((browser, attempt)) = waiting else {
        return Err(Refusal::not_found(format!("No sign-in was found with id {id}")));
    };
    finish(&core, &visitor, &browser, &attempt, &form, &request).await
}

async fn finish(
    core: &Core,
    visitor: &Visitor,
    browser: &str,
    attempt: &SignInAttempt,
    form: &Query,
    request: &HttpRequest,
) -> Answer {
    let password = form.first("password").unwrap_or_default();
    let user = core.user(&attempt.user_id).ok_or_else(|| Refusal::user_not_found(&attempt.user_id))?;
    core.check_typed_password(&user, password, request)?;
    let session = core.sign_in(browser, &user.id, request)?;
    complete(core, visitor, attempt, &session).await
}

async fn complete(core: &Core, visitor: &Visitor, attempt: &SignInAttempt, session: &Session) -> Answer {
    let body = core.sign_in_body(&core.read(), attempt, Some(&session.id));
    with_client(core, visitor, body).await
}

fn check_strategy(strategy: Option<&str>) -> Result<(), Refusal> {
    match strategy {
        None | Some("password") => Ok(()),
        Some(other) => {
            let long = format!("{other:?} is not emulated: sign in with a password or a ticket.");
            Err(Refusal::bad_value("strategy", long))
        }
    }
}

/// One session per browser, as instances have it by default.
pub(crate) fn refuse_second_session(core: &Core, visitor: &Visitor) -> Result<(), Refusal> {
    let signed_in = visitor.browser.as_deref().and_then(|browser| core.signed_in(browser, None));
    match signed_in {
        None => Ok(()),
        Some(_) => {
            Err(Refusal::new(400, "session_exists", "Session already exists", "You're already signed in."))
        }
    }
}
