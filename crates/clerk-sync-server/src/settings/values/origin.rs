//! Origins: scheme, host and port, the unit that browsers trust by.

use std::fmt;

use url::Url;

use super::items;

/// An origin as browsers write it: lower case, without the scheme's own port (`https://app.example.com`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The origin of an `http` or `https` address.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }

    /// The text, to compare with an `Origin` header or an `azp` claim.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

const EXPECTED: &str =
    "with http:// or https://, a host, perhaps a port and nothing more, such as https://app.example.com";

/// An `http` or `https` origin.
pub(in crate::settings) fn origin(text: &str) -> Result<Origin, String> {
    parse(text).ok_or_else(|| format!("must be an origin {EXPECTED}"))
}

/// Several of them.
pub(in crate::settings) fn origins(text: &str) -> Result<Vec<Origin>, String> {
    let origins: Option<Vec<Origin>> = items(text).map(parse).collect();
    origins
        .filter(|origins| !origins.is_empty())
        .ok_or_else(|| format!("must be origins separated by commas, each {EXPECTED}"))
}

/// Origins that may ask for session tokens: a browser extension is one too.
pub(in crate::settings) fn parties(text: &str) -> Result<Vec<Origin>, String> {
    let party = |item: &str| parse(item).or_else(|| extension(item));
    let parties: Option<Vec<Origin>> = items(text).map(party).collect();
    parties
        .filter(|parties| !parties.is_empty())
        .ok_or_else(|| format!("must be origins separated by commas, each {EXPECTED}"))
}

fn parse(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let written = text.split_once("://")?.1;
    let bare = written.strip_suffix('/').unwrap_or(written);
    // The parser forgives backslashes, missing slashes and white space; an origin has no room for them.
    let plain = !bare.contains(['/', '\\', '?', '#', '@']) && !bare.contains(char::is_whitespace);
    (matches!(url.scheme(), "http" | "https") && plain && url.path() == "/").then(|| Origin::of(&url))
}

fn extension(text: &str) -> Option<Origin> {
    let id = text.strip_prefix("chrome-extension://")?;
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| Origin(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_origins_as_browsers_write_them() {
        for (text, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://APP.example.com/", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(origin(text).unwrap().as_str(), expected);
        }
        let several = origins("https://a.example, https://b.example,").unwrap();
        assert_eq!(
            several.iter().map(Origin::as_str).collect::<Vec<_>>(),
            ["https://a.example", "https://b.example"]
        );
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "app.example.com",
            "https://app.example.com/path",
            "https://app.example.com//",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://user@app.example.com",
            "https:app.example.com",
            "https://app.example.com\\x",
            "ftp://app.example.com",
            "*",
            "https://*.example.com/x",
            "null",
            "https://",
        ] {
            assert!(origin(text).is_err(), "{text}");
            assert!(origins(&format!("https://ok.example,{text}")).is_err(), "{text}");
        }
        assert!(origin("chrome-extension://abc").is_err());
        assert_eq!(parties("chrome-extension://abc").unwrap()[0].as_str(), "chrome-extension://abc");
        assert!(parties("chrome-extension://").is_err());
        // A list of nothing would be read as "anybody" by somebody.
        assert!(parties(",").is_err() && origins(" , ").is_err());
    }
}
