//! Whether the users table can hold what the settings map.

use super::{finding::Finding, patient::Patient};
use clerk_sync::store::{Store, StoreErrorKind};

pub(super) const NAME: &str = "mapping";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    if !patient.is_mapped {
        return vec![Finding::note(NAME, "not checked: [users] cannot be used", "")];
    }
    let Some(store) = patient.store().await else { return Vec::new() };
    mapping_findings(store.as_ref()).await
}

/// The mapping against the table as it is: everything that is wrong with it, a line each.
async fn mapping_findings(store: &dyn Store) -> Vec<Finding> {
    let table = store.mapping().table();
    let schema = match store.schema().await {
        Ok(schema) => schema,
        Err(error) if *error.kind() == StoreErrorKind::Schema => {
            return vec![Finding::problem(NAME, error.to_string(), "see [users] in the settings file")];
        }
        Err(error) => return vec![super::database::unread(store, NAME, &error).await],
    };
    let mut findings = Vec::new();
    if schema.is_users_table_ready() {
        let count = store.mapping().columns().len();
        findings.push(Finding::ok(NAME, format!("{table} takes all {count} mapped columns")));
    }
    findings.extend(schema.users_table.iter().map(|finding| {
        let found = format!("{table}: {}", finding.problem);
        if finding.blocks {
            Finding::problem(NAME, found, finding.todo.clone())
        } else {
            Finding::note(NAME, found, finding.todo.clone())
        }
    }));
    findings
}
