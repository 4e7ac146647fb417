//! Which of the two sets of cookies is read: the plain ones or those with the instance's suffix (contract, section c.2).

use super::{Facts, Stop, token::Peek};
use crate::{cookies::ClerkCookies, decision::Failure, js, settings::AuthSettings};
use serde_json::Value;
use std::sync::Arc;

/// The set that is read.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) is_suffixed: bool,
    /// Its session cookie, if there is one and it can be read.
    pub(super) session: Option<Peek>,
}

/// Chooses a set, and looks at its session.
pub(super) fn choose(
    cookies: &ClerkCookies<'_>,
    settings: &AuthSettings,
    facts: &Facts<'_>,
    now_ms: i64,
) -> Result<Chosen, Stop> {
    let plain = cookies.session.plain().and_then(|raw| Peek::at(facts, raw));
    let suffixed = match (cookies.session.suffixed(), &plain) {
        // Most often both hold the same token, which was looked at already.
        (Some(raw), Some(Peek::Verified(token))) if cookies.session.plain() == Some(raw) => {
            Some(Peek::Verified(Arc::clone(token)))
        }
        (Some(raw), _) => Peek::at(facts, raw),
        (None, _) => None,
    };
    let is_suffixed = is_suffixed(cookies, plain.as_ref(), suffixed.as_ref(), settings, now_ms)?;
    Ok(Chosen { is_suffixed, session: if is_suffixed { suffixed } else { plain } })
}

/// The choice covers session, client and browser together. The first rule that applies counts.
fn is_suffixed(
    cookies: &ClerkCookies<'_>,
    plain: Option<&Peek>,
    suffixed: Option<&Peek>,
    settings: &AuthSettings,
    now_ms: i64,
) -> Result<bool, Stop> {
    if cookies.session.plain().is_some() {
        let issuer = claim(plain, "iss")?;
        if !js::is_truthy(issuer) {
            return Ok(false);
        }
        if !is_of_instance(issuer, settings) {
            return Ok(true);
        }
    }
    let (plain_uat, suffixed_uat) = (cookies.client_uat.plain(), cookies.client_uat.suffixed());
    if suffixed_uat.is_none() && cookies.session.suffixed().is_none() {
        return Ok(false);
    }
    let issued_at = |token: Option<&Peek>| -> Result<f64, Stop> {
        let issued_at = js::to_number(claim(token, "iat")?.filter(|iat| js::is_truthy(Some(iat))));
        Ok(if issued_at.is_nan() { 0.0 } else { issued_at })
    };
    let plain_is_newer = issued_at(plain)? > issued_at(suffixed)?;
    let (plain_active, suffixed_active) = (plain_uat != Some("0"), suffixed_uat != Some("0"));
    if suffixed_active && plain_active && plain_is_newer {
        return Ok(false);
    }
    if !suffixed_active && plain_active {
        return Ok(false);
    }
    if settings.is_development() && suffixed_active && !plain_active && is_over(suffixed, now_ms)? {
        return Ok(false);
    }
    Ok(!(suffixed_uat.is_none() && cookies.session.suffixed().is_some()))
}

/// A claim of a token, if it is one at all. Claims that are `null` break the SDKs, here as anywhere.
fn claim<'t>(token: Option<&'t Peek>, name: &str) -> Result<Option<&'t Value>, Stop> {
    match token {
        Some(token) if token.has_null_claims() => Err(Failure::Cookie.into()),
        Some(token) => Ok(token.claim(name)),
        None => Ok(None),
    }
}

fn is_of_instance(issuer: Option<&Value>, settings: &AuthSettings) -> bool {
    let Some(issuer) = issuer.and_then(Value::as_str) else { return false };
    let scheme = issuer.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let scheme = scheme.or_else(|| issuer.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")));
    let host = issuer.get(scheme.map_or(0, str::len)..).unwrap_or_default();
    host == settings.publishable_key().frontend_api_host()
}

fn is_over(token: Option<&Peek>, now_ms: i64) -> Result<bool, Stop> {
    let Some(token) = token else { return Ok(false) };
    let expiry = js::to_number(claim(Some(token), "exp")?);
    Ok(expiry <= now_ms.div_euclid(1_000) as f64)
}
