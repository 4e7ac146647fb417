//! Whether our user may do on each table what it must.

use super::{finding::Finding, patient::Patient};

pub(super) const NAME: &str = "privileges";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    if !patient.is_mapped {
        return vec![Finding::note(NAME, "not checked: [users] cannot be used", "")];
    }
    let Some(store) = patient.store().await else { return Vec::new() };
    let rights = match store.rights().await {
        Ok(rights) => rights,
        Err(error) => return vec![Finding::problem(NAME, error.to_string(), GRANTS)],
    };
    let mut findings = Vec::new();
    for (table, lacking) in &rights.lacking {
        let found = format!("no right to {} on {table}", lacking.join(", "));
        findings.push(Finding::problem(
            NAME,
            found,
            format!("as its owner: grant {} on {table} to this user", lacking.join(", ")),
        ));
    }
    if !rights.hidden.is_empty() {
        let found =
            format!("row-level security may hide rows of {} from this user", rights.hidden.join(", "));
        findings.push(Finding::problem(NAME, found, "give the role bypassrls, or a policy for all rows"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, "nothing is lacking on the tables that are there"));
    }
    findings
}

const GRANTS: &str = "give this user the rights that docs/operations.md lists";
