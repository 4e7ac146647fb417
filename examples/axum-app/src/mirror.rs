//! clerk-sync inside the app: the table, the way to Clerk, what heals by itself, and the two things that the layers ask.

use crate::settings::Settings;
use anyhow::Context as _;
use clerk_auth::{
    AuthSettings, Authenticator, HttpBackend,
    clock::{Clock, SystemClock},
    publishable_key::PublishableKey,
};
use clerk_sync::{
    clerk::{Budget, ClerkApi, HttpClerk, Reads, shares},
    database_url::DatabaseUrl,
    engine::{DoorOptions, Engine},
    ensure::{EnsureOptions, EnsureUsers},
    instance,
    mapping::{Mapping, MappingSpec},
    metrics::Metrics,
    reconcile::{MaxDeletes, Reconciler, Schedule, Timers},
    store,
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(crate) struct Mirror {
    /// Writes rows; webhooks end here too.
    pub(crate) engine: Engine,
    /// Knows which rows are there.
    pub(crate) users: EnsureUsers,
    /// Knows who is asking.
    pub(crate) authenticator: Authenticator,
    pub(crate) clock: Arc<dyn Clock>,
    /// Ends what runs beside the requests.
    stop: CancellationToken,
    beside: JoinSet<()>,
}

const EACH_MINUTE: Duration = Duration::from_secs(60);

/// Names this process among those on the same database; another at each start.
fn process_name(clock: &dyn Clock) -> String {
    format!("axum-app, process {} since {}", std::process::id(), clock.now_ms())
}

/// Deletes rows whose users are gone and that wait: because other rows referred to them, or for `delete_after` to pass.
async fn delete_what_waits(engine: Engine, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        let look = async {
            if let Err(error) = engine.carry_out_deletions().await {
                tracing::warn!(%error, "rows that wait for their deletion were not looked at");
            }
            clock.sleep(EACH_MINUTE).await;
        };
        tokio::select! {
            () = look => {}
            // What is cut short is undone, and due as before.
            () = stop.cancelled() => return,
        }
    }
}

impl Mirror {
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let metrics = Arc::new(Metrics::default());

        // The default columns; `MappingSpec { columns, .. }` names others.
        let mapping = Arc::new(Mapping::try_new(MappingSpec::default())?);
        let database = DatabaseUrl::parse(&settings.database_url).context("DATABASE_URL")?;
        let store = store::open(&database, mapping).await?;
        store.migrate().await?;
        // Holds the mapping against the table's own types; a table that was there before is written as those want it.
        let store = store.fitted().await?.unwrap_or(store);

        let secret = settings.clerk_secret_key.clone();
        let api = HttpClerk::try_new(&settings.clerk_api_url, secret.clone(), Arc::clone(&metrics))?;
        let clerk: Arc<dyn ClerkApi> = Arc::new(api);
        // Calls in any ten seconds: Clerk allows 100 for a test key and 1000 for a live one.
        // Processes on one database share them.
        let budget = Arc::new(Budget::shared(100, Arc::clone(&clock)));
        let reads = Reads::new(Arc::clone(&clerk), Arc::clone(&budget));
        let engine =
            Engine::start(Arc::clone(&store), reads, Arc::clone(&clock), metrics, DoorOptions::default());
        let (name, stop, mut beside) =
            (process_name(clock.as_ref()), CancellationToken::new(), JoinSet::new());
        {
            let (budget, store, name, stop) =
                (Arc::clone(&budget), Arc::clone(&store), name.clone(), stop.clone());
            beside.spawn(async move { shares::share(&budget, &store, &name, &stop).await });
        }
        // A database mirrors one Clerk instance. Another's key ends here, before it writes anything.
        engine.bound_to(instance::bind(store.as_ref(), clerk.as_ref(), &budget, &secret).await?);

        // Imports who is there already, catches up with what no webhook told, and finds lost deletions.
        let reconciler = Reconciler::new(engine.clone(), clerk, budget, MaxDeletes::default());
        let schedule = Schedule {
            seed: clock.now_ms().unsigned_abs(),
            holder: name,
            import: true,
            catch_up_every: Some(Duration::from_secs(10)),
            scrub_every: Some(Duration::from_secs(24 * 60 * 60)),
        };
        beside.spawn(Timers::new(reconciler, schedule).run(stop.clone()));
        beside.spawn(delete_what_waits(engine.clone(), Arc::clone(&clock), stop.clone()));

        let key = PublishableKey::parse(&settings.clerk_publishable_key).context("CLERK_PUBLISHABLE_KEY")?;
        let mut auth = AuthSettings::new(key).with_authorized_parties([settings.origin()]);
        if let Some(proxy) = &settings.clerk_proxy_url {
            auth = auth.with_proxy_url(proxy).context("CLERK_PROXY_URL")?;
        }
        let backend = Arc::new(HttpBackend::try_new(&settings.clerk_api_url, secret)?);
        let authenticator =
            Authenticator::builder(auth).backend(backend).clock(Arc::clone(&clock)).build()?;
        let users = EnsureUsers::start(&engine, EnsureOptions::default());
        Ok(Self { engine, users, authenticator, clock, stop, beside })
    }

    /// Writes what still waits.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.beside.join_all().await;
        self.engine.drain().await;
        self.engine.store().close().await;
    }
}
