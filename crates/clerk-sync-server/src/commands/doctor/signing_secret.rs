//! The form of the webhooks' signing secrets: whether they are whole.

use super::{finding::Finding, patient::Patient};
use secrecy::ExposeSecret as _;

pub(super) const NAME: &str = "signing secret";

/// What Clerk hands out, in bytes. The standard for webhooks allows 24 to 64.
const LEAST_BYTES: usize = 24;

pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    if patient.is_wrong("CLERK_WEBHOOK_SIGNING_SECRET") {
        return vec![Finding::note(NAME, "not checked: CLERK_WEBHOOK_SIGNING_SECRET is wrong", "")];
    }
    let secrets = match patient.settings.require_signing_secrets() {
        Ok(secrets) => secrets,
        Err(missing) => {
            let found = format!("{} is not set: POST /clerk/webhooks answers 503", missing.name);
            return vec![Finding::problem(NAME, found, missing.advice)];
        }
    };
    let short = secrets.iter().position(|secret| bytes(secret.expose_secret()) < LEAST_BYTES);
    if let Some(position) = short {
        let which = if secrets.len() == 1 { "it".to_owned() } else { format!("number {}", position + 1) };
        let found = format!("{which} is shorter than what Clerk hands out, so it was cut off");
        let todo = "copy it again, whole, from the endpoint's page in the Clerk dashboard";
        return vec![Finding::problem(NAME, found, todo)];
    }
    vec![match secrets.len() {
        1 => Finding::ok(NAME, "one, of good form"),
        count => {
            Finding::note(NAME, format!("{count}, of good form"), "after rotating, leave only the new one")
        }
    }]
}

/// How many bytes the base64 behind the prefix stands for. That it is base64 was checked when it was read.
fn bytes(secret: &str) -> usize {
    let digits = secret.trim_start_matches("whsec_").trim_end_matches('=');
    digits.len() * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_without_padding() {
        assert_eq!(bytes("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), 24);
        assert_eq!([bytes("whsec_YWI="), bytes("whsec_YQ=="), bytes("whsec_YWJj")], [2, 1, 3]);
    }
}
