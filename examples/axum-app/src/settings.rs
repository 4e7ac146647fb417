//! Settings, under the names that Clerk's own SDKs use.

use secrecy::SecretString;
use std::net::SocketAddr;
use url::Url;

/// All from the environment; `--help` lists them.
#[derive(Debug, clap::Parser)]
pub(crate) struct Settings {
    /// `sk_test_...` or `sk_live_...`
    #[arg(long, env, hide_env_values = true)]
    pub(crate) clerk_secret_key: SecretString,
    /// `pk_test_...` or `pk_live_...`
    #[arg(long, env)]
    pub(crate) clerk_publishable_key: String,
    /// `whsec_...`; without it there is no `/clerk/webhooks`
    #[arg(long, env, hide_env_values = true)]
    pub(crate) clerk_webhook_signing_secret: Option<SecretString>,
    /// Another address for a local Clerk
    #[arg(long, env, default_value = "https://api.clerk.com")]
    pub(crate) clerk_api_url: Url,
    /// Where browsers reach Clerk's Frontend API, if not at the publishable key's host
    #[arg(long, env)]
    pub(crate) clerk_proxy_url: Option<String>,
    /// An SQLite file
    #[arg(long, env, default_value = "sqlite://notes.db")]
    pub(crate) database_url: String,
    /// Where browsers reach this app
    #[arg(long, env, default_value = "http://localhost:3000")]
    pub(crate) app_url: Url,
    /// Where it listens
    #[arg(long, env, default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
}

impl Settings {
    /// The origin of the app: handshakes return there, and tokens made for another are refused.
    pub(crate) fn origin(&self) -> String {
        self.app_url.origin().ascii_serialization()
    }
}
