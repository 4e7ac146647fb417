//! Web addresses.

use url::{Host, Url};

/// The Backend API's address.
pub(in crate::settings) fn api_url(text: &str) -> Result<Url, String> {
    let url = http_url(text)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(
            "must begin with https:// (plain http:// only to this machine): the secret key goes there"
                .to_owned(),
        );
    }
    if url.query().is_some() {
        return Err("must have no query".to_owned());
    }
    let path = url.path().trim_end_matches('/');
    if path.ends_with("/v1") {
        return Err("must not end in /v1: leave it out, we add it".to_owned());
    }
    let mut trimmed = url.clone();
    trimmed.set_path(path);
    Ok(trimmed)
}

/// An address in the app.
pub(in crate::settings) fn app_url(text: &str) -> Result<Url, String> {
    http_url(text)
}

/// An address, or a path that counts from `base`; `None` for a path without a base to count from.
pub(in crate::settings) fn page_url(text: &str, base: Option<&Url>) -> Result<Option<Url>, String> {
    // `//host` would leave the origin.
    if text.starts_with('/') && !text.starts_with("//") && !text.contains('\\') {
        let join = |base: &Url| base.join(text).map_err(|_| "must be a path such as /sign-in".to_owned());
        return base.map(join).transpose();
    }
    http_url(text).map(Some).map_err(|message| format!("{message}, or a path such as /sign-in"))
}

fn http_url(text: &str) -> Result<Url, String> {
    let wrong = || "must be an address that begins with http:// or https://".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !text.contains("://") || text.contains(['\\', ' ']) {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name and no password".to_owned());
    }
    if url.fragment().is_some() {
        return Err("must hold no fragment (the part after #)".to_owned());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_api_addresses() {
        for (text, expected) in [
            ("https://api.clerk.com", "https://api.clerk.com/"),
            ("https://api.clerk.com/", "https://api.clerk.com/"),
            ("https://proxy.example/clerk/", "https://proxy.example/clerk"),
            ("http://127.0.0.1:3001", "http://127.0.0.1:3001/"),
            ("http://[::1]:3001", "http://[::1]:3001/"),
            ("http://localhost:3001", "http://localhost:3001/"),
            ("http://clerk.localhost", "http://clerk.localhost/"),
        ] {
            assert_eq!(api_url(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn refuses_other_api_addresses() {
        for (text, says) in [
            ("https://api.clerk.com/v1", "leave it out"),
            ("https://api.clerk.com/v1/", "leave it out"),
            ("http://api.clerk.com", "must begin with https://"),
            ("http://127.0.0.1.evil.example", "must begin with https://"),
            ("http://localhost.evil.example", "must begin with https://"),
            ("https://user:hunter2@api.clerk.com", "no user name and no password"),
            ("https://api.clerk.com?x=1", "no query"),
            ("https://api.clerk.com#x", "no fragment"),
            ("api.clerk.com", "must be an address"),
            ("https:api.clerk.com", "must be an address"),
            ("ftp://api.clerk.com", "must be an address"),
            ("file:///etc/passwd", "must be an address"),
        ] {
            let message = api_url(text).unwrap_err();
            assert!(message.contains(says) && !message.contains("hunter2"), "{text}: {message}");
        }
    }

    #[test]
    fn resolves_paths() {
        let base = Url::parse("https://app.example.com/home").unwrap();
        for (text, expected) in [
            ("/sign-in", "https://app.example.com/sign-in"),
            ("https://id.example.com/in?a=b", "https://id.example.com/in?a=b"),
        ] {
            assert_eq!(page_url(text, Some(&base)).unwrap().unwrap().as_str(), expected);
        }
        assert_eq!(page_url("/sign-in", None), Ok(None));
        for text in ["//evil.example", "/\\evil.example", "sign-in", "javascript:alert(1)"] {
            assert!(page_url(text, Some(&base)).is_err(), "{text}");
        }
    }
}
