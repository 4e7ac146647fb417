//! Renewing an expired session without the browser (contract, section d.3, row 13).

use super::{Context, Facts, Need, RefreshRequest, Stop, handshake, token};
use crate::{
    decision::Decision,
    jwt::Jwt,
    reason::{Reason, RefreshFailure},
    verify::TokenError,
};
use serde_json::Value;

pub(super) enum Outcome {
    Renewed(Decision),
    /// What is to be said of the token.
    Reason(Reason),
}

/// What is to be said of a token that did not verify; an expired one may be renewed on the way.
pub(super) fn reason_after(
    context: &Context<'_>,
    facts: &mut Facts<'_>,
    error: TokenError,
) -> Result<Outcome, Stop> {
    Ok(Outcome::Reason(match error {
        TokenError::Expired => match renew(context, facts)? {
            Ok(decision) => return Ok(Outcome::Renewed(decision)),
            Err(failure) => Reason::SessionTokenExpired(failure),
        },
        TokenError::NotActiveYet => Reason::SessionTokenNbf,
        TokenError::IatInTheFuture => Reason::SessionTokenIatInTheFuture,
        error => Reason::Token(error),
    }))
}

fn renew(context: &Context<'_>, facts: &mut Facts<'_>) -> Result<Result<Decision, RefreshFailure>, Stop> {
    if !context.head.is_get() {
        return Ok(Err(RefreshFailure::NotGet));
    }
    let Some(refresh_token) = context.cookies.refresh() else { return Ok(Err(RefreshFailure::NoCookie)) };
    let cookies = match &facts.refresh {
        Some(Ok(cookies)) => cookies.clone(),
        Some(Err(failure)) => return Ok(Err(failure.clone())),
        None => {
            return match request(context, refresh_token)? {
                Ok(request) => Err(Need::Refresh(Box::new(request)).into()),
                Err(failure) => Ok(Err(failure)),
            };
        }
    };
    if cookies.is_empty() {
        return Ok(Err(RefreshFailure::NoCookies));
    }
    let Some((headers, session)) = handshake::carry(&cookies) else {
        return Ok(Err(RefreshFailure::InvalidSessionToken));
    };
    Ok(match token::verify(context, facts, &session, context.clock_skew_ms())? {
        Ok(session) => Ok(Decision::signed_in(session, headers)),
        Err(_) => Err(RefreshFailure::InvalidSessionToken),
    })
}

fn request(
    context: &Context<'_>,
    refresh_token: &str,
) -> Result<Result<RefreshRequest, RefreshFailure>, Stop> {
    let expired = context.session_token().unwrap_or_default();
    let Ok(jwt) = Jwt::decode(expired) else { return Ok(Err(RefreshFailure::Undecodable)) };
    // Nothing vouches for this token: an id that is none must not become a path of Clerk's API.
    let is_id =
        |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let Some(session_id) = jwt.claim("sid").and_then(Value::as_str).filter(is_id) else {
        return Ok(Err(RefreshFailure::MissingSessionId));
    };
    Ok(Ok(RefreshRequest {
        session_id: session_id.to_owned(),
        suffixed_cookies: context.is_suffixed,
        expired_token: expired.to_owned(),
        refresh_token: refresh_token.to_owned(),
        request_origin: context.url()?.origin().ascii_serialization(),
        request_headers: context.head.headers().clone(),
    }))
}
