//! Which hosts belong to the instance: where cookies may go, and whom browsers may be sent to.

use std::net::IpAddr;

use url::{Host, Url};

/// The hosts of an instance besides loopback.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// `example.com`, if the Frontend API is at `clerk.example.com`.
    base: Option<String>,
    allowed_origins: Vec<String>,
}

impl Site {
    pub(crate) fn new(frontend_host: &str, allowed_origins: &[String]) -> Self {
        let host = frontend_host.split(':').next().unwrap_or_default();
        let origins = allowed_origins.iter().map(|origin| origin.trim_end_matches('/').to_lowercase());
        Self {
            base: host.strip_prefix("clerk.").filter(|base| base.contains('.')).map(str::to_owned),
            allowed_origins: origins.collect(),
        }
    }

    /// The `Domain` of a cookie that the app and the Frontend API share; `None` for a cookie of one host only.
    pub(crate) fn cookie_domain(&self, host: &str) -> Option<&str> {
        self.base.as_deref().filter(|base| is_within(host, base))
    }

    /// Whether pages of this origin may talk to the Frontend API, and be the target of a redirect.
    pub(crate) fn allows(&self, url: &Url) -> bool {
        if !matches!(url.scheme(), "http" | "https") {
            return false;
        }
        let origin = url.origin().ascii_serialization();
        let shared = url.host_str().is_some_and(|host| self.cookie_domain(host).is_some());
        is_loopback(url) || shared || self.allowed_origins.contains(&origin)
    }
}

fn is_within(host: &str, base: &str) -> bool {
    host == base || host.strip_suffix(base).is_some_and(|rest| rest.ends_with('.'))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_within(name, "localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// An absolute http or https URL without a name or password in it, read as browsers read it.
pub(crate) fn web_url(text: &str) -> Option<Url> {
    // Browsers drop tabs and line breaks and take a backslash for a slash; nobody means any of these.
    if text.contains(|c: char| c.is_control() || c == '\\') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    (matches!(url.scheme(), "http" | "https") && plain).then_some(url)
}

/// The URL with this one parameter, in place of any it had under the name.
pub(crate) fn with_parameter(url: &Url, name: &str, value: &str) -> Url {
    let mut changed = without_parameter(url, name);
    changed.query_pairs_mut().append_pair(name, value);
    changed
}

/// The URL without the parameters of this name.
pub(crate) fn without_parameter(url: &Url, name: &str) -> Url {
    let mut changed = url.clone();
    if url.query_pairs().any(|(key, _)| key == name) {
        let kept: Vec<_> = url.query_pairs().filter(|(key, _)| key != name).collect();
        changed.set_query(None);
        if !kept.is_empty() {
            changed.query_pairs_mut().extend_pairs(kept);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_the_sites_own_hosts_and_named_origins_are_allowed() {
        let site = Site::new("clerk.example.com", &["https://other.test/".to_owned()]);
        let allowed = |text: &str| web_url(text).is_some_and(|url| site.allows(&url));
        for url in [
            "http://localhost:3000/x",
            "http://app.localhost",
            "http://127.0.0.9:1",
            "http://[::1]:3000",
            "https://app.example.com/x",
            "https://example.com",
            "https://other.test/x",
        ] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "https://evil.test",
            "https://notexample.com",
            "https://example.com.evil.test",
            "http://localhost.evil.test",
            "http://other.test",
            "https://localhost@evil.test",
            "https:\\\\localhost",
            "//localhost:3000",
            "/path",
            "javascript:alert(1)",
            "http://local\thost",
            "data:text/html,x",
        ] {
            assert!(!allowed(url), "{url}");
        }
    }

    #[test]
    fn a_parameter_replaces_its_namesakes_only() {
        let url = Url::parse("http://localhost/?a=1&n=x&b=%20&n=y#top").unwrap();
        assert_eq!(with_parameter(&url, "n", "z").as_str(), "http://localhost/?a=1&b=+&n=z#top");
        let url = Url::parse("http://localhost/?a=%20").unwrap();
        assert_eq!(with_parameter(&url, "n", "z").as_str(), "http://localhost/?a=%20&n=z");
    }

    #[test]
    fn cookies_are_shared_within_the_base_domain_only() {
        let site = Site::new("clerk.example.com:8443", &[]);
        assert_eq!(site.cookie_domain("app.example.com"), Some("example.com"));
        assert_eq!(site.cookie_domain("badexample.com"), None);
        assert_eq!(site.cookie_domain("localhost"), None);
        assert_eq!(Site::new("x.clerk.accounts.dev", &[]).cookie_domain("x.clerk.accounts.dev"), None);
    }
}
