//! The settings themselves: everything that is wrong with them, one line each.

use super::finding::Finding;
use crate::settings::{Loaded, Problem, Source};

const NAME: &str = "settings";
const TODO: &str = "mend it; clerk-sync config check shows every setting";

/// `mapping`: what is wrong with the columns, if that is not among the other problems.
pub(super) fn findings(loaded: &Loaded, mapping: Option<&Problem>) -> Vec<Finding> {
    let problems = loaded.problems.iter().chain(mapping);
    let mut findings: Vec<Finding> =
        problems.map(|problem| Finding::problem(NAME, problem.to_string(), TODO)).collect();
    if findings.is_empty() {
        let set = loaded.entries().iter().filter(|entry| entry.source != Source::Default).count();
        let defaults = loaded.entries().len() - set;
        findings.push(Finding::ok(NAME, format!("{set} set, {defaults} left to their defaults")));
    }
    findings.extend(loaded.notes.iter().map(|note| Finding::note(NAME, note.clone(), "")));
    findings
}
