//! From settings to the parts that work together: store, Clerk's client, engine.

use crate::{
    cli::Usage,
    commands::holder::holder,
    settings::{Loaded, Settings},
    table,
};
use anyhow::Context as _;
use clerk_auth::clock::{Clock, SystemClock};
use clerk_sync::{
    clerk::{
        Budget, ClerkApi, ClerkError, HttpClerk, Lane, Reads,
        shares::{ShareDesk as _, share},
    },
    engine::{DoorOptions, Engine},
    instance::{self, BindError},
    mapping::Mapping,
    metrics::Metrics,
    reconcile::{MaxDeletes, Reconciler},
    store::{self, Store, StoreError},
};
use secrecy::SecretString;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a command waits for a database that does not answer yet.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// How long the last writes may take.
const DRAIN: Duration = Duration::from_secs(15);
/// How long giving back the share of the rate limit may take; it runs out by itself otherwise.
const LEAVE: Duration = Duration::from_secs(2);
/// How long closing the connections may take.
const CLOSE: Duration = Duration::from_secs(2);

/// Everything that works on one database.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) engine: Engine,
    clerk: Arc<dyn ClerkApi>,
    pub(crate) budget: Arc<Budget>,
    max_deletes: MaxDeletes,
    secret_key: SecretString,
    /// How this process is called among those on the same database.
    pub(crate) name: Arc<str>,
    sharing: Arc<Sharing>,
}

/// The task that keeps this process's share of Clerk's rate limit.
#[derive(Debug, Default)]
struct Sharing {
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The settings and the mapping they describe, or everything that is wrong with them.
pub(crate) fn checked(mut loaded: Loaded) -> anyhow::Result<(Settings, Arc<Mapping>)> {
    let mapping = table::mapping(&mut loaded);
    let settings = loaded.into_settings().map_err(|problems| Usage(problems.to_string()))?;
    // Without a problem there is a mapping.
    let mapping = mapping.ok_or_else(|| Usage("[users] cannot be used".to_owned()))?;
    Ok((settings, Arc::new(mapping)))
}

/// Opens the database that the settings name.
pub(crate) async fn open_store(settings: &Settings, mapping: Arc<Mapping>) -> anyhow::Result<Arc<dyn Store>> {
    store::open(&settings.database_url, mapping)
        .await
        .with_context(|| format!("DATABASE_URL {}", settings.database_url))
}

/// Opens the database for work: its schema is made ready, or, without `migrate`, must be, and the mapping is fitted to the
/// users table. Waits a while for a database that is not there yet.
pub(crate) async fn ready_store(
    settings: &Settings,
    mapping: Arc<Mapping>,
    migrate: bool,
) -> anyhow::Result<Arc<dyn Store>> {
    secret_key(settings)?;
    let store = open_store(settings, mapping).await?;
    let clock = SystemClock::new();
    let give_up = clock.monotonic() + DATABASE_PATIENCE;
    loop {
        match make_ready(&store, migrate).await {
            Ok(ready) => return Ok(ready),
            Err(error) if is_transient(&error) && clock.monotonic() < give_up => {
                tracing::warn!(error = format!("{error:#}"), "the database does not answer yet");
                clock.sleep(DATABASE_PAUSE).await;
            }
            Err(error) => return Err(error.context(format!("DATABASE_URL {}", settings.database_url))),
        }
    }
}

fn is_transient(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<clerk_sync::store::StoreError>()
        .is_some_and(clerk_sync::store::StoreError::is_transient)
}

async fn make_ready(store: &Arc<dyn Store>, migrate: bool) -> anyhow::Result<Arc<dyn Store>> {
    if migrate {
        for done in store.migrate().await? {
            tracing::info!("migrated: {done}");
        }
    } else {
        require_ready(store.as_ref()).await?;
    }
    Ok(store.fitted().await?.unwrap_or_else(|| Arc::clone(store)))
}

/// Opens the database for a command that migrates nothing: the schema must be there.
pub(crate) async fn open_to_look(loaded: Loaded) -> anyhow::Result<Arc<dyn Store>> {
    let (settings, mapping) = checked(loaded)?;
    let store = open_store(&settings, mapping).await?;
    require_ready(store.as_ref()).await.with_context(|| format!("DATABASE_URL {}", settings.database_url))?;
    Ok(store)
}

/// For commands that only look: the schema must be there.
pub(crate) async fn require_ready(store: &dyn Store) -> anyhow::Result<()> {
    let schema = store.schema().await?;
    if schema.is_ready() {
        return Ok(());
    }
    let mut wrong = String::new();
    if schema.found != schema.known {
        wrong.push_str(&format!(
            "the database's schema is version {} and this program works with {}: run clerk-sync migrate, or apply what \
             clerk-sync migrate --print prints",
            schema.found, schema.known
        ));
    }
    for finding in schema.users_table.iter().filter(|finding| finding.blocks) {
        let separator = if wrong.is_empty() { "" } else { "\n  - " };
        wrong.push_str(&format!("{separator}the users table {}: {finding}", store.mapping().table()));
    }
    anyhow::bail!(wrong)
}

fn secret_key(settings: &Settings) -> Result<&SecretString, Usage> {
    settings.require_secret_key().map_err(|missing| Usage(missing.to_string()))
}

impl Mirror {
    /// Starts the engine. `command`: what this process does. But for [`Mirror::bind`], no call to Clerk is
    /// made before [`Mirror::join`].
    pub(crate) fn start(command: &str, settings: &Settings, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let secret_key = secret_key(settings)?.clone();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let metrics = Arc::new(Metrics::default());
        let clerk: Arc<dyn ClerkApi> =
            Arc::new(HttpClerk::try_new(&settings.clerk_api_url, secret_key.clone(), Arc::clone(&metrics))?);
        let budget = Arc::new(Budget::shared(settings.requests_per_10s, Arc::clone(&clock)));
        let reads = Reads::new(Arc::clone(&clerk), Arc::clone(&budget));
        let engine = Engine::start(
            Arc::clone(&store),
            reads,
            Arc::clone(&clock),
            Arc::clone(&metrics),
            DoorOptions::default(),
        );
        let max_deletes = settings.max_deletes;
        let (name, sharing) = (holder(command)?.into(), Arc::default());
        Ok(Self { store, clock, metrics, engine, clerk, budget, max_deletes, secret_key, name, sharing })
    }

    /// Takes part in the sharing of Clerk's rate limit. The schema must be ready.
    pub(crate) fn join(&self) {
        let (budget, store, name) =
            (Arc::clone(&self.budget), Arc::clone(&self.store), Arc::clone(&self.name));
        let stop = self.sharing.stop.clone();
        let task = tokio::spawn(async move { share(&budget, &store, &name, &stop).await });
        *self.sharing.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// What reconciles this mirror.
    pub(crate) fn reconciler(&self) -> Reconciler {
        let (clerk, budget) = (Arc::clone(&self.clerk), Arc::clone(&self.budget));
        Reconciler::new(self.engine.clone(), clerk, budget, self.max_deletes)
    }

    /// Claims a share once, to find out whether it can.
    pub(crate) async fn try_to_share(&self) -> Result<(), StoreError> {
        let now = self.clock.monotonic();
        let row = self.store.claim(&self.budget.share_request(&self.name)).await?;
        self.budget.set_grant(row.grant, now);
        Ok(())
    }

    /// How many users Clerk has.
    pub(crate) async fn count(&self, patience: Duration) -> Result<i64, ClerkError> {
        let permit = self.budget.permit(Lane::Person, patience).await?;
        self.clerk.count(permit).await
    }

    /// Gives the share of the rate limit back.
    pub(crate) async fn leave(&self) {
        self.sharing.stop.cancel();
        let task = self.sharing.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let abort = task.abort_handle();
            if tokio::time::timeout(LEAVE, task).await.is_err() {
                abort.abort();
            }
        }
    }

    /// Writes what is on its way, and lets the database go.
    pub(crate) async fn shut_down(&self) {
        if tokio::time::timeout(DRAIN, self.engine.drain()).await.is_err() {
            tracing::warn!("the last writes did not end in time; what was not acknowledged is sent again");
        }
        self.leave().await;
        // A database that has gone away says no good-bye.
        let _ = tokio::time::timeout(CLOSE, self.store.close()).await;
    }

    /// Finds out which instance this is, and tells the engine. Nothing is written before that is known, no share of the
    /// rate limit either: the one call that it may take is among those kept for processes that come anew.
    pub(crate) async fn bind(&self) -> Result<(), BindError> {
        if self.sharing.task.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.budget.set_grant(1, self.clock.monotonic());
        }
        let instance =
            instance::bind(self.store.as_ref(), self.clerk.as_ref(), &self.budget, &self.secret_key).await?;
        // Told once it is so: whoever waits for the line may send right away.
        self.engine.bound_to(instance.clone());
        tracing::info!(instance.id = instance, "this database mirrors the instance");
        Ok(())
    }
}
