//! `/sign-up`: a new user, signed in, and on to the app.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use url::Url;

use crate::core::{Core, Registration};
use crate::refusal::Refusal;
use crate::webhook::HttpRequest;

use super::super::body::UrlForm;
use super::super::frontend::set_cookies;
use super::super::query::Query;
use super::guest::Guest;
use super::layout::{alert, bad_target, foreign_form, label, page, see_other};
use super::target::{Flow, for_browser, target, with_kept};

type Shared = State<Arc<Core>>;

pub(crate) async fn show(State(core): Shared, guest: Guest) -> Response {
    match target(&core, &guest.query, Flow::Joining) {
        Ok(_) => form_page(&core, &guest, &Query::default(), None),
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
    let target = match target(&core, &guest.query, Flow::Joining) {
        Ok(target) => target,
        Err(bad) => return bad_target(&bad),
    };
    let form = match form {
        Ok(UrlForm(form)) => form,
        Err(refusal) => return form_page(&core, &guest, &Query::default(), Some(&refusal)),
    };
    let registration = Registration {
        email: form.filled("email_address").unwrap_or_default(),
        // As if the code had been typed that Clerk would have sent.
        verified: true,
        password: form.first("password").filter(|password| !password.is_empty()).map(str::to_owned),
        first_name: form.filled("first_name"),
        last_name: form.filled("last_name"),
        username: form.filled("username"),
        ..Registration::default()
    };
    let browser = guest.visitor.ensure(&core);
    if let Err(refusal) = core.sign_up(&browser, registration, &request) {
        return form_page(&core, &guest, &form, Some(&refusal));
    }
    let next = target.map(|target| for_browser(&core, &target, &guest.visitor.host, &browser));
    let stays = form.first("stay").is_some() && !core.config.has_production_frontend();
    let mut response = match &next {
        next if stays => stayed(next.as_ref()),
        Some(next) => see_other(next.as_str()),
        None => see_other("/"),
    };
    set_cookies(&mut response, &guest.visitor.cookies(&core));
    response
}

/// What somebody who closes the tab too early leaves behind.
fn stayed(next: Option<&Url>) -> Response {
    let content = html! {
        p { "The user exists and is signed in, and Clerk has sent its webhook. The app was not visited." }
        @if let Some(next) = next {
            p { "You would have been sent to:" }
            p { a #continue href=(next) { (next) } }
        } @else {
            p { a #continue href="/" { "To the start page" } }
        }
    };
    page(StatusCode::OK, "signed-up", "Signed up; the app was not visited", &content)
}

fn form_page(core: &Core, guest: &Guest, form: &Query, refusal: Option<&Refusal>) -> Response {
    let status = refusal.map_or(200, Refusal::status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let general = refusal.filter(|refusal| !FIELDS.iter().any(|field| refusal.param() == Some(field.name)));
    let signed_in = guest.user(core);
    let content = html! {
        (alert(general.map(Refusal::long_message)))
        @if let Some(user) = signed_in {
            p #signed-in { "You are signed in as " strong { (label(&user)) } ". Signing up signs you out of that." }
        }
        form #sign-up-form method="post" action=(with_kept("/sign-up", &guest.query)) {
            @for field in FIELDS { (field.markup(form, refusal)) }
            @if !core.config.has_production_frontend() {
                div.check {
                    input #stay type="checkbox" name="stay" value="1" checked[form.first("stay").is_some()];
                    label for="stay" { "Do not go back to the app (as if the tab were closed)" }
                }
            }
            button #sign-up-submit type="submit" { "Sign up" }
        }
        p { "Already signed up? " a #to-sign-in href=(with_kept("/sign-in", &guest.query)) { "Sign in" } }
    };
    page(status, "sign-up", "Create an account", &content)
}

/// One input; its name is also its id.
struct Field {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    hint: &'static str,
}

const FIELDS: &[Field] = &[
    Field { name: "email_address", label: "E-mail address", kind: "email", autocomplete: "email", hint: "" },
    Field {
        name: "password",
        label: "Password",
        kind: "password",
        autocomplete: "new-password",
        hint: "8 characters or more. Without one, sign in from the list of users.",
    },
    Field { name: "first_name", label: "First name", kind: "text", autocomplete: "given-name", hint: "" },
    Field { name: "last_name", label: "Last name", kind: "text", autocomplete: "family-name", hint: "" },
    Field { name: "username", label: "User name", kind: "text", autocomplete: "username", hint: "" },
];

impl Field {
    fn markup(&self, form: &Query, refusal: Option<&Refusal>) -> Markup {
        let error = refusal.filter(|refusal| refusal.param() == Some(self.name)).map(Refusal::long_message);
        let secret = self.kind == "password";
        let value = form.first(self.name).filter(|_| !secret);
        let required = self.name == "email_address";
        let (hint_id, error_id) = (format!("{}-hint", self.name), format!("{}-error", self.name));
        let described = match (error, self.hint) {
            (Some(_), _) => Some(&error_id),
            (None, "") => None,
            (None, _) => Some(&hint_id),
        };
        html! {
            div.field {
                label for=(self.name) {
                    (self.label) @if !required { span.optional { " (optional)" } }
                }
                input id=(self.name) name=(self.name) type=(self.kind) autocomplete=(self.autocomplete)
                    value=[value] required[required] aria-invalid=[error.map(|_| "true")]
                    aria-describedby=[described];
                @if let Some(error) = error { p.error id=(error_id) { (error) } }
                @else if !self.hint.is_empty() { p.hint id=(hint_id) { (self.hint) } }
            }
        }
    }
}
