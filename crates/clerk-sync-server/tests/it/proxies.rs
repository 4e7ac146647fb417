//! The examples behind real proxies, with the very files that people copy (flow D).
//!
//! `examples/node-nginx` and `examples/node-caddy`: a browser, the proxy, clerk-sync, and an app that knows nothing of
//! Clerk. Between proxy and app the tests listen: what the app is told, and whether the row was there by then.

mod browser;
mod ear;
mod people;
mod program;
mod requests;
mod scene;

pub(super) use scene::{Kind, Manner, Scene};
