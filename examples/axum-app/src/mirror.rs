//! clerk-sync inside the app: the table, the way to Clerk, and the two things that the layers ask.

use crate::settings::Settings;
use anyhow::Context as _;
use clerk_auth::{
    AuthSettings, Authenticator, HttpBackend,
    clock::{Clock, SystemClock},
    publishable_key::PublishableKey,
};
use clerk_sync::{
    clerk::{Budget, ClerkApi, HttpClerk, Reads},
    database_url::DatabaseUrl,
    engine::{DoorOptions, Engine},
    ensure::{EnsureOptions, EnsureUsers},
    instance,
    mapping::{Mapping, MappingSpec},
    metrics::Metrics,
    store,
};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Mirror {
    /// Writes rows; webhooks end here too.
    pub(crate) engine: Engine,
    /// Knows which rows are there.
    pub(crate) users: EnsureUsers,
    /// Knows who is asking.
    pub(crate) authenticator: Authenticator,
    pub(crate) clock: Arc<dyn Clock>,
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

        let secret = settings.clerk_secret_key.clone();
        let api = HttpClerk::try_new(&settings.clerk_api_url, secret.clone(), Arc::clone(&metrics))?;
        let clerk: Arc<dyn ClerkApi> = Arc::new(api);
        // Calls in any ten seconds: Clerk allows 100 for a test key and 1000 for a live one.
        let budget = Arc::new(Budget::new(100, Arc::clone(&clock)));
        let reads = Reads::new(Arc::clone(&clerk), Arc::clone(&budget));
        let engine =
            Engine::start(Arc::clone(&store), reads, Arc::clone(&clock), metrics, DoorOptions::default());
        // A database mirrors one Clerk instance. Another's key ends here, before it writes anything.
        engine.bound_to(instance::bind(store.as_ref(), clerk.as_ref(), &budget, &secret).await?);

        let key = PublishableKey::parse(&settings.clerk_publishable_key).context("CLERK_PUBLISHABLE_KEY")?;
        let mut auth = AuthSettings::new(key).with_authorized_parties([settings.origin()]);
        if let Some(proxy) = &settings.clerk_proxy_url {
            auth = auth.with_proxy_url(proxy).context("CLERK_PROXY_URL")?;
        }
        let backend = Arc::new(HttpBackend::try_new(&settings.clerk_api_url, secret)?);
        let authenticator =
            Authenticator::builder(auth).backend(backend).clock(Arc::clone(&clock)).build()?;
        let users = EnsureUsers::start(&engine, EnsureOptions::default());
        Ok(Self { engine, users, authenticator, clock })
    }

    /// Writes what still waits.
    pub(crate) async fn stop(self) {
        self.engine.drain().await;
        self.engine.store().close().await;
    }
}
