//! `/sign-out`: ends the browser's session.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use crate::core::Core;
use crate::webhook::HttpRequest;

use super::super::frontend::set_cookies;
use super::guest::Guest;
use super::layout::{bad_target, foreign_form, label, page, see_other};
use super::target::{Flow, for_browser, target, with_kept};

type Shared = State<Arc<Core>>;

/// Asks first: a link must not sign anybody out.
pub(crate) async fn show(State(core): Shared, guest: Guest) -> Response {
    if let Err(bad) = target(&core, &guest.query, Flow::Leaving) {
        return bad_target(&bad);
    }
    let content = match guest.user(&core) {
        Some(user) => html! {
            p #signed-in { "You are signed in as " strong { (label(&user)) } "." }
            form #sign-out-form method="post" action=(with_kept("/sign-out", &guest.query)) {
                button #sign-out-submit type="submit" { "Sign out" }
            }
        },
        None => html! {
            p { "Nobody is signed in here." }
            p { a.button #to-sign-in href=(with_kept("/sign-in", &guest.query)) { "Sign in" } }
        },
    };
    page(StatusCode::OK, "sign-out", "Sign out", &content)
}

pub(crate) async fn submit(State(core): Shared, guest: Guest, request: HttpRequest) -> Response {
    if !guest.from_here {
        return foreign_form();
    }
    let target = match target(&core, &guest.query, Flow::Leaving) {
        Ok(target) => target,
        Err(bad) => return bad_target(&bad),
    };
    if let Some(browser) = &guest.visitor.browser {
        core.sign_out(browser, &request);
    }
    let next = match (target, &guest.visitor.browser) {
        (Some(target), Some(browser)) => {
            for_browser(&core, &target, &guest.visitor.host, browser).to_string()
        }
        (Some(target), None) => target.to_string(),
        (None, _) => "/".to_owned(),
    };
    let mut response = see_other(&next);
    set_cookies(&mut response, &guest.visitor.cookies(&core));
    response
}
