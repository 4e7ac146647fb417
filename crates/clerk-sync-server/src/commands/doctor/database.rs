//! Whether the database answers, and can be written.

use super::{
    finding::Finding,
    patient::{Patient, Trouble},
};
use clerk_sync::store::{Store, StoreError, StoreErrorKind};

pub(super) const NAME: &str = "database";

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let opened = match patient.database.clone().await {
        Ok(opened) => opened,
        Err(Trouble::NotAsked(why)) => return vec![Finding::note(NAME, format!("not checked: {why}"), "")],
        Err(Trouble::Passing { found }) => return vec![Finding::note(NAME, found, "try again in a while")],
        Err(Trouble::Ill { found, todo }) => return vec![Finding::problem(NAME, found, todo)],
    };
    let url = &patient.settings.database_url;
    let server = &opened.server;
    if server.is_read_only {
        let found = format!("{url} takes no writes: it is a replica, or tells its sessions to read only");
        return vec![Finding::problem(NAME, found, "name the primary server in DATABASE_URL")];
    }
    if server.schema.is_none() {
        let found = format!("{url} answers, but has no schema that tables of ours could be in");
        let todo = "make the schema that schema= in DATABASE_URL names, and grant this role usage on it";
        return vec![Finding::problem(NAME, found, todo)];
    }
    vec![Finding::ok(NAME, format!("{url} answers: {} {}", opened.store.name(), server.version))]
}

/// A check of what is in the database failed. If tables or rights are missing, that has lines of its own.
pub(super) async fn unread(store: &dyn Store, check: &'static str, error: &StoreError) -> Finding {
    let is_ready = async || store.schema().await.is_ok_and(|schema| schema.is_ready());
    if *error.kind() == StoreErrorKind::Schema && !is_ready().await {
        let found = "not checked: tables or rights are missing";
        return Finding::note(check, found, "see migrations, mapping and privileges");
    }
    Finding::problem(check, error.to_string(), "see the lines of database and privileges")
}
