//! The handshake: Clerk is asked through the browser (contract, sections d.4 to d.6).

use super::{Context, Facts, KeyAnswer, Need, Step, Stop, token};
use crate::{
    cookies::{self, REDIRECT_COUNT},
    decision::{Decision, Failure, Message},
    js,
    jwt::Jwt,
    reason::Reason,
    request::without,
    verify::{TokenError, check_signature},
};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use url::Url;

/// The version of Clerk's API whose answers we understand.
const API_VERSION: &str = "2026-05-12";
/// After so many handshakes in a row the next is not begun: something is wrong that it does not mend.
const LOOP: f64 = 3.0;
/// Development machines sleep, and wake up with wrong clocks.
const DEVELOPMENT_CLOCK_SKEW_MS: i64 = 24 * 60 * 60 * 1_000;

/// Sends a page's request to Clerk; anything else is nobody's.
pub(super) fn begin_if_eligible(context: &Context<'_>, reason: Reason, message: Message) -> Step {
    if !context.head.is_for_a_page() {
        return Ok(Decision::signed_out(reason, &message, HeaderMap::new()));
    }
    let address = address(context, &reason)?;
    redirect_if_eligible(context, reason, message, &address)
}

/// Sends a page's request anywhere, unless it has gone round too often.
pub(super) fn redirect_if_eligible(
    context: &Context<'_>,
    reason: Reason,
    message: Message,
    address: &Url,
) -> Step {
    let count = context.redirect_count();
    // The SDKs compare for equality: a count beyond it is somebody's invention, and redirects.
    if !context.head.is_for_a_page() || count == LOOP {
        return Ok(Decision::signed_out(reason, &message, HeaderMap::new()));
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, ascii(address.as_str())?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let cookie = format!("{REDIRECT_COUNT}={}; SameSite=Lax; HttpOnly; Max-Age=2", js::print(count + 1.0));
    headers.append(header::SET_COOKIE, ascii(&cookie)?);
    Ok(Decision::handshake(reason, &message, headers))
}

fn address(context: &Context<'_>, reason: &Reason) -> Step<Url> {
    let own = context.url()?;
    let origin = own.origin().ascii_serialization();
    let frontend_api = context.settings.frontend_api(&origin).ok_or(Failure::Address)?;
    let mut url = frontend_api.join("v1/client/handshake").map_err(|_| Failure::Address)?;
    let back = without(own, &["__clerk_db_jwt", "__dev_session"]);
    let mut query = url.query_pairs_mut();
    query
        .append_pair("redirect_url", back.as_str())
        .append_pair("__clerk_api_version", API_VERSION)
        .append_pair("suffixed_cookies", if context.is_suffixed { "true" } else { "false" })
        .append_pair("__clerk_hs_reason", &reason.as_str())
        .append_pair("format", "nonce");
    if let Some(token) = context.session_token() {
        query.append_pair(cookies::SESSION, token);
    }
    if context.settings.is_development()
        && let Some(id) = context.dev_browser()
    {
        query.append_pair(cookies::DEV_BROWSER, id);
    }
    drop(query);
    Ok(url)
}

/// Reads what came back from Clerk, if anything did. `None`: nothing did, or it is of no use.
pub(super) fn resolve(context: &Context<'_>, facts: &mut Facts<'_>) -> Step<Option<Decision>> {
    let Some(directives) = directives(context, facts)? else { return Ok(None) };
    let Some((mut headers, session)) = carry(&directives) else { return Ok(None) };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("null"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    if context.settings.is_development() {
        let clean = without(
            context.url()?,
            &["__clerk_handshake", "__clerk_help", "__clerk_db_jwt", "__clerk_handshake_nonce"],
        );
        headers.insert(header::LOCATION, ascii(clean.as_str())?);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if session.is_empty() {
        return Ok(Some(Decision::signed_out(Reason::SessionTokenMissing, &Message::None, headers)));
    }
    let mut verified = token::verify(context, facts, &session, context.clock_skew_ms())?;
    if context.settings.is_development()
        && let Err(token::TokenTrouble::Rejected(error)) = verified
        && error.is_about_time()
    {
        verified = token::verify(context, facts, &session, DEVELOPMENT_CLOCK_SKEW_MS)?;
    }
    Ok(verified.ok().map(|session| Decision::signed_in(session, headers)))
}

/// The cookies that Clerk wants set. `None` if there is no handshake to resolve.
fn directives(context: &Context<'_>, facts: &mut Facts<'_>) -> Step<Option<Vec<String>>> {
    if let Some(nonce) = context.handshake_nonce() {
        let known = facts.handshake.clone();
        let need = || Stop::Need(Need::HandshakePayload { nonce: nonce.to_owned() });
        return known.map(Some).ok_or_else(need);
    }
    let Some(raw) = context.handshake_token() else { return Ok(None) };
    match payload(facts, raw)? {
        Ok(payload) => Ok(read_directives(&payload)),
        // Someone changed keys, most likely: on a developer's machine it is better to stop and say so.
        Err(token::TokenTrouble::Rejected(error)) if context.settings.is_development() => {
            Err(Failure::Handshake(error).into())
        }
        Err(_) => Ok(None),
    }
}

/// The claims of a handshake token. It has no end: a browser may take its time.
fn payload(facts: &Facts<'_>, raw: &str) -> Result<Result<Value, token::TokenTrouble>, Need> {
    let Ok(jwt) = Jwt::decode(raw) else { return Ok(Err(TokenError::Invalid.into())) };
    if jwt.has_null_header() {
        return Ok(Err(token::TokenTrouble::Unexpected));
    }
    let key = match facts.key(&token::key_name(&jwt))? {
        KeyAnswer::Known(key) => key,
        KeyAnswer::Unavailable(error) => return Ok(Err(error.into())),
        KeyAnswer::Unknown => return Ok(Err(TokenError::KeyMismatch.into())),
    };
    let checked = check_signature(raw, &jwt, &key);
    // The class is judged between the algorithm and the signature.
    let error = match checked {
        Err(error @ (TokenError::Invalid | TokenError::InvalidAlgorithm)) => Some(error),
        _ if jwt.is_of_another_category() => Some(TokenError::Invalid),
        checked => checked.err(),
    };
    Ok(error.map_or_else(|| Ok(jwt.into_claims()), |error| Err(error.into())))
}

/// A list of texts; a claim of another kind is an empty one. `None` if an entry is no text.
fn read_directives(claims: &Value) -> Option<Vec<String>> {
    let Some(entries) = claims.get("handshake").and_then(Value::as_array) else { return Some(Vec::new()) };
    entries.iter().map(|entry| entry.as_str().map(str::to_owned)).collect()
}

/// The directives as headers, and the session token among them: the last one of that name; empty if there is none.
/// `None` if one of them is no header value.
pub(super) fn carry(directives: &[String]) -> Option<(HeaderMap, String)> {
    let mut headers = HeaderMap::new();
    let mut session = String::new();
    for directive in directives {
        headers.append(header::SET_COOKIE, HeaderValue::try_from(directive.trim()).ok()?);
        let (name, value) = cookies::directive(directive);
        if name.starts_with(cookies::SESSION) {
            session = value.unwrap_or_default().to_owned();
        }
    }
    Some((headers, session))
}

fn ascii(text: &str) -> Result<HeaderValue, Stop> {
    HeaderValue::try_from(text).map_err(|_| Stop::Failed(Failure::Address))
}
