//! Everything an instance knows: users, organizations, sessions, browsers.

pub(crate) mod browsers;
pub(crate) mod bulk;
pub(crate) mod check;
pub(crate) mod edit;
pub(crate) mod filter;
pub(crate) mod nonces;
pub(crate) mod order;
pub(crate) mod organization;
pub(crate) mod organizations;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod stretch;
pub(crate) mod user;
pub(crate) mod user_body;
pub(crate) mod user_draft;
pub(crate) mod users;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use crate::config::EmulatorConfig;
use crate::id::IdSource;

use browsers::Browsers;
use nonces::Nonces;
use organizations::Organizations;
use sessions::Sessions;
use users::Users;

/// The state behind one lock; nothing in it waits.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ids: IdSource,
    pub(crate) users: Users,
    pub(crate) organizations: Organizations,
    pub(crate) sessions: Sessions,
    pub(crate) browsers: Browsers,
    pub(crate) nonces: Nonces,
    /// Ids of sign-in tokens that have opened their door.
    pub(crate) used_tickets: HashSet<String>,
    /// Users made in bulk so far: the number of the next one.
    pub(crate) bulk_made: u64,
}

impl World {
    pub(crate) fn new(config: &EmulatorConfig) -> Self {
        Self {
            ids: IdSource::new(config.seed),
            users: Users::new(config.seed),
            organizations: Organizations::default(),
            sessions: Sessions::default(),
            browsers: Browsers::default(),
            nonces: Nonces::default(),
            used_tickets: HashSet::new(),
            bulk_made: 0,
        }
    }
}

/// Something that happened, before it is put into an envelope.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) event_type: String,
    /// The user it is about, if it is about one.
    pub(crate) user_id: Option<Arc<str>>,
    pub(crate) data: Value,
}

impl Event {
    pub(crate) fn new(event_type: &str, user_id: Option<Arc<str>>, data: Value) -> Self {
        Self { event_type: event_type.to_owned(), user_id, data }
    }
}
