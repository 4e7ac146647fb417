//! What authentication needs to know about the app and its Clerk instance.

use crate::publishable_key::{Environment, PublishableKey};
use std::time::Duration;
use url::Url;

/// How far two clocks may be apart (contract, section c.4).
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Settings of [`crate::authenticate()`].
#[derive(Debug, Clone)]
pub struct AuthSettings {
    publishable_key: PublishableKey,
    suffix: String,
    proxy: Option<Proxy>,
    authorized_parties: Vec<String>,
    audiences: Vec<String>,
    clock_skew_ms: i64,
}

/// Where the Frontend API is reached if not at the key's host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proxy {
    /// A path of the app's own origin.
    Path(String),
    Address(Url),
}

/// A text is no proxy address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proxy address must be an absolute http(s) URL, or a path that begins with `/`")]
pub struct ProxyUrlError;

impl AuthSettings {
    /// Settings for an instance, with the defaults of Clerk's SDKs.
    #[must_use]
    pub fn new(publishable_key: PublishableKey) -> Self {
        Self {
            suffix: publishable_key.cookie_suffix(),
            publishable_key,
            proxy: None,
            authorized_parties: Vec::new(),
            audiences: Vec::new(),
            clock_skew_ms: i64::try_from(CLOCK_SKEW.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// `CLERK_PROXY_URL`: where browsers reach Clerk's Frontend API, absolute or as a path of the app (`/__clerk`).
    ///
    /// # Errors
    /// If it is neither.
    pub fn with_proxy_url(mut self, text: &str) -> Result<Self, ProxyUrlError> {
        self.proxy = Some(if text.starts_with('/') {
            Proxy::Path(text.to_owned())
        } else {
            let url = Url::parse(text).map_err(|_| ProxyUrlError)?;
            let fits = matches!(url.scheme(), "http" | "https") && url.has_host();
            Proxy::Address(fits.then_some(url).ok_or(ProxyUrlError)?)
        });
        Ok(self)
    }

    /// The origins that tokens may be made for. Without any, a token made on any sub-domain is accepted.
    #[must_use]
    pub fn with_authorized_parties(mut self, parties: impl IntoIterator<Item = String>) -> Self {
        self.authorized_parties = parties.into_iter().collect();
        self
    }

    /// If a token has an audience, it must have one of these.
    #[must_use]
    pub fn with_audiences(mut self, audiences: impl IntoIterator<Item = String>) -> Self {
        self.audiences = audiences.into_iter().collect();
        self
    }

    /// How far Clerk's clock and ours may be apart; 5 s by default.
    #[must_use]
    pub fn with_clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew_ms = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
        self
    }

    /// The instance's key.
    #[must_use]
    pub fn publishable_key(&self) -> &PublishableKey {
        &self.publishable_key
    }

    /// The origins that tokens may be made for; empty: any.
    #[must_use]
    pub fn authorized_parties(&self) -> &[String] {
        &self.authorized_parties
    }

    pub(crate) fn audiences(&self) -> &[String] {
        &self.audiences
    }

    pub(crate) fn clock_skew_ms(&self) -> i64 {
        self.clock_skew_ms
    }

    pub(crate) fn is_development(&self) -> bool {
        self.publishable_key.environment() == Environment::Development
    }

    /// The suffix of this instance's cookies.
    pub(crate) fn suffix(&self) -> &str {
        &self.suffix
    }

    /// The host that pages of the Frontend API have, seen from an app at `origin`. Without a proxy it is the key's as
    /// it is written there, port included, as in Clerk's SDKs.
    pub(crate) fn frontend_api_name(&self, origin: &str) -> Option<String> {
        match &self.proxy {
            None => Some(self.publishable_key.frontend_api_host().to_owned()),
            Some(_) => self.frontend_api(origin)?.host_str().map(str::to_owned),
        }
    }

    /// Clerk's own sign-in pages. `None` behind a proxy, where they are not told apart.
    pub(crate) fn accounts_portal(&self) -> Option<Url> {
        let host = self.proxy.is_none().then(|| self.publishable_key.accounts_portal_host())?;
        Url::parse(&format!("https://{host}")).ok()
    }

    /// Where the Frontend API is, seen from an app at `origin`. `None` if that makes no address.
    pub(crate) fn frontend_api(&self, origin: &str) -> Option<Url> {
        let text = match &self.proxy {
            None => self.publishable_key.frontend_api_url().as_str().to_owned(),
            Some(Proxy::Address(url)) => url.to_string(),
            Some(Proxy::Path(path)) => format!("{origin}{path}"),
        };
        Url::parse(&format!("{}/", text.trim_end_matches('/'))).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    fn frontend_api(proxy: Option<&str>) -> String {
        let settings = testing::settings("live");
        let settings = proxy.map_or(settings.clone(), |proxy| settings.with_proxy_url(proxy).unwrap());
        settings.frontend_api("https://app.example").unwrap().to_string()
    }

    #[test]
    fn the_frontend_api_is_at_the_keys_host_or_behind_a_proxy() {
        assert_eq!(frontend_api(None), "https://clerk.example.com/");
        assert_eq!(frontend_api(Some("/__clerk")), "https://app.example/__clerk/");
        assert_eq!(frontend_api(Some("http://127.0.0.1:4000//")), "http://127.0.0.1:4000/");
        assert_eq!(frontend_api(Some("https://app.example/__clerk/")), "https://app.example/__clerk/");
    }

    #[test]
    fn other_proxies_are_refused() {
        for text in ["", "app.example", "ftp://app.example", "https://"] {
            assert!(testing::settings("live").with_proxy_url(text).is_err(), "{text}");
        }
    }
}
