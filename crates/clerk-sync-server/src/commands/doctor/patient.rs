//! What the checks look at: the settings as far as they are usable, and the two who must answer before anything else can
//! be asked of them.

use super::BOUND;
use crate::{
    settings::{Loaded, Problem, Settings},
    table,
};
use clerk_auth::clock::{Clock, SystemClock};
use clerk_sync::{
    clerk::{Budget, ClerkError, ClerkErrorKind, HttpClerk, Lane, Sighting},
    database_url::{Address, DatabaseUrl, SqliteLocation},
    mapping::{Mapping, MappingSpec},
    metrics::Metrics,
    store::{Server, Store, StoreErrorKind},
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use secrecy::SecretString;
use std::sync::Arc;
use tokio::{net::TcpStream, time::timeout};

/// An answer that several checks wait for; asked for once.
pub(super) type Answer<T> = Shared<BoxFuture<'static, Result<T, Trouble>>>;

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// A setting is missing or wrong, and its own line says so.
    NotAsked(String),
    /// As the check that asks tells it.
    Ill { found: String, todo: String },
    /// The same, but it passes by itself.
    Passing { found: String },
}

impl Trouble {
    /// For the checks that depend on it.
    pub(super) fn why(&self, silence: &str) -> String {
        match self {
            Self::NotAsked(why) => why.clone(),
            Self::Ill { .. } | Self::Passing { .. } => silence.to_owned(),
        }
    }
}

/// A database that answers.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) server: Server,
}

/// Clerk's answer, and our time around it, Unix ms.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) sighting: Sighting,
    pub(super) before_ms: i64,
    pub(super) after_ms: i64,
}

/// See the module.
pub(super) struct Patient {
    pub(super) settings: Settings,
    wrong: Vec<&'static str>,
    /// Whether the mapping is the one that the settings describe.
    pub(super) is_mapped: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) clerk: Answer<Seen>,
    pub(super) database: Answer<Opened>,
}

impl Patient {
    /// Also answers what is wrong with the mapping.
    pub(super) fn new(settings: Settings, loaded: &Loaded) -> (Self, Option<Problem>) {
        let wrong = loaded.wrong();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (mapping, problem) = match table::mapping_of(&settings.users) {
            Ok(mapping) => (Some(mapping), None),
            Err(problem) => (None, Some(problem)),
        };
        let is_mapped = mapping.is_some();
        // Whether the database answers does not depend on the columns.
        let mapping = mapping.or_else(|| Mapping::try_new(MappingSpec::default()).ok());
        let clerk = bounded(look_at_clerk(settings.clone(), wrong.clone(), Arc::clone(&clock)), || {
            (settings.clerk_api_url.to_string(), ADVICE_CLERK.to_owned())
        });
        let database = bounded(open(settings.database_url.clone(), mapping, wrong.clone()), || {
            (settings.database_url.to_string(), ADVICE_DATABASE.to_owned())
        });
        (Self { settings, wrong, is_mapped, clock, clerk, database }, problem)
    }

    /// Whether a setting was given and cannot be used; its own line says so.
    pub(super) fn is_wrong(&self, setting: &str) -> bool {
        self.wrong.contains(&setting)
    }

    /// The database, for checks that are made only where it answers.
    pub(super) async fn store(&self) -> Option<Arc<dyn Store>> {
        self.database.clone().await.ok().map(|opened| opened.store)
    }

    pub(super) async fn close(&self) {
        if let Some(store) = self.store().await {
            store.close().await;
        }
    }
}

const ADVICE_CLERK: &str =
    "can this machine reach it (firewall, DNS, proxy)? is Clerk itself well (status.clerk.com)?";
const ADVICE_DATABASE: &str = "is the server up, and are host, port, user, password, database and TLS of DATABASE_URL right? A host that \
     lets it sleep may need a second try";

fn bounded<T: Clone + Send + 'static>(
    asking: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    silence: impl FnOnce() -> (String, String),
) -> Answer<T> {
    let (address, todo) = silence();
    async move {
        timeout(BOUND, asking).await.unwrap_or_else(|_| {
            let found = format!("{address} did not answer within {} s", BOUND.as_secs());
            Err(Trouble::Ill { found, todo })
        })
    }
    .boxed()
    .shared()
}

async fn look_at_clerk(
    settings: Settings,
    wrong: Vec<&'static str>,
    clock: Arc<dyn Clock>,
) -> Result<Seen, Trouble> {
    if let Some(name) = ["CLERK_SECRET_KEY", "CLERK_API_URL"].iter().find(|name| wrong.contains(*name)) {
        return Err(Trouble::NotAsked(format!("{name} is wrong")));
    }
    let Some(secret_key) = settings.clerk_secret_key.clone() else {
        return Err(Trouble::NotAsked("CLERK_SECRET_KEY is not set".to_owned()));
    };
    sighting(&settings, secret_key, &clock).await
}

async fn sighting(
    settings: &Settings,
    secret_key: SecretString,
    clock: &Arc<dyn Clock>,
) -> Result<Seen, Trouble> {
    let ill = |error: ClerkError| {
        let todo = match error.kind() {
            ClerkErrorKind::Throttled { .. } => return Trouble::Passing { found: error.to_string() },
            ClerkErrorKind::Refused => {
                "copy the secret key of your instance again from the Clerk dashboard, API keys; it may have been revoked"
                    .to_owned()
            }
            ClerkErrorKind::Unavailable => ADVICE_CLERK.to_owned(),
            _ => format!("is CLERK_API_URL right? It is {}, and nothing between may change answers", settings.clerk_api_url),
        };
        Trouble::Ill { found: format!("{}: {error}", settings.clerk_api_url), todo }
    };
    let clerk = HttpClerk::try_new(&settings.clerk_api_url, secret_key, Arc::new(Metrics::default()))
        .map_err(|error| Trouble::Ill { found: error.to_string(), todo: String::new() })?;
    // One call, of those that the processes on the database keep free for newcomers.
    let permit = Budget::new(1, Arc::clone(clock)).permit(Lane::Person, BOUND).await.map_err(ill)?;
    let before_ms = clock.now_ms();
    let sighting = clerk.look(permit).await.map_err(ill)?;
    Ok(Seen { sighting, before_ms, after_ms: clock.now_ms() })
}

async fn open(
    mut url: DatabaseUrl,
    mapping: Option<Mapping>,
    wrong: Vec<&'static str>,
) -> Result<Opened, Trouble> {
    if wrong.contains(&"DATABASE_URL") {
        return Err(Trouble::NotAsked("DATABASE_URL is wrong".to_owned()));
    }
    let Some(mapping) = mapping else {
        return Err(Trouble::NotAsked("[users] cannot be used".to_owned()));
    };
    if let DatabaseUrl::Sqlite(target) = &url
        && let SqliteLocation::File(path) = &target.location
        && !path.exists()
    {
        // Opening it would make it.
        let found = format!("{url}: there is no such file yet");
        return Err(Trouble::Ill {
            found,
            todo: "clerk-sync serve, or clerk-sync migrate, makes it".to_owned(),
        });
    }
    let name = url.to_string();
    let ill = |error: &dyn std::fmt::Display, is_schema: bool| {
        let todo = if is_schema { "see what the message asks for" } else { ADVICE_DATABASE };
        Trouble::Ill { found: format!("{name}: {error}"), todo: todo.to_owned() }
    };
    if let DatabaseUrl::Postgres(target) | DatabaseUrl::MySql(target) = &mut url {
        // The pool would try again where nobody listens, and not say why in the end.
        if let Address::Tcp { host, port } = &target.address {
            TcpStream::connect((host.as_str(), *port)).await.map_err(|error| ill(&error, false))?;
        }
        // How long this may take is our own business.
        target.pool_timeout = Some(BOUND * 2);
    }
    let store = clerk_sync::store::open(&url, Arc::new(mapping)).await.map_err(|error| ill(&error, false))?;
    let server =
        store.server().await.map_err(|error| ill(&error, *error.kind() == StoreErrorKind::Schema))?;
    Ok(Opened { store, server })
}
