//! The values of settings: what each may be, and the sentence for when it is not.
//!
//! Every function here returns, when it refuses, the words that follow the setting's name ("must be ..."). They never
//! repeat the value; whoever reports decides whether it may be shown.

mod address;
mod duration;
mod limit;
mod network;
mod origin;
mod secret;
mod web;

pub use self::network::{Network, TrustedProxies};
pub use self::origin::Origin;

pub(super) use self::address::{address, admin_address};
pub(super) use self::duration::{interval, write_duration};
pub(super) use self::limit::{max_deletes, requests};
pub(super) use self::network::trusted_proxies;
pub(super) use self::origin::{origin, origins, parties};
pub(super) use self::secret::{admin_token, jwt_key, publishable_key, secret_key, signing_secrets};
pub(super) use self::web::{api_url, app_url, page_url};

/// The items of a list separated by commas; empty ones do not count.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// One of the words of a `Choice`.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        format!("must be {}", words.join(" or "))
    })
}

/// A filter in the words of `tracing`.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("must be a level (error, warn, info, debug, trace) or levels by module, such as \
                       info,clerk_sync=debug"
            .to_owned()),
    }
}
