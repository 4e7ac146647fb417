//! How a body of the control API describes a session token.

use serde_json::Value;

use crate::refusal::Refusal;
use crate::token::TokenOptions;

use super::form::Form;

pub(crate) fn token_options(form: &mut Form) -> Result<TokenOptions, Refusal> {
    let mut options = TokenOptions::new();
    for (name, set) in [
        ("expires_in_seconds", TokenOptions::expires_in_seconds as fn(TokenOptions, i64) -> TokenOptions),
        ("issued_in_seconds", TokenOptions::issued_in_seconds),
        ("not_before_in_seconds", TokenOptions::not_before_in_seconds),
    ] {
        if let Some(seconds) = form.integer(name)?.flatten() {
            options = set(options, seconds);
        }
    }
    for (name, set) in [
        ("authorized_party", TokenOptions::authorized_party as fn(TokenOptions, String) -> TokenOptions),
        ("category", TokenOptions::category),
        ("key_id", TokenOptions::key_id),
        ("plan", |options, plan| options.plan(&plan)),
        ("features", |options, features| options.features(&features)),
    ] {
        if let Some(text) = form.text(name)?.flatten() {
            options = set(options, text);
        }
    }
    match form.integer("version")?.flatten() {
        None | Some(2) => {}
        Some(1) => options = options.first_version(),
        Some(_) => return Err(Refusal::bad_value("version", "version must be 1 or 2.")),
    }
    match form.text("status")?.flatten().as_deref() {
        None | Some("active") => {}
        Some("pending") => options = options.pending(),
        Some(_) => return Err(Refusal::bad_value("status", "status must be active or pending.")),
    }
    if let Some(actor) = form.object("actor")? {
        options = options.actor(Value::Object(actor));
    }
    for (name, value) in form.object("claims")?.unwrap_or_default() {
        options = options.claim(name, value);
    }
    Ok(options)
}
