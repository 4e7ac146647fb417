//! The keys of the instance: which kind they are, whether both are there, and the form of `CLERK_JWT_KEY`.

use super::{finding::Finding, patient::Patient};
use clerk_auth::{publishable_key::Environment, signing_key::SigningKey};
use secrecy::ExposeSecret as _;

pub(super) const NAME: &str = "keys";
pub(super) const JWT_KEY: &str = "jwt key";
pub(super) const COPY_JWT_KEY: &str = "copy it again from the Clerk dashboard, API keys, JWKS public key; or unset it, and the keys are fetched";

pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    let mut findings = of_the_instance(patient);
    // Whether it is the instance's is seen where that one's keys are.
    if let Some(pem) = &patient.settings.clerk_jwt_key
        && let Err(error) = SigningKey::from_pem(pem.expose_secret())
    {
        findings.push(Finding::problem(
            JWT_KEY,
            format!("CLERK_JWT_KEY cannot be used: {error}"),
            COPY_JWT_KEY,
        ));
    }
    findings
}

fn of_the_instance(patient: &Patient) -> Vec<Finding> {
    let settings = &patient.settings;
    let secret = match settings.require_secret_key() {
        Ok(key) => key,
        Err(_) if patient.is_wrong("CLERK_SECRET_KEY") => return not_checked("CLERK_SECRET_KEY"),
        Err(missing) => {
            return vec![Finding::problem(NAME, format!("{} is not set", missing.name), missing.advice)];
        }
    };
    let kind = match Environment::of_secret_key(secret.expose_secret()) {
        Some(Environment::Production) => "production (sk_live_)",
        _ => "development (sk_test_)",
    };
    let publishable = match settings.require_publishable_key() {
        Ok(key) => key,
        Err(_) if patient.is_wrong("CLERK_PUBLISHABLE_KEY") => return not_checked("CLERK_PUBLISHABLE_KEY"),
        Err(missing) => {
            let found = format!(
                "a {kind} secret key; {} is not set, so /clerk/after-sign-up, /clerk/me and /clerk/verify answer 503",
                missing.name
            );
            return vec![Finding::note(NAME, found, missing.advice)];
        }
    };
    if Environment::of_secret_key(secret.expose_secret()) != Some(publishable.environment()) {
        return vec![Finding::note(NAME, "of different kinds, see the settings", "")];
    }
    let found = format!("{kind}, Frontend API at {}", publishable.frontend_api_host());
    vec![Finding::ok(NAME, found)]
}

fn not_checked(setting: &str) -> Vec<Finding> {
    vec![Finding::note(NAME, format!("not checked: {setting} is wrong"), "")]
}
