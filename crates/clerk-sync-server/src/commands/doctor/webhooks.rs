//! Whether webhooks arrive: when the last one was accepted.

use super::{super::text::ago, database::unread, finding::Finding, patient::Patient};

pub(super) const NAME: &str = "webhooks";

/// After so long without any, it is worth asking why.
const QUIET_MS: i64 = 24 * 60 * 60 * 1_000;

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(store) = patient.store().await else { return Vec::new() };
    let last = match store.gauges().await {
        Ok(gauges) => gauges.last_event_at,
        Err(error) => return vec![unread(store.as_ref(), NAME, &error).await],
    };
    let age = last.map(|at| patient.clock.now_ms() - at);
    vec![match age {
        None => Finding::note(
            NAME,
            "none yet",
            "add the endpoint .../clerk/webhooks in the Clerk dashboard, Webhooks, and send a test event",
        ),
        Some(age) if age > QUIET_MS => Finding::note(
            NAME,
            format!("the last one was accepted {}", ago(age)),
            "is that as quiet as your app is? Look at the endpoint in the Clerk dashboard: disabled, or failing?",
        ),
        Some(age) => Finding::ok(NAME, format!("the last one was accepted {}", ago(age))),
    }]
}
