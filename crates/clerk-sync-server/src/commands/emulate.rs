//! `clerk-sync emulate`: the local Clerk alone.

use super::{chance, text::line};
use crate::{
    cli::{CommandResult, Ending, Usage, wants_json},
    http::listener,
    settings::{self, Sources, process_environment},
};
use anyhow::Context as _;
use aws_lc_rs::digest;
use clap::ArgMatches;
use clerk_emulator::{Emulator, EmulatorConfig};
use secrecy::ExposeSecret;
use serde_json::json;
use std::net::SocketAddr;

/// The settings that the local Clerk takes; all others are for `serve`.
const KEYS: [&str; 4] = [
    "CLERK_SECRET_KEY",
    "CLERK_PUBLISHABLE_KEY",
    "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY",
    "CLERK_WEBHOOK_SIGNING_SECRET",
];

pub(crate) async fn run(matches: &ArgMatches) -> CommandResult {
    let listen = matches.get_one::<SocketAddr>("listen").copied().context("--listen")?;
    let mut config = config()?;
    config.webhook_url = matches.get_one::<String>("webhook-url").cloned();
    config.requests_per_10s = matches.get_one::<u32>("requests-per-10s").copied();
    let printed = config.clone();
    let listener = listener::bind(listen, "--listen").await?;
    let stop = super::serve::stop_on_signal()?;
    let clerk = Emulator::start(config, listener).map_err(|error| Usage(error.to_string()))?;
    let url = format!("http://{}", clerk.address());
    let secrets = printed.webhook_secrets.join(",");
    if wants_json(matches) {
        line(json!({
            "clerk": url,
            "proxy_url": url,
            "sign_up_url": format!("{url}/sign-up"),
            "sign_in_url": format!("{url}/sign-in"),
            "sign_out_url": format!("{url}/sign-out"),
            "secret_key": printed.secret_key,
            "publishable_key": printed.publishable_key,
            "webhook_signing_secret": secrets,
            "instance": printed.instance_id,
        }));
    } else {
        line(format_args!("A local Clerk for development listens at {url}. Its keys:\n"));
        line(format_args!("CLERK_API_URL={url}"));
        line(format_args!("CLERK_PROXY_URL={url}"));
        line(format_args!("CLERK_SECRET_KEY={}", printed.secret_key));
        line(format_args!("CLERK_PUBLISHABLE_KEY={}", printed.publishable_key));
        line(format_args!("CLERK_SIGN_UP_URL={url}/sign-up"));
        line(format_args!("CLERK_SIGN_IN_URL={url}/sign-in"));
        line(format_args!("CLERK_WEBHOOK_SIGNING_SECRET={secrets}\n"));
        line(format_args!("People sign up, in and out at {url}/sign-up, /sign-in and /sign-out."));
        match &printed.webhook_url {
            Some(url) => line(format_args!("Webhooks go to {url}.")),
            None => line("Webhooks go nowhere: give --webhook-url to send them."),
        }
        line("It forgets everything when it stops. Ctrl-C stops it.");
    }
    stop.cancelled().await;
    clerk.shutdown().await;
    Ok(Ending::Done)
}

/// Keys from the environment, or made up. The instance follows from the secret key, so that a database stays bound
/// to it when the local Clerk starts again.
fn config() -> anyhow::Result<EmulatorConfig> {
    let is_key = |name: &str| KEYS.iter().any(|key| name == *key || name.strip_suffix("_FILE") == Some(key));
    let environment = process_environment().into_iter().filter(|(name, _)| is_key(name)).collect();
    let sources = Sources { environment, ..Sources::default() };
    let settings =
        settings::load(&sources).into_settings().map_err(|problems| Usage(problems.to_string()))?;
    let seed = match &settings.clerk_secret_key {
        Some(key) => seed(digest::digest(&digest::SHA256, key.expose_secret().as_bytes()).as_ref()),
        None => chance::number()?,
    };
    let mut config = EmulatorConfig::dev(seed);
    if let Some(key) = &settings.clerk_secret_key {
        config.secret_key = key.expose_secret().to_owned();
    }
    if let Some(key) = &settings.clerk_publishable_key {
        config.publishable_key = key.as_str().to_owned();
    }
    if !settings.webhook_signing_secrets.is_empty() {
        let secrets = settings.webhook_signing_secrets.iter();
        config.webhook_secrets = secrets.map(|secret| secret.expose_secret().to_owned()).collect();
    }
    Ok(config)
}

fn seed(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}
