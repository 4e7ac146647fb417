//! Whether this database mirrors the instance that the secret key belongs to.

use super::{database::unread, finding::Finding, patient::Patient};
use clerk_sync::instance::is_known;

pub(super) const NAME: &str = "instance";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let (Some(store), Ok(seen)) = (patient.store().await, patient.clerk.clone().await) else {
        return Vec::new();
    };
    let found = &seen.sighting.instance.id;
    vec![match store.binding().await {
        Ok(None) => Finding::note(
            NAME,
            "this database mirrors none yet",
            "clerk-sync serve binds it to the key's at its first start",
        ),
        Ok(Some(bound)) if bound.instance_id == *found => {
            let known = patient.settings.clerk_secret_key.as_ref().is_some_and(|key| is_known(&bound, key));
            let more = if known { "" } else { "; the key is new here, so its first start needs Clerk" };
            Finding::ok(NAME, format!("this database mirrors {found}, the key's{more}"))
        }
        Ok(Some(bound)) => Finding::problem(
            NAME,
            format!("this database mirrors {}, and CLERK_SECRET_KEY belongs to {found}", bound.instance_id),
            format!("set the key of {}, or use another database", bound.instance_id),
        ),
        Err(error) => unread(store.as_ref(), NAME, &error).await,
    }]
}
