//! `/`: what this address is.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use crate::core::Core;

use super::guest::Guest;
use super::layout::{label, page};

pub(crate) async fn show(State(core): State<Arc<Core>>, guest: Guest) -> Response {
    let count = core.read().users.len();
    let content = html! {
        p {
            "This server answers in place of Clerk, so that an app can be tried without keys and without internet. It has "
            strong #user-count { (count) } " " (if count == 1 { "user" } else { "users" }) "."
        }
        @if let Some(user) = guest.user(&core) {
            p #signed-in { "You are signed in as " strong { (label(&user)) } "." }
            p { a.button #to-sign-out href="/sign-out" { "Sign out" } }
        } @else {
            p { a.button #to-sign-up href="/sign-up" { "Sign up" } }
            p { a.button.quiet #to-sign-in href="/sign-in" { "Sign in" } }
        }
    };
    page(StatusCode::OK, "index", "A local Clerk", &content)
}
