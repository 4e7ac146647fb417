//! `clerk-sync dev`: a sample app, a local Clerk and clerk-sync in one process, without keys or internet.

mod one_host;
mod own_database;
mod sample_app;

use crate::{
    cli::{CommandResult, Ending, Usage, wants_json},
    commands::serve::{Service, stop_on_signal},
    http::listener,
    mirror::{self, Mirror},
    people,
    settings::{self, LogFormat, Settings, Sources},
    telemetry,
};
use anyhow::Context as _;
use clap::ArgMatches;
use clerk_emulator::{Emulator, EmulatorConfig};
use clerk_sync::{database_url::DatabaseUrl, mapping::Mapping};
use own_database::OwnDatabase;
use sample_app::{Addresses, SampleApp};
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::net::TcpListener;

/// The local Clerk is the same instance at each start, so that a database stays bound to it.
const SEED: u64 = 20_260_101;

/// The settings that `dev` takes from its environment.
const HEALING: [&str; 3] = ["CLERK_SYNC_IMPORT", "CLERK_SYNC_CATCH_UP_EVERY", "CLERK_SYNC_SCRUB_EVERY"];

pub(crate) async fn run(matches: &ArgMatches) -> CommandResult {
    let port = matches.get_one::<u16>("port").copied().unwrap_or(3000);
    let json = wants_json(matches);
    telemetry::start(if json { "warn" } else { "clerk_sync=info,warn" }, LogFormat::Text);
    let given = matches.get_one::<String>("database-url");
    let database_url = given.cloned().unwrap_or_else(OwnDatabase::url);
    let database =
        DatabaseUrl::parse(&database_url).map_err(|error| Usage(format!("--database-url: {error}")))?;
    let own = if given.is_none() { Some(OwnDatabase::claim()?) } else { None };

    let [app, clerk, public, admin] = listeners(port).await?;
    // Not before it is certain that we start.
    own.as_ref().map(OwnDatabase::empty).transpose()?;
    let config = EmulatorConfig::dev(SEED);
    let clerk = Emulator::start(config.clone(), clerk).context("starting the local Clerk")?;
    let addresses = Addresses {
        app: address(&app)?,
        clerk: format!("http://{}", clerk.address()),
        service: address(&public)?,
        admin: address(&admin)?,
        database: database.to_string(),
    };

    let (settings, mapping) = dev_settings(&config, &database_url, &addresses)?;
    let store = mirror::ready_store(&settings, mapping, true).await?;
    let mirror = Mirror::start("dev", &settings, store)?;
    clerk
        .set_webhook_url(Some(&format!("{}/clerk/webhooks", addresses.service)))
        .context("telling the local Clerk where webhooks go")?;
    let stop = stop_on_signal()?;
    let sample = SampleApp {
        clerk: clerk.handle().clone(),
        authenticator: people::authenticator(&settings, &mirror)??,
        store: Arc::clone(&mirror.store),
        clock: Arc::clone(&mirror.clock),
        addresses: addresses.clone(),
    };
    let pages = tokio::spawn(listener::serve(app, sample_app::router(sample), stop.clone()));
    announce(&addresses, &config, json);
    let one_host = {
        let address = addresses.service.clone();
        move |routes| one_host::one_host(routes, &address)
    };
    let service = Service { settings, mirror, public, admin: Some(admin), around: Box::new(one_host) };
    let served = service.run(stop.clone()).await;
    stop.cancel();
    // Its watchers hold connections open for ever.
    pages.abort();
    clerk.shutdown().await;
    served?;
    Ok(Ending::Done)
}

/// The four addresses: the port and the next three, or any free ones.
async fn listeners(port: u16) -> anyhow::Result<[TcpListener; 4]> {
    let listen = async |offset: u16| {
        let port = if port == 0 { Some(0) } else { port.checked_add(offset) };
        let port =
            port.ok_or_else(|| Usage("--port: there must be room for four ports up to 65535".to_owned()))?;
        TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.with_context(|| {
            format!("port {port} cannot be used: choose others with --port, or any free ones with --port 0")
        })
    };
    Ok([listen(0).await?, listen(1).await?, listen(2).await?, listen(3).await?])
}

fn address(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr().context("reading a listener's address")?))
}

/// The settings as somebody would write them, so that `dev` runs what `serve` runs.
fn dev_settings(
    config: &EmulatorConfig,
    database_url: &str,
    addresses: &Addresses,
) -> anyhow::Result<(Settings, Arc<Mapping>)> {
    let Addresses { app, clerk, service, admin, .. } = addresses;
    let listen = |address: &str| address.trim_start_matches("http://").to_owned();
    let environment = [
        ("CLERK_SECRET_KEY", config.secret_key.clone()),
        ("CLERK_PUBLISHABLE_KEY", config.publishable_key.clone()),
        ("CLERK_WEBHOOK_SIGNING_SECRET", config.webhook_secrets.join(",")),
        ("CLERK_API_URL", clerk.clone()),
        ("CLERK_PROXY_URL", clerk.clone()),
        ("CLERK_SIGN_IN_URL", format!("{clerk}/sign-in")),
        ("CLERK_SIGN_UP_URL", format!("{clerk}/sign-up")),
        ("DATABASE_URL", database_url.to_owned()),
        ("CLERK_SYNC_LISTEN", listen(service)),
        ("CLERK_SYNC_ADMIN_LISTEN", listen(admin)),
        ("CLERK_SYNC_APP_URL", app.clone()),
        ("CLERK_SYNC_PUBLIC_URL", service.clone()),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value));
    // How it heals may be looked at with and without.
    let given = settings::process_environment();
    let healing = given.into_iter().filter(|(name, _)| HEALING.contains(&name.as_str()));
    let environment = environment.chain(healing).collect();
    mirror::checked(settings::load(&Sources { environment, ..Sources::default() }))
}

fn announce(addresses: &Addresses, config: &EmulatorConfig, as_json: bool) {
    use std::io::Write as _;
    let Addresses { app, clerk, service, admin, database } = addresses;
    let text = if as_json {
        json!({"app": app, "clerk": clerk, "service": service, "admin": admin, "database": database})
            .to_string()
    } else {
        format!(
            "Open {app} in a browser: sign up, or create, rename and delete users, and watch the rows follow.\n\n\
             sample app    {app}\n\
             local Clerk   {clerk}   (CLERK_SECRET_KEY={})\n\
             clerk-sync    {service}   (people come to {service}/clerk/after-sign-up)\n\
             metrics       {admin}/metrics\n\
             database      {database}\n\n\
             Ctrl-C stops everything.",
            config.secret_key
        )
    };
    // Nobody may be reading; the addresses work all the same.
    let _ = writeln!(std::io::stdout(), "{text}");
}
