//! Whether our tables are those that this program knows.

use super::{database::unread, finding::Finding, patient::Patient};
use clerk_sync::store::StoreErrorKind;

pub(super) const NAME: &str = "migrations";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(store) = patient.store().await else { return Vec::new() };
    vec![match store.schema().await {
        Ok(schema) if schema.found > schema.known => Finding::problem(
            NAME,
            format!("the schema is version {}, and this program knows {}", schema.found, schema.known),
            "run a newer clerk-sync",
        ),
        Ok(schema) if schema.found < schema.known => Finding::problem(
            NAME,
            format!("the schema is version {}, and this program works with {}", schema.found, schema.known),
            format!(
                "clerk-sync migrate, or clerk-sync serve; without the right to make tables, its owner applies what \
                 clerk-sync migrate --print --from {} prints",
                schema.found
            ),
        ),
        Ok(schema) => Finding::ok(NAME, format!("the schema is version {}, as it must be", schema.found)),
        Err(error) if *error.kind() == StoreErrorKind::Schema => Finding::note(
            NAME,
            "not checked: the users table is not as it must be",
            "see mapping and privileges",
        ),
        Err(error) => unread(store.as_ref(), NAME, &error).await,
    }]
}
