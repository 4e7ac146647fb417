//! Whether events wait that could not be applied.

use super::{database::unread, finding::Finding, patient::Patient};

pub(super) const NAME: &str = "dead letters";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(store) = patient.store().await else { return Vec::new() };
    vec![match store.gauges().await {
        Ok(gauges) if gauges.dead_letters == 0 => Finding::ok(NAME, "none"),
        Ok(gauges) => Finding::note(
            NAME,
            format!("{} of events that could not be applied", gauges.dead_letters),
            "clerk-sync dead-letters list says why, docs/operations.md what to do",
        ),
        Err(error) => unread(store.as_ref(), NAME, &error).await,
    }]
}
