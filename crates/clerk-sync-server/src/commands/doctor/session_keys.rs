//! The keys that session tokens are signed with: whether Clerk shows them, whether the publishable key leads to the same
//! ones, and whether `CLERK_JWT_KEY` is among them.

use super::{
    finding::Finding,
    keys::{COPY_JWT_KEY, JWT_KEY},
    patient::Patient,
    web::{self, described},
};
use clerk_auth::{
    Backend as _, HttpBackend, jwks::JwkSet, publishable_key::PublishableKey, signing_key::SigningKey,
};
use secrecy::ExposeSecret as _;

pub(super) const NAME: &str = "session keys";
const PUBLISHABLE: &str = "publishable key";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let settings = &patient.settings;
    let Some(secret) = settings.clerk_secret_key.clone() else { return Vec::new() };
    let backend = match HttpBackend::try_new(&settings.clerk_api_url, secret) {
        Ok(backend) => backend,
        Err(error) => return vec![Finding::problem(NAME, error.to_string(), "")],
    };
    let of_publishable = async {
        match &settings.clerk_publishable_key {
            Some(key) => Some((key, public_keys(patient, key).await)),
            None => None,
        }
    };
    let (ours, theirs) = tokio::join!(backend.signing_keys(), of_publishable);
    let ours = match ours {
        Ok(set) if set.keys().is_empty() => {
            let found = "Clerk shows no key that a session token could be signed with";
            return vec![Finding::problem(NAME, found, "is CLERK_API_URL Clerk's own address?")];
        }
        Ok(set) => set,
        Err(error) => {
            let todo = "nobody can be signed in without them; try again, and see the line of clerk";
            return vec![Finding::problem(NAME, error.to_string(), todo)];
        }
    };
    let mut findings = vec![Finding::ok(NAME, format!("{} readable", ours.keys().len()))];
    if let Some((key, theirs)) = theirs {
        findings.push(compare(key, &ours, theirs));
    }
    findings.extend(settings.clerk_jwt_key.as_ref().and_then(|pem| jwt_key(pem.expose_secret(), &ours)));
    findings
}

/// The same set as the Frontend API shows it to everyone.
async fn public_keys(patient: &Patient, key: &PublishableKey) -> Result<JwkSet, String> {
    let base = patient.settings.clerk_proxy_url.as_ref().unwrap_or_else(|| key.frontend_api_url());
    let address = format!("{}/.well-known/jwks.json", base.as_str().trim_end_matches('/'));
    let client = web::client(web::Route::AsConfigured)?;
    let answer = client.get(&address).send().await.map_err(|error| described(&error))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("{base} answered with status {}", status.as_u16()));
    }
    let body = web::body(answer).await?;
    JwkSet::parse(body.as_bytes()).map_err(|error| format!("{base}: {error}"))
}

fn compare(key: &PublishableKey, ours: &JwkSet, theirs: Result<JwkSet, String>) -> Finding {
    match theirs {
        Err(why) => Finding::note(
            PUBLISHABLE,
            format!("could not be compared with the secret key: {why}"),
            "only browsers need that address; can they reach it?",
        ),
        Ok(theirs) if theirs.keys().iter().any(|jwk| ours.keys().contains(jwk)) => {
            Finding::ok(PUBLISHABLE, "of the same instance as the secret key")
        }
        Ok(_) => Finding::problem(
            PUBLISHABLE,
            format!("its instance ({}) signs with other keys than the secret key's", key.frontend_api_host()),
            "copy CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY from the same instance",
        ),
    }
}

/// `None` for one that cannot even be read, which is told elsewhere.
fn jwt_key(pem: &str, ours: &JwkSet) -> Option<Finding> {
    let key = SigningKey::from_pem(pem).ok()?;
    Some(if ours.keys().iter().any(|jwk| key.is_same_as(jwk)) {
        Finding::ok(JWT_KEY, "CLERK_JWT_KEY is a key of the instance")
    } else {
        let found = "CLERK_JWT_KEY is no key of the instance: every session token is refused";
        Finding::problem(JWT_KEY, found, COPY_JWT_KEY)
    })
}
