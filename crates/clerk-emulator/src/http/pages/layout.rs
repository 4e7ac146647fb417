//! What all pages have in common: frame, style, headers.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::state::user::User;

use super::target::BadTarget;

const STYLE: &str = include_str!("page.css");
/// `form-action` also holds for the redirects that follow a form, and the app behind them may redirect further, so
/// every web origin is let through; where we ourselves redirect to was checked before.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' http: https:; \
                      base-uri 'none'; frame-ancestors 'none'";

/// A whole page. `name` marks it for scripts that drive it.
pub(crate) fn page(status: StatusCode, name: &str, title: &str, content: &Markup) -> Response {
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – local Clerk" }
                style { (PreEscaped(STYLE)) }
            }
            body data-page=(name) {
                main {
                    h1 { (title) }
                    (content)
                }
                footer {
                    p {
                        strong { "Local Clerk for development." }
                        " Nothing here reaches clerk.com, and everything is forgotten when it stops."
                    }
                }
            }
        }
    };
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        // Addresses of these pages name the browser; the next site need not know. Forms of ours keep their origin.
        (REFERRER_POLICY, "same-origin"),
    ];
    (status, headers, body.into_string()).into_response()
}

pub(crate) fn see_other(location: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(CACHE_CONTROL, "no-store")]).into_response();
    if let Ok(value) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

/// Said instead of sending a person to an address that is not the app's.
pub(crate) fn bad_target(target: &BadTarget) -> Response {
    let content = html! {
        p.alert role="alert" {
            "You would be sent on to an address that is not allowed: " code { (target.value) }
        }
        p {
            "The parameter " code { (target.parameter) } " must be an absolute http or https URL on localhost or "
            "loopback, beside the instance's own domain, or on an origin that the local Clerk was told to allow."
        }
    };
    page(StatusCode::BAD_REQUEST, "bad-target", "This link goes elsewhere", &content)
}

pub(crate) fn foreign_form() -> Response {
    let content = html! {
        p.alert role="alert" { "The form was sent from another site, so nothing was done." }
        p { "Open the page here and send it again." }
    };
    page(StatusCode::FORBIDDEN, "foreign-form", "Not from this page", &content)
}

/// A message above a form.
pub(crate) fn alert(message: Option<&str>) -> Markup {
    html! { @if let Some(message) = message { p.alert #error role="alert" { (message) } } }
}

/// How a user is called on these pages.
pub(crate) fn label(user: &User) -> String {
    let name: Vec<_> =
        [&user.first_name, &user.last_name].into_iter().flatten().map(String::as_str).collect();
    let name = name.join(" ");
    let address = user.primary_email().or(user.username.as_deref()).unwrap_or(&user.id);
    if name.is_empty() { address.to_owned() } else { format!("{name} ({address})") }
}
