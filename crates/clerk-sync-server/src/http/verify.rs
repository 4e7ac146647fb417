//! `GET /clerk/verify`: a proxy asks whether a request may pass (flow D).

use super::{
    Public,
    error::ApiError,
    page::guard,
    peer::Peer,
    visitor::{CLERK_AWAY, in_time, redirect, row_missing},
};
use crate::people::People;
use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use clerk_auth::{AUTH_REASON, AUTH_STATUS, Decision, RequestHead, Session, Status, gate::add_headers};
use clerk_sync::{ensure::EnsureError, user_id::UserId};
use std::{net::IpAddr, sync::Arc, time::Duration};
use url::{Url, form_urlencoded};

/// How long the app's page may be kept waiting for a new row.
const PATIENCE: Duration = Duration::from_secs(3);

const USER_ID: HeaderName = HeaderName::from_static("x-clerk-user-id");
const SESSION_ID: HeaderName = HeaderName::from_static("x-clerk-session-id");
const ORGANIZATION_ID: HeaderName = HeaderName::from_static("x-clerk-org-id");

const UNTRUSTED: ApiError = ApiError::new(
    StatusCode::FORBIDDEN,
    "untrusted_peer",
    "Only proxies named in CLERK_SYNC_TRUSTED_PROXIES may ask.",
);
const NO_KEY: ApiError = ApiError::unavailable(
    "publishable_key_missing",
    "CLERK_PUBLISHABLE_KEY is not set.",
    Duration::from_secs(60),
);
const UNDESCRIBED: ApiError = ApiError::new(
    StatusCode::BAD_REQUEST,
    "bad_forwarded_headers",
    "X-Forwarded-Method, -Proto, -Host and -Uri describe no request.",
);
const SIGNED_OUT: ApiError = ApiError::new(StatusCode::UNAUTHORIZED, "signed_out", "Nobody is signed in.");
const PENDING: ApiError =
    ApiError::new(StatusCode::UNAUTHORIZED, "session_pending", "The session is not complete yet.");

/// How a handshake is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Handshake {
    /// As Clerk's own middleware does: 307.
    #[default]
    Redirect307,
    /// 401 with `Location`: nginx passes on nothing else.
    Unauthorized,
    /// A finished one redirects to the same address, for proxies that drop the cookies of a 200.
    RedirectFinished,
}

/// What the proxy wishes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Wishes {
    handshake: Handshake,
    /// A stranger who asked for a page is sent to sign in.
    sign_in: bool,
}

impl Wishes {
    fn read(parts: &Parts) -> Self {
        let mut wishes = Self::default();
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*name, &*value) {
                ("handshake", "401") => wishes.handshake = Handshake::Unauthorized,
                ("handshake", "redirect") => wishes.handshake = Handshake::RedirectFinished,
                ("sign_in", "redirect") => wishes.sign_in = true,
                _ => {}
            }
        }
        wishes
    }

    fn redirect(self, location: HeaderValue, headers: HeaderMap) -> Response {
        let status = match self.handshake {
            Handshake::Unauthorized => StatusCode::UNAUTHORIZED,
            _ => StatusCode::TEMPORARY_REDIRECT,
        };
        redirect(status, location, headers)
    }
}

pub(super) async fn judge(
    State(public): State<Arc<Public>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    let mut response = match &public.people {
        Ok(people) => in_time(public.mirror.clock.as_ref(), hear(people, peer, request)).await,
        Err(_) => NO_KEY.into_response(),
    };
    guard(response.headers_mut());
    response
}

async fn hear(people: &People, peer: IpAddr, request: Request) -> Response {
    if !people.trusted_proxies.contains(peer) {
        tracing::warn!(%peer, "a peer that is not trusted asked about a request: see CLERK_SYNC_TRUSTED_PROXIES");
        return UNTRUSTED.into_response();
    }
    let (parts, _) = request.into_parts();
    let Some(head) = described(&parts) else { return UNDESCRIBED.into_response() };
    let wishes = Wishes::read(&parts);
    let decision = people.authenticate(&head).await;
    let mut response = answer(people, &head, decision, wishes).await;
    if wishes.handshake == Handshake::Unauthorized {
        number_cookies(response.headers_mut());
    }
    response
}

/// The request that the proxy holds, by what it says of it; what it does not say is taken from its own request.
fn described(parts: &Parts) -> Option<RequestHead<'_>> {
    let method = match forwarded(parts, "x-forwarded-method") {
        Some(method) => Method::from_bytes(method.as_bytes()).ok()?,
        None => parts.method.clone(),
    };
    let own_host = || Some(String::from_utf8_lossy(parts.headers.get(header::HOST)?.as_bytes()).into_owned());
    let first = |text: String| text.split(',').next().map(|first| first.trim().to_owned());
    let host = forwarded(parts, "x-forwarded-host").and_then(first).or_else(own_host)?;
    let scheme = forwarded(parts, "x-forwarded-proto").and_then(first).unwrap_or_else(|| "http".to_owned());
    let own_path = || parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let path = forwarded(parts, "x-forwarded-uri").unwrap_or_else(own_path);
    let origin = origin(&scheme, &host).filter(|_| path.starts_with('/'))?;
    Some(RequestHead::new(method, origin, path, &parts.headers))
}

/// The origin that a scheme and a host make, if they make one and nothing more.
fn origin(scheme: &str, host: &str) -> Option<String> {
    let scheme = match scheme {
        // What some proxies say of a request that opens a web socket.
        "ws" => "http",
        "wss" => "https",
        scheme => scheme,
    };
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
    let is_origin = is_bare && url.query().is_none() && url.fragment().is_none();
    (is_origin && matches!(url.scheme(), "http" | "https")).then(|| url.origin().ascii_serialization())
}

fn forwarded(parts: &Parts, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(parts.headers.get(name)?.as_bytes()).into_owned();
    Some(text).filter(|text| !text.is_empty())
}

async fn answer(people: &People, head: &RequestHead<'_>, decision: Decision, wishes: Wishes) -> Response {
    if decision.clerk_was_away && decision.session().is_none() {
        return CLERK_AWAY.into_response();
    }
    let decision = match wishes.handshake {
        Handshake::RedirectFinished => decision.redirecting_if_cookies_are_new(head),
        _ => decision,
    };
    if let Some(location) = decision.location().cloned() {
        return wishes.redirect(location, decision.headers);
    }
    let mut response = match (&decision.status, decision.session()) {
        (_, Some(session)) => signed_in(people, session).await,
        (Status::SignedIn(_), None) => PENDING.into_response(),
        (Status::Failed(failure), None) => {
            let text = format!("This request cannot be judged: {failure}.\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
        _ => SIGNED_OUT.into_response(),
    };
    if wishes.sign_in
        && response.status() == StatusCode::UNAUTHORIZED
        && let Some(location) = people.way_in(head).and_then(|url| HeaderValue::try_from(url.as_str()).ok())
    {
        let mut headers = std::mem::take(response.headers_mut());
        headers.remove(header::CONTENT_TYPE);
        response = wishes.redirect(location, headers);
    }
    add_headers(decision.headers, response.headers_mut());
    response
}

/// Of several headers of one name nginx reads the first only, or all of them as one. So each cookie gets a header of
/// its own as well.
fn number_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    for (number, cookie) in (1..).zip(cookies) {
        if let Ok(name) = HeaderName::try_from(format!("x-clerk-set-cookie-{number}")) {
            headers.insert(name, cookie);
        }
    }
}

async fn signed_in(people: &People, session: &Session) -> Response {
    let user_id = session.user_id();
    if !people.ensure.is_known(user_id) {
        let Ok(user) = UserId::try_new(user_id) else { return refused("user-not-found") };
        match people.ensure.ensure(&user, session.claims().as_object(), PATIENCE).await {
            Ok(_) => {}
            Err(EnsureError::Deleted) => return refused("user-deleted"),
            Err(EnsureError::NotFound) => return refused("user-not-found"),
            Err(error) => return row_missing(&error).into_response(),
        }
    }
    let mut headers = HeaderMap::new();
    let organization = session.organization().map(|organization| &*organization.id);
    for (name, value) in
        [(USER_ID, Some(user_id)), (SESSION_ID, session.session_id()), (ORGANIZATION_ID, organization)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    (StatusCode::OK, headers).into_response()
}

/// Someone whose token is good and who is not, or no longer, a user here.
fn refused(reason: &'static str) -> Response {
    let mut response = SIGNED_OUT.into_response();
    let headers = response.headers_mut();
    headers.insert(AUTH_STATUS, HeaderValue::from_static("signed-out"));
    headers.insert(AUTH_REASON, HeaderValue::from_static(reason));
    response
}
