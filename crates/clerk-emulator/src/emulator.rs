//! A running instance.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, EmulatorConfig};
use crate::core::Core;
use crate::handle::Handle;
use crate::webhook::{DispatcherContext, Endpoint, EndpointError, Signer, run};
use crate::{http, server};

/// An emulated Clerk that listens, until it is shut down or dropped.
///
/// Everything one can do with it is on its [`Handle`], which it derefs to.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use clerk_emulator::{Emulator, EmulatorConfig, NewUser};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let clerk = Emulator::start(EmulatorConfig::dev(42), listener)?;
/// clerk.set_webhook_url(Some("http://127.0.0.1:8787/clerk/webhooks"))?;
/// let user = clerk.create_user(NewUser::new().email("ada@example.com"))?;
/// clerk.deliveries_settled().await;
/// println!("{} sent user.created for {}", clerk.url(), user["id"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Emulator {
    handle: Handle,
    stop: CancellationToken,
    server: JoinHandle<()>,
    dispatcher: JoinHandle<()>,
}

/// The emulator cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The listener does not know its address.
    #[error("the address of the listener cannot be read")]
    Listener(#[from] io::Error),
    /// The client that sends webhooks cannot be made.
    #[error("the webhook client cannot be made")]
    WebhookClient(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Emulator {
    /// Serves the instance on `listener`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn start(config: EmulatorConfig, listener: TcpListener) -> Result<Self, StartError> {
        config.check()?;
        let host = config.frontend_host()?;
        let signer = Signer::new(&config.webhook_secrets)?;
        let endpoint = Endpoint::new(config.webhook_url.as_deref(), signer, config.webhook_timeout);
        let endpoint = endpoint.map_err(|error| match error {
            EndpointError::Config(error) => StartError::Config(error),
            EndpointError::Client(error) => StartError::WebhookClient(Box::new(error)),
        })?;
        let address = listener.local_addr()?;
        let core = Arc::new(Core::new(config, endpoint, &host));
        let stop = CancellationToken::new();
        let router = http::router(Arc::clone(&core));
        let server = tokio::spawn(server::serve(listener, router, stop.clone()));
        let context = DispatcherContext { core: Arc::clone(&core), stop: stop.clone() };
        let dispatcher = tokio::spawn(run(context));
        Ok(Self { handle: Handle::new(core, address), stop, server, dispatcher })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    /// A way to it that can be cloned and sent elsewhere.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops listening, lets running requests end for a moment, and gives up deliveries that are not done.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // Neither task is ever aborted before this, and a panic in one has been reported by the runtime.
        let _ = (&mut self.server).await;
        let _ = (&mut self.dispatcher).await;
    }
}

impl Deref for Emulator {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.abort();
        self.dispatcher.abort();
    }
}
