//! Asking addresses that are not Clerk's API.

use super::BOUND;
use reqwest::{Client, Response, redirect};
use std::error::Error as _;

/// The longest answer that is looked at, in bytes.
const MOST_BYTES: usize = 256 * 1024;

/// How to get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// By the proxy that the environment names, if any.
    AsConfigured,
    /// As Clerk's deliveries come: by no proxy of ours.
    Direct,
}

/// Follows no redirect: that there is one is the finding.
pub(super) fn client(route: Route) -> Result<Client, String> {
    let builder = Client::builder()
        .user_agent(concat!("clerk-sync/", env!("CARGO_PKG_VERSION"), " doctor"))
        .redirect(redirect::Policy::none())
        .timeout(BOUND);
    let builder = if route == Route::Direct { builder.no_proxy() } else { builder };
    builder
        .build()
        .map_err(|_| "this machine has no store of trusted certificates (Debian: ca-certificates)".to_owned())
}

/// The beginning of an answer.
pub(super) async fn body(mut answer: Response) -> Result<String, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| described(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The innermost reason, which says most: `Connection refused`, a certificate's fault.
pub(super) fn described(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", BOUND.as_secs());
    }
    let mut reason = error.source();
    while let Some(inner) = reason.and_then(std::error::Error::source) {
        reason = Some(inner);
    }
    reason.map_or_else(|| "the connection broke".to_owned(), ToString::to_string)
}
