//! `clerk-sync serve`.

use super::{chance, upkeep};
use crate::{
    cli::{CommandResult, Ending, Usage},
    http::{self, Public, admin, listener},
    mirror::{self, Mirror},
    people::People,
    settings::{Import, Loaded, Settings},
    telemetry,
};
use anyhow::Context as _;
use axum::Router;
use clerk_sync::{
    instance::BindError,
    reconcile::{Schedule, Timers},
    webhook::Verifier,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

const BIND_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_BIND_PAUSE: Duration = Duration::from_secs(30);

pub(crate) async fn run(loaded: Loaded, migrates: bool) -> CommandResult {
    let notes = loaded.notes.clone();
    let (settings, mapping) = mirror::checked(loaded)?;
    telemetry::start(&settings.log, settings.log_format);
    for note in notes {
        tracing::info!("{note}");
    }
    let public = listener::bind(settings.listen, "CLERK_SYNC_LISTEN").await?;
    let admin = match settings.admin_listen {
        Some(address) => Some(listener::bind(address, "CLERK_SYNC_ADMIN_LISTEN").await?),
        None => None,
    };
    let store = mirror::ready_store(&settings, mapping, migrates).await?;
    let mirror = Mirror::start("serve", &settings, store)?;
    let stop = stop_on_signal()?;
    let service = Service { settings, mirror, public, admin, around: Box::new(|routes| routes) };
    service.run(stop).await?;
    Ok(Ending::Done)
}

/// A mirror with its listeners.
pub(crate) struct Service {
    pub(crate) settings: Settings,
    pub(crate) mirror: Mirror,
    pub(crate) public: TcpListener,
    pub(crate) admin: Option<TcpListener>,
    /// What lies around the public routes.
    pub(crate) around: Box<dyn FnOnce(Router) -> Router + Send>,
}

impl Service {
    /// Serves until `stop`, then drains.
    pub(crate) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { settings, mirror, public, admin, around } = self;
        // First of all whose database this is: nothing may be written for another instance.
        let unbound = match mirror.bind().await {
            Ok(()) => None,
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "it is not known yet which Clerk instance this is; webhooks are answered 503 until then");
                Some(error)
            }
            Err(error) => return Err(error.into()),
        };
        mirror.join();
        let verifier = verifier(&settings)?;
        if verifier.is_none() {
            tracing::warn!("CLERK_WEBHOOK_SIGNING_SECRET is not set: POST /clerk/webhooks answers 503");
        }
        tracing::info!(
            address = %public.local_addr()?, database = %settings.database_url, table = %mirror.engine.mapping().table(),
            "taking webhooks at /clerk/webhooks"
        );
        let people = People::start(&settings, &mirror)?;
        match &people {
            Ok(_) => tracing::info!(
                address = %public.local_addr()?,
                "taking people at /clerk/after-sign-up, judging requests at /clerk/verify"
            ),
            Err(missing) => {
                tracing::warn!("{missing}: /clerk/after-sign-up, /clerk/me and /clerk/verify answer 503")
            }
        }
        let routes = around(http::router(Public { mirror: mirror.clone(), verifier, people }));
        let listeners = tokio::spawn(listener::serve(public, routes, stop.clone()));
        let admin_listener = admin.map(|admin_listener| -> anyhow::Result<_> {
            let address = admin_listener.local_addr()?;
            tracing::info!(%address, "metrics at /metrics");
            let routes =
                admin::router(admin::Admin::new(mirror.clone(), settings.admin_token.clone(), address));
            Ok(tokio::spawn(listener::serve(admin_listener, routes, stop.clone())))
        });
        let admin_listener = admin_listener.transpose()?;
        let reconciling =
            tokio::spawn(reconcile(mirror.clone(), schedule(&settings, &mirror)?, stop.clone()));
        let purging = tokio::spawn(upkeep::purge_tombstones(mirror.clone(), settings.keep_tombstones));
        let carrying_out = tokio::spawn(upkeep::carry_out_deletions(mirror.clone()));
        let refused = match unbound {
            Some(_) => keep_binding(&mirror, &stop).await.err(),
            None => None,
        };
        if refused.is_some() {
            stop.cancel();
        }
        stop.cancelled().await;
        tracing::info!("stopping: letting running requests end");
        listeners.await.context("serving")?;
        if let Some(admin_listener) = admin_listener {
            admin_listener.await.context("serving the admin address")?;
        }
        purging.abort();
        carrying_out.abort();
        reconciling.await.context("reconciling")?;
        mirror.shut_down().await;
        match refused {
            Some(error) => Err(error.into()),
            None => {
                tracing::info!("stopped");
                Ok(())
            }
        }
    }
}

fn verifier(settings: &Settings) -> anyhow::Result<Option<Arc<Verifier>>> {
    if settings.webhook_signing_secrets.is_empty() {
        return Ok(None);
    }
    let verifier = Verifier::try_new(&settings.webhook_signing_secrets)
        .map_err(|error| Usage(format!("CLERK_WEBHOOK_SIGNING_SECRET: {error}")))?;
    Ok(Some(Arc::new(verifier)))
}

fn schedule(settings: &Settings, mirror: &Mirror) -> anyhow::Result<Schedule> {
    Ok(Schedule {
        holder: mirror.name.to_string(),
        import: settings.import == Import::Auto,
        catch_up_every: settings.catch_up_every,
        scrub_every: settings.scrub_every,
        seed: chance::number()?,
    })
}

/// Flow E, once it is known whose database this is.
async fn reconcile(mirror: Mirror, schedule: Schedule, stop: CancellationToken) {
    if !schedule.import && schedule.catch_up_every.is_none() && schedule.scrub_every.is_none() {
        tracing::info!(
            "CLERK_SYNC_IMPORT, CLERK_SYNC_CATCH_UP_EVERY and CLERK_SYNC_SCRUB_EVERY are off: nothing is reconciled"
        );
        return;
    }
    while mirror.engine.instance().is_none() {
        tokio::select! {
            () = mirror.clock.sleep(BIND_PAUSE) => {}
            () = stop.cancelled() => return,
        }
    }
    Timers::new(mirror.reconciler(), schedule).run(stop).await;
}

/// Asks again until the instance is known.
async fn keep_binding(mirror: &Mirror, stop: &CancellationToken) -> Result<(), BindError> {
    let mut pause = BIND_PAUSE;
    loop {
        tokio::select! {
            () = mirror.clock.sleep(pause) => {}
            () = stop.cancelled() => return Ok(()),
        }
        match mirror.bind().await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "it is still not known which Clerk instance this is");
                pause = (pause * 2).min(LONGEST_BIND_PAUSE);
            }
            result => return result,
        }
    }
}

/// Stops at SIGTERM or Ctrl-C.
pub(crate) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.cancel();
        // A second signal means at once.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(stop)
}
