//! The command line.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) send: SendOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answers 200 to everything and does nothing else: shows what the generator itself can reach.
    Sink {
        #[arg(long, default_value = "127.0.0.1:9100")]
        listen: SocketAddr,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    /// The receiver's webhook address (plain http).
    #[arg(long, required = true)]
    url: Option<Url>,
    /// The signing secret the receiver knows.
    #[arg(long, required = true)]
    secret: Option<String>,
    /// Keep-alive connections, each with one request under way at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,
    /// Events to build and send; with --seconds the most that can be sent.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) events: u32,
    /// Stop after this time even if events are left (at most 240: signatures go stale after 300 s).
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=240))]
    pub(crate) seconds: Option<u16>,
    /// Events sent before the clock starts; they are checked like all others (--mode updated creates its users instead).
    #[arg(long, default_value_t = 2_000)]
    pub(crate) warmup: u32,
    /// The Clerk instance the events claim to come from.
    #[arg(long, default_value = "ins_3CkvDYqS7JhOZft7H0UHkPMC1DK")]
    pub(crate) instance_id: String,
    #[arg(long, value_enum, default_value_t = Mode::Created)]
    pub(crate) mode: Mode,
    /// Makes other users under another number.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Compare this database's table with what was sent: `postgres://`, `mysql://` or `sqlite://`.
    #[arg(long)]
    pub(crate) verify: Option<String>,
    #[arg(long, default_value = "users")]
    pub(crate) table: String,
    #[arg(long, default_value = "clerk_id")]
    pub(crate) id_column: String,
    #[arg(long, default_value = "email")]
    pub(crate) email_column: String,
    /// Process whose CPU time and memory are reported (Linux).
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
    /// Database process whose CPU time, with its children's, is reported (Linux).
    #[arg(long)]
    pub(crate) database_pid: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// `user.created`, every event another user.
    Created,
    /// `user.updated` over the users that the warm-up created.
    Updated,
    /// One `user.updated` of an earlier user after each `user.created`.
    Mixed,
}

impl SendOptions {
    pub(crate) fn url(&self) -> Result<&Url> {
        self.url.as_ref().context("--url is missing")
    }

    pub(crate) fn secret(&self) -> Result<&str> {
        self.secret.as_deref().context("--secret is missing")
    }
}
