//! A request without a token in its header: the rows of contract section d.3, in their order.

use super::{Context, Facts, Step, handshake, on_token_trouble, token};
use crate::{
    decision::{Carrier, Decision, Failure, Message},
    js,
    reason::Reason,
    request::{RequestHead, with},
    settings::AuthSettings,
    verify::TokenError,
};
use http::HeaderMap;
use std::cmp::Ordering;
use url::Url;

pub(super) fn walk(context: &Context<'_>, facts: &mut Facts<'_>, session_peek: Option<token::Peek>) -> Step {
    // Row 1. A handshake that cannot be resolved leaves the request to the rows below.
    if let Some(decision) = handshake::resolve(context, facts)? {
        return Ok(decision);
    }
    if context.settings.is_development()
        && let Some(decision) = development_rows(context)?
    {
        return Ok(decision);
    }
    let nobody = |reason| Ok(Decision::signed_out(reason, &Message::None, HeaderMap::new()));
    let (session, client) = match (context.session_cookie(), context.client_uat()) {
        (None, None) => return nobody(Reason::SessionTokenAndUatMissing),
        (Some(_), None) => {
            return handshake::begin_if_eligible(context, Reason::SessionTokenButNoClientUat, Message::None);
        }
        (None, Some(_)) => {
            return handshake::begin_if_eligible(context, Reason::ClientUatButNoSessionToken, Message::None);
        }
        (Some(session), Some(client)) => (session, client),
    };
    let Some(token) = session_peek else {
        return on_token_trouble(context, facts, TokenError::Invalid.into(), Carrier::Cookie);
    };
    if token.is_of_another_class(session) {
        return nobody(Reason::TokenTypeMismatch);
    }
    if token.has_null_claims() {
        return Err(Failure::Cookie.into());
    }
    let issued_at = js::to_number(token.claim("iat"));
    if issued_at.partial_cmp(&client) == Some(Ordering::Less) {
        return handshake::begin_if_eligible(context, Reason::SessionTokenIatBeforeClientUat, Message::None);
    }
    let session = match token::verify_peek(context, facts, session, token, context.clock_skew_ms())? {
        Ok(session) => session,
        Err(trouble) => return on_token_trouble(context, facts, trouble, Carrier::Cookie),
    };
    if context.redirect_count() == 0.0 && comes_from_elsewhere(context) {
        let message = Message::Text(
            "The page was reached from another site: Clerk is asked whether the session changed.",
        );
        return handshake::begin_if_eligible(context, Reason::PrimaryDomainCrossOriginSync, message);
    }
    Ok(Decision::signed_in(session, HeaderMap::new()))
}

/// Rows 4 to 6: a development instance tells browsers apart by a value in the URL.
fn development_rows(context: &Context<'_>) -> Step<Option<Decision>> {
    if let Some(satellite) = context.query.redirect_url.as_deref().filter(|url| !url.is_empty()) {
        let mut back = Url::parse(satellite).map_err(|_| Failure::RedirectUrl)?;
        if let Some(id) = context.dev_browser() {
            back.query_pairs_mut().append_pair("__clerk_db_jwt", id);
        }
        let back = with(back, "__clerk_synced", "true");
        return handshake::redirect_if_eligible(
            context,
            Reason::PrimaryRespondsToSyncing,
            Message::None,
            &back,
        )
        .map(Some);
    }
    let reason = if context.query.dev_browser.is_some() {
        Reason::DevBrowserSync
    } else if context.dev_browser().is_none() {
        Reason::DevBrowserMissing
    } else {
        return Ok(None);
    };
    handshake::begin_if_eligible(context, reason, Message::None).map(Some)
}

/// Row 14: someone followed a link from another site, where the session may have changed.
fn comes_from_elsewhere(context: &Context<'_>) -> bool {
    let head = context.head;
    if !head.is_get() || head.fetch_destination().as_deref() != Some("document") {
        return false;
    }
    let (Some(referrer), Some(own)) = (referrer(head), head.url()) else { return false };
    referrer.origin().ascii_serialization() != own.origin().ascii_serialization()
        && !is_of_clerk(&referrer, &own, context.settings)
}

fn referrer(head: &RequestHead<'_>) -> Option<Url> {
    Url::parse(&head.referrer()?).ok()
}

/// Clerk's own pages: the Frontend API and the account portal, and for development instances any of their portals.
fn is_of_clerk(referrer: &Url, own: &Url, settings: &AuthSettings) -> bool {
    const PORTALS: [&str; 3] = [".accounts.dev", ".accountsstage.dev", ".accounts.lclclerk.com"];
    const OLD_PORTALS: [&str; 3] = [".lcl.dev", ".lclstage.dev", ".lclclerk.com"];
    let host = referrer.host_str().unwrap_or_default();
    if settings.frontend_api_name(&own.origin().ascii_serialization()).as_deref() == Some(host) {
        return true;
    }
    let is_portal = PORTALS
        .iter()
        .any(|suffix| host.strip_suffix(suffix).is_some_and(|instance| !instance.ends_with(".clerk")));
    let is_old_portal =
        host.starts_with("accounts.") && OLD_PORTALS.iter().any(|suffix| host.ends_with(suffix));
    if settings.is_development() && (is_portal || is_old_portal) {
        return true;
    }
    settings.accounts_portal().is_some_and(|portal| portal.origin() == referrer.origin())
}
