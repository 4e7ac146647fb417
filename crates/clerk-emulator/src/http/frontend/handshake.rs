//! `GET /v1/client/handshake`: sends a browser back to the app with what the app should know of it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::core::{Core, HandshakeRequest, HandshakeResult};
use crate::refusal::Refusal;
use crate::site::{web_url, with_parameter};
use crate::state::nonces::NONCE_LIFETIME_MS;

use super::super::cookies::cookie;
use super::super::query::Query;
use super::visitor::request_host;

const TOKEN: &str = "__clerk_handshake";
const NONCE: &str = "__clerk_handshake_nonce";
/// Longer than any page's address.
const MAX_URL_BYTES: usize = 16 * 1024;

pub(crate) async fn handshake(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Refusal> {
    let asked = query.first("redirect_url").filter(|url| !url.is_empty());
    let asked = asked.ok_or_else(|| Refusal::missing_query("redirect_url"))?;
    let redirect_url = web_url(asked).filter(|_| asked.len() <= MAX_URL_BYTES).ok_or_else(|| {
        let long = "redirect_url must be an absolute http or https URL, such as http://localhost:3000/page.";
        Refusal::bad_query("redirect_url", long)
    })?;
    let production = core.config.has_production_frontend();
    let text = |name: &str| query.first(name).map(str::to_owned);
    let request = HandshakeRequest {
        browser: if production { cookie(&headers, "__client") } else { text("__clerk_db_jwt") },
        suffixed: query.first("suffixed_cookies") == Some("true"),
        takes_nonce: query.first("format") == Some("nonce"),
        organization: text("organization_id"),
        session_token: text("__session"),
        redirect_url,
    };
    let result = core.handshake(&request).await?;
    let (name, value) = match &result {
        HandshakeResult::Nonce(nonce) => (NONCE, nonce),
        HandshakeResult::Token(token) => (TOKEN, token),
    };
    let mut target = request.redirect_url;
    let mut answer = StatusCode::TEMPORARY_REDIRECT.into_response();
    if production {
        let domain = core.site.cookie_domain(request_host(&headers));
        let domain = domain.map(|domain| format!(" Domain={domain};")).unwrap_or_default();
        let seconds = NONCE_LIFETIME_MS / 1_000;
        let secure = if target.scheme() == "https" { "; Secure" } else { "" };
        let set =
            format!("{name}={value}; Path=/;{domain} Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        insert(&mut answer, SET_COOKIE, &set)?;
    } else {
        // What an earlier handshake left in the address would be taken for the result of this one.
        for stale in [TOKEN, NONCE] {
            target = crate::site::without_parameter(&target, stale);
        }
        target = with_parameter(&target, name, value);
    }
    insert(&mut answer, LOCATION, target.as_str())?;
    insert(&mut answer, CACHE_CONTROL, "no-store")?;
    Ok(answer)
}

fn insert(answer: &mut Response, name: axum::http::HeaderName, value: &str) -> Result<(), Refusal> {
    let value =
        value.parse().map_err(|_| Refusal::internal("A header of the answer could not be written."))?;
    answer.headers_mut().append(name, value);
    Ok(())
}
