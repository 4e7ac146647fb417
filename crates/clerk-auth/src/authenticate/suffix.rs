//! Which of the two sets of cookies is read: the plain ones or those with the instance's suffix (contract, section c.2).

use super::{Facts, Stop, token::Peek};
use crate::{cookies::ClerkCookies, decision::Failure, js, settings::AuthSettings};
use serde_json::Value;

/// The choice covers session, client and browser together. The first rule that applies counts.
pub(super) fn is_suffixed(
    cookies: &ClerkCookies<'_>,
    settings: &AuthSettings,
    facts: &mut Facts<'_>,
    now_ms: i64,
) -> Result<bool, Stop> {
    let plain = cookies.session.plain().map(|raw| Peek::at(facts, raw));
    if let Some(token) = &plain {
        let issuer = claim(token.as_ref(), "iss")?;
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
    let suffixed = cookies.session.suffixed().and_then(|raw| Peek::at(facts, raw));
    let issued_at = |token: Option<&Peek>| -> Result<f64, Stop> {
        let issued_at = js::to_number(claim(token, "iat")?.filter(|iat| js::is_truthy(Some(iat))));
        Ok(if issued_at.is_nan() { 0.0 } else { issued_at })
    };
    let plain_is_newer = issued_at(plain.as_ref().and_then(Option::as_ref))? > issued_at(suffixed.as_ref())?;
    let (plain_active, suffixed_active) = (plain_uat != Some("0"), suffixed_uat != Some("0"));
    if suffixed_active && plain_active && plain_is_newer {
        return Ok(false);
    }
    if !suffixed_active && plain_active {
        return Ok(false);
    }
    if settings.is_development() && suffixed_active && !plain_active && is_over(suffixed.as_ref(), now_ms)? {
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
