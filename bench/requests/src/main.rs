//! A server of one route, with as much in front of it as asked for. Pinned to one core by whoever measures it.

use anyhow::Context as _;
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::get,
};
use clap::{Parser, ValueEnum};
use clerk_auth::{
    AuthSettings, Authenticator, ClerkLayer, HttpBackend, Session,
    clock::{Clock, SystemClock},
    publishable_key::PublishableKey,
};
use clerk_sync::{
    clerk::{Budget, ClerkApi, HttpClerk, Reads},
    engine::{DoorOptions, Engine},
    ensure::{EnsureOptions, EnsureUserLayer, EnsureUsers},
    mapping::{Mapping, MappingSpec},
    metrics::Metrics,
    store::memory::MemoryStore,
};
use secrecy::SecretString;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tower::{Service as _, ServiceBuilder};
use url::Url;

#[derive(Debug, Parser)]
struct Options {
    /// What stands in front of the route.
    #[arg(long)]
    kind: Kind,
    /// Where to listen.
    #[arg(long, required_unless_present = "calls")]
    listen: Option<SocketAddr>,
    /// Calls the routes so often in this process, without a network, and ends: for counting instructions.
    #[arg(long, requires = "token")]
    calls: Option<u64>,
    /// A session token for `--calls`.
    #[arg(long)]
    token: Option<String>,
    #[arg(long, env = "CLERK_API_URL")]
    clerk: Url,
    #[arg(long, env = "CLERK_SECRET_KEY")]
    secret_key: SecretString,
    #[arg(long, env = "CLERK_PUBLISHABLE_KEY")]
    publishable_key: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Nothing.
    Bare,
    /// Who is asking.
    Layer,
    /// Who is asking, and its row.
    Ensure,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let router = router(&options)?;
    if let (Some(calls), Some(token)) = (options.calls, &options.token) {
        return call(router, calls, token).await;
    }
    let address = options.listen.context("--listen is missing")?;
    let listener = TcpListener::bind(address).await.context("listening")?;
    axum::serve(listener, router).await.context("serving")
}

/// Every answer is looked at: a refusal would be cheap.
async fn call(mut router: Router, calls: u64, token: &str) -> anyhow::Result<()> {
    for _ in 0..calls {
        let request =
            Request::get("/").header("host", "127.0.0.1").header("authorization", format!("Bearer {token}"));
        let answer = router.call(request.body(Body::empty())?).await?;
        anyhow::ensure!(answer.status() == StatusCode::OK, "a request was answered {}", answer.status());
    }
    Ok(())
}

fn router(options: &Options) -> anyhow::Result<Router> {
    let answering = || Router::new().route("/", get(async |_: Session| "hello"));
    Ok(match options.kind {
        Kind::Bare => Router::new().route("/", get(async || "hello")),
        Kind::Layer => answering().layer(layer(options)?),
        // One `layer` of the router for both: each costs a box of its own.
        Kind::Ensure => answering()
            .layer(ServiceBuilder::new().layer(layer(options)?).layer(EnsureUserLayer::new(users(options)?))),
    })
}

fn layer(options: &Options) -> anyhow::Result<ClerkLayer> {
    let settings = AuthSettings::new(PublishableKey::parse(&options.publishable_key)?);
    let backend = HttpBackend::try_new(&options.clerk, options.secret_key.clone())?;
    let authenticator = Authenticator::builder(settings).backend(Arc::new(backend)).build()?;
    Ok(ClerkLayer::new(authenticator))
}

fn users(options: &Options) -> anyhow::Result<EnsureUsers> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let metrics = Arc::new(Metrics::default());
    let mapping = Arc::new(Mapping::try_new(MappingSpec::default())?);
    let clerk = HttpClerk::try_new(&options.clerk, options.secret_key.clone(), Arc::clone(&metrics))?;
    let clerk: Arc<dyn ClerkApi> = Arc::new(clerk);
    let reads = Reads::new(clerk, Arc::new(Budget::new(100, Arc::clone(&clock))));
    let store = Arc::new(MemoryStore::new(mapping, Arc::clone(&clock)));
    let engine = Engine::start(store, reads, clock, metrics, DoorOptions::default());
    Ok(EnsureUsers::start(&engine, EnsureOptions::default()))
}
