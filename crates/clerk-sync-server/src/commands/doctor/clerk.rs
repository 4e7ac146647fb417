//! Whether Clerk answers, and as which instance it knows the secret key.

use super::{
    finding::Finding,
    patient::{Patient, Trouble},
};

pub(super) const NAME: &str = "clerk";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    vec![match patient.clerk.clone().await {
        Ok(seen) => {
            let kind = match seen.sighting.environment_type.as_deref() {
                Some(kind @ ("development" | "production")) => format!(", {kind}"),
                _ => String::new(),
            };
            let id = &seen.sighting.instance.id;
            Finding::ok(NAME, format!("{} answers: {id}{kind}", patient.settings.clerk_api_url))
        }
        Err(Trouble::NotAsked(why)) => Finding::note(NAME, format!("not checked: {why}"), ""),
        Err(Trouble::Passing { found }) => Finding::note(
            NAME,
            found,
            "try again in a while; CLERK_SYNC_REQUESTS_PER_10S may be above Clerk's limit",
        ),
        Err(Trouble::Ill { found, todo }) => Finding::problem(NAME, found, todo),
    }]
}
