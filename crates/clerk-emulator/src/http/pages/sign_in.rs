//! `/sign-in`: by e-mail address or user name, or as somebody from the list.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use url::Url;

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::user::User;
use crate::webhook::HttpRequest;

use super::super::body::UrlForm;
use super::super::frontend::set_cookies;
use super::super::query::Query;
use super::guest::Guest;
use super::layout::{alert, bad_target, foreign_form, label, page, see_other};
use super::target::{Flow, for_browser, target, with_kept};

type Shared = State<Arc<Core>>;

/// The newest users; the others sign in by their address.
const LISTED: usize = 12;

pub(crate) async fn show(State(core): Shared, guest: Guest) -> Response {
    match target(&core, &guest.query, Flow::Returning) {
        Ok(target) => form_page(&core, &guest, target.as_ref(), &Query::default(), None),
        Err(bad) => bad_target(&bad),
    }
}

pub(crate) async fn submit(
    State(core): Shared,
    mut guest: Guest,
    request: HttpRequest,
    form: Result<UrlForm, Refusal>,
) -> Response {
    if !guest.from_here {
        return foreign_form();
    }
    let target = match target(&core, &guest.query, Flow::Returning) {
        Ok(target) => target,
        Err(bad) => return bad_target(&bad),
    };
    let form = match form {
        Ok(UrlForm(form)) => form,
        Err(refusal) => return form_page(&core, &guest, target.as_ref(), &Query::default(), Some(&refusal)),
    };
    let browser = guest.visitor.ensure(&core);
    let signed_in =
        chosen(&core, &form, &request).and_then(|user| core.sign_in(&browser, &user.id, &request));
    if let Err(refusal) = signed_in {
        return form_page(&core, &guest, target.as_ref(), &form, Some(&refusal));
    }
    let next = target.map(|target| for_browser(&core, &target, &guest.visitor.host, &browser));
    let mut response = see_other(next.as_ref().map_or("/", |next| next.as_str()));
    set_cookies(&mut response, &guest.visitor.cookies(&core));
    response
}

fn chosen(core: &Core, form: &Query, request: &HttpRequest) -> Result<Arc<User>, Refusal> {
    if let Some(id) = form.filled("user_id") {
        return core.user(&id).ok_or_else(|| Refusal::user_not_found(&id));
    }
    let identifier = form.filled("identifier").ok_or_else(|| Refusal::missing_param("identifier"))?;
    let user = core.identified(&identifier)?;
    if let Some(typed) = form.first("password").filter(|typed| !typed.is_empty()) {
        core.check_typed_password(&user, typed, request)?;
    }
    Ok(user)
}

fn form_page(
    core: &Core,
    guest: &Guest,
    target: Option<&Url>,
    form: &Query,
    refusal: Option<&Refusal>,
) -> Response {
    let status = refusal.map_or(200, Refusal::status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let (users, total) = newest(core);
    let action = with_kept("/sign-in", &guest.query);
    let browser = guest.visitor.browser.as_deref();
    let onward =
        target.zip(browser).map(|(target, browser)| for_browser(core, target, &guest.visitor.host, browser));
    let wrong = |name| refusal.filter(|refusal| refusal.param() == Some(name)).map(|_| "true");
    let content = html! {
        (alert(refusal.map(Refusal::long_message)))
        @if let Some(user) = guest.user(core) {
            p #signed-in { "You are signed in as " strong { (label(&user)) } "." }
            @if let Some(onward) = &onward { p { a.button #continue href=(onward) { "Go on as this user" } } }
        }
        form #sign-in-form method="post" action=(action) {
            div.field {
                label for="identifier" { "E-mail address or user name" }
                input #identifier name="identifier" type="text" autocomplete="username" required
                    value=[form.first("identifier")] aria-invalid=[wrong("identifier")]
                    aria-describedby=[wrong("identifier").map(|_| "error")];
            }
            div.field {
                label for="password" { "Password" span.optional { " (optional)" } }
                input #password name="password" type="password" autocomplete="current-password"
                    aria-invalid=[wrong("password")] aria-describedby="password-hint";
                p.hint #password-hint { "Checked only if you type one." }
            }
            button #sign-in-submit type="submit" { "Sign in" }
        }
        @if !users.is_empty() {
            h2 #people-title { "Or sign in as" }
            form #people-form method="post" action=(action) aria-labelledby="people-title" {
                ul.people {
                    @for user in &users {
                        li { button type="submit" name="user_id" value=(user.id) { (label(user)) } }
                    }
                }
            }
            @if total > users.len() {
                p.hint { "The newest " (users.len()) " of " (total) " users." }
            }
        }
        p { "New here? " a #to-sign-up href=(with_kept("/sign-up", &guest.query)) { "Sign up" } }
    };
    page(status, "sign-in", "Sign in", &content)
}

fn newest(core: &Core) -> (Vec<Arc<User>>, usize) {
    let world = core.read();
    let users = world.users.created().iter().rev().filter_map(|position| world.users.at(position));
    (users.take(LISTED).cloned().collect(), world.users.len())
}
