//! `GET /clerk/after-sign-up`: Clerk sends people here once they have signed up (flow A), and anyone may return (flow C).

use super::{
    Public,
    page::Page,
    visitor::{redirect, who},
};
use crate::people::People;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use clerk_auth::{RequestHead, Session, Status, gate::add_headers};
use clerk_sync::{ensure::EnsureError, user_id::UserId};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use url::form_urlencoded;

/// How long a person waits before a page says so.
const PATIENCE: Duration = Duration::from_secs(3);
/// When a page tries again by itself, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Says that this browser was sent to sign in a moment ago.
const ASKED: &str = "__clerk_sync_asked";
const ASKED_SECONDS: u32 = 10;

pub(super) async fn visit(State(public): State<Arc<Public>>, request: Request) -> Response {
    let people = match &public.people {
        Ok(people) => people,
        Err(missing) => return unset(missing.name),
    };
    let (parts, _) = request.into_parts();
    let clock = Arc::clone(&public.mirror.clock);
    // The row is written all the same: the person need not stay to see it.
    let cookies = Arc::new(OnceLock::new());
    let serving = tokio::spawn({
        let (people, cookies) = (Arc::clone(people), Arc::clone(&cookies));
        async move { serve(&people, &parts, &cookies).await }
    });
    tokio::select! {
        biased;
        answer = serving => answer.unwrap_or_else(|_| clerk_away(None)),
        () = clock.sleep(PATIENCE + Duration::from_millis(500)) => {
            let mut answer = clerk_away(None);
            // What a handshake ended with must not be lost: it cannot be had twice.
            if let Some(cookies) = cookies.get().cloned() {
                add_headers(cookies, answer.headers_mut());
            }
            answer
        }
    }
}

async fn serve(people: &People, parts: &Parts, cookies: &OnceLock<HeaderMap>) -> Response {
    let head = people.own_request(parts);
    let decision = who(people, &head).await;
    // The first and only one to set it.
    let _ = cookies.set(decision.headers.clone());
    if decision.clerk_was_away && decision.session().is_none() {
        return clerk_away(None);
    }
    if let Some(location) = decision.location().cloned() {
        return redirect(StatusCode::TEMPORARY_REDIRECT, location, decision.headers);
    }
    let mut answer = match (&decision.status, decision.session()) {
        (_, Some(session)) => welcome(people, parts, session).await,
        (Status::Failed(failure), _) => broken(people, &failure.to_string()),
        _ => stranger(people, &head, parts),
    };
    add_headers(decision.headers, answer.headers_mut());
    answer
}

/// Someone who is signed in: once the row is there they go on into the app.
async fn welcome(people: &People, parts: &Parts, session: &Session) -> Response {
    let Ok(user) = UserId::try_new(session.user_id()) else { return unknown(people) };
    match people.ensure.visit(&user, PATIENCE).await {
        Ok(_) => {
            let target = people.targets.resolve(wish(parts).as_deref());
            match HeaderValue::try_from(target.as_str()) {
                Ok(location) => redirect(StatusCode::SEE_OTHER, location, HeaderMap::new()),
                Err(_) => unknown(people),
            }
        }
        Err(EnsureError::Deleted | EnsureError::NotFound) => unknown(people),
        Err(EnsureError::Conflict) => conflict(),
        Err(EnsureError::ClerkAway { retry_after }) => clerk_away(retry_after),
        Err(error) => {
            tracing::warn!(%error, "a person who came from sign-up has to wait");
            database_away()
        }
    }
}

/// The address that was asked for; the first, if there are several.
fn wish(parts: &Parts) -> Option<String> {
    let query = parts.uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "redirect_url")
        .map(|(_, wish)| wish.into_owned())
}

/// Someone who is not signed in goes to sign in and comes back; but not twice in a row.
fn stranger(people: &People, head: &RequestHead<'_>, parts: &Parts) -> Response {
    let address = people.sign_in_address(head).and_then(|url| HeaderValue::try_from(url.as_str()).ok());
    match address {
        Some(address) if !was_asked(&parts.headers) => {
            let secure = if people.is_https() { "; Secure" } else { "" };
            let cookie = format!(
                "{ASKED}=1; Path=/clerk/after-sign-up; Max-Age={ASKED_SECONDS}; HttpOnly; SameSite=Lax{secure}"
            );
            let mut headers = HeaderMap::new();
            if let Ok(cookie) = HeaderValue::try_from(cookie) {
                headers.append(header::SET_COOKIE, cookie);
            }
            redirect(StatusCode::SEE_OTHER, address, headers)
        }
        address => {
            let sign_in = address.as_ref().and_then(|address| address.to_str().ok());
            let page = Page::new(
                StatusCode::UNAUTHORIZED,
                "You are not signed in here",
                "You were sent to sign in and came back without a session. Most often this browser blocks cookies. It \
                 can also be that a clock on our side is wrong.",
            )
            .text("Your account is safe: nothing is lost, and you can try again.");
            let page = sign_in
                .map(str::to_owned)
                .into_iter()
                .fold(page, |page, url| page.link("Sign in again", url));
            page.link("Go to the app", people.app_url.as_str()).into_response()
        }
    }
}

fn was_asked(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|text| text.split(';')).any(|pair| pair.trim() == format!("{ASKED}=1"))
}

fn waiting(text: &'static str, after: Duration) -> Response {
    Page::new(StatusCode::SERVICE_UNAVAILABLE, "One moment", text)
        .text("This page tries again by itself. You need not do anything.")
        .link("Try again now", "")
        .retrying(after)
        .into_response()
}

fn clerk_away(retry_after: Option<Duration>) -> Response {
    waiting(
        "Your account is not ready yet, because the service that you sign in with does not answer just now.",
        retry_after.unwrap_or(RETRY_AFTER),
    )
}

fn database_away() -> Response {
    waiting("Your account is not ready yet, because we cannot store it just now.", RETRY_AFTER)
}

fn unknown(people: &People) -> Response {
    let page = Page::new(
        StatusCode::NOT_FOUND,
        "This account does not exist",
        "The account that this browser is signed in with does not exist, or not any more. Sign out, then sign in or \
         sign up again.",
    );
    let page = people.sign_up_url.iter().fold(page, |page, url| page.link("Sign up", url.as_str()));
    page.link("Go to the app", people.app_url.as_str()).into_response()
}

fn conflict() -> Response {
    Page::new(
        StatusCode::CONFLICT,
        "Your account could not be set up",
        "Something in your account cannot be stored: it belongs to another account already, or does not fit. Trying \
         again does not help.",
    )
    .text("Please tell the people who run this app that setting up your account ended in a conflict.")
    .into_response()
}

/// Only on a developer's machine: Clerk's own middleware breaks here.
fn broken(people: &People, reason: &str) -> Response {
    Page::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "This request cannot be judged",
        format!("The reason: {reason}."),
    )
    .link("Go to the app", people.app_url.as_str())
    .into_response()
}

fn unset(name: &'static str) -> Response {
    let page = Page::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "This is not set up yet",
        format!("{name} is not set. Whoever runs this service must set it."),
    );
    let mut response = page.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    response
}
