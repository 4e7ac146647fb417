//! Clerk's cookies: which there are, how a `Cookie` header is read, and what a `Set-Cookie` directive carries.

use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The session token.
pub(crate) const SESSION: &str = "__session";
/// When the client last changed, Unix seconds; `0` while signed out.
pub(crate) const CLIENT_UAT: &str = "__client_uat";
/// What an expired session is renewed with.
pub(crate) const REFRESH: &str = "__refresh";
/// The browser's id at a development instance.
pub(crate) const DEV_BROWSER: &str = "__clerk_db_jwt";
/// The result of a handshake, as a token.
pub(crate) const HANDSHAKE: &str = "__clerk_handshake";
/// The result of a handshake, to be asked for.
pub(crate) const HANDSHAKE_NONCE: &str = "__clerk_handshake_nonce";
/// How many handshakes in a row.
pub(crate) const REDIRECT_COUNT: &str = "__clerk_redirect_count";

/// A cookie that comes plain and with the instance's suffix.
#[derive(Debug, Default)]
pub(crate) struct Twin<'a> {
    pub(crate) plain: Option<Cow<'a, str>>,
    pub(crate) suffixed: Option<Cow<'a, str>>,
}

impl<'a> Twin<'a> {
    /// The value in the set that was chosen; an empty one is none.
    pub(crate) fn of(&self, suffixed: bool) -> Option<&str> {
        if suffixed { self.suffixed() } else { self.plain() }
    }

    pub(crate) fn plain(&self) -> Option<&str> {
        present(self.plain.as_ref())
    }

    pub(crate) fn suffixed(&self) -> Option<&str> {
        present(self.suffixed.as_ref())
    }

    fn keep(&mut self, is_suffixed: bool, value: &'a str) {
        keep(if is_suffixed { &mut self.suffixed } else { &mut self.plain }, value);
    }
}

/// The cookies of a request that concern Clerk.
#[derive(Debug, Default)]
pub(crate) struct ClerkCookies<'a> {
    pub(crate) session: Twin<'a>,
    pub(crate) client_uat: Twin<'a>,
    pub(crate) dev_browser: Twin<'a>,
    /// Only the suffixed name is ever read.
    refresh: Option<Cow<'a, str>>,
    handshake: Option<Cow<'a, str>>,
    handshake_nonce: Option<Cow<'a, str>>,
    redirect_count: Option<Cow<'a, str>>,
}

impl<'a> ClerkCookies<'a> {
    /// Reads the text of a `Cookie` header as Clerk's SDKs do: split first, then percent-decoded; the first of a
    /// repeated name counts; a bad percent sequence leaves the value as it is (contract: `cookie` of npm).
    pub(crate) fn read(header: &'a str, suffix: &str) -> Self {
        let mut cookies = Self::default();
        for pair in header.split(';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let name = name.trim_matches([' ', '\t']);
            if name.starts_with("__") {
                cookies.take(name, value.trim_matches([' ', '\t']), suffix);
            }
        }
        cookies
    }

    fn take(&mut self, name: &str, value: &'a str, suffix: &str) {
        match name {
            SESSION => self.session.keep(false, value),
            CLIENT_UAT => self.client_uat.keep(false, value),
            DEV_BROWSER => self.dev_browser.keep(false, value),
            HANDSHAKE => keep(&mut self.handshake, value),
            HANDSHAKE_NONCE => keep(&mut self.handshake_nonce, value),
            REDIRECT_COUNT => keep(&mut self.redirect_count, value),
            _ => match name.strip_suffix(suffix).and_then(|name| name.strip_suffix('_')) {
                Some(SESSION) => self.session.keep(true, value),
                Some(CLIENT_UAT) => self.client_uat.keep(true, value),
                Some(DEV_BROWSER) => self.dev_browser.keep(true, value),
                Some(REFRESH) => keep(&mut self.refresh, value),
                _ => {}
            },
        }
    }

    pub(crate) fn refresh(&self) -> Option<&str> {
        present(self.refresh.as_ref())
    }

    pub(crate) fn handshake(&self) -> Option<&str> {
        present(self.handshake.as_ref())
    }

    pub(crate) fn handshake_nonce(&self) -> Option<&str> {
        present(self.handshake_nonce.as_ref())
    }

    pub(crate) fn redirect_count(&self) -> Option<&str> {
        present(self.redirect_count.as_ref())
    }
}

/// The text of a header as JavaScript sees it: a character for each byte. Several of one name are joined.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<Cow<'a, str>> {
    let mut values = headers.get_all(name).iter();
    let first = text(values.next()?);
    let Some(second) = values.next() else { return Some(first) };
    let separator = if name == header::COOKIE { "; " } else { ", " };
    let mut joined = first.into_owned();
    for value in std::iter::once(second).chain(values) {
        joined.push_str(separator);
        joined.push_str(&text(value));
    }
    Some(Cow::Owned(joined))
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// The name and the value of a `Set-Cookie` directive, cut as Clerk's SDKs cut it: the value ends at a second `=`.
pub(crate) fn directive(directive: &str) -> (&str, Option<&str>) {
    let pair = directive.split(';').next().unwrap_or_default();
    let mut parts = pair.split('=');
    (parts.next().unwrap_or_default(), parts.next())
}

fn keep<'a>(slot: &mut Option<Cow<'a, str>>, value: &'a str) {
    if slot.is_none() {
        *slot = Some(decode(value));
    }
}

fn present<'s>(value: Option<&'s Cow<'_, str>>) -> Option<&'s str> {
    value.map(AsRef::as_ref).filter(|value: &&str| !value.is_empty())
}

/// `decodeURIComponent`, or the text itself where that would throw.
fn decode(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.find('%') {
        let (before, encoded) = rest.split_at(start);
        decoded.push_str(before);
        // A run of escapes must be UTF-8 by itself: characters beside it are no part of it.
        let run = run_length(encoded);
        let Some(text) = encoded.get(..run).filter(|run| !run.is_empty()) else {
            return Cow::Borrowed(value);
        };
        let Ok(text) = percent_decode_str(text).decode_utf8() else { return Cow::Borrowed(value) };
        decoded.push_str(&text);
        rest = encoded.get(run..).unwrap_or_default();
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// How many bytes of complete escapes (`%41%42`) a text begins with.
fn run_length(text: &str) -> usize {
    let is_escape = |escape: &[u8]| matches!(escape, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    text.as_bytes().chunks(3).take_while(|escape| is_escape(escape)).count() * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain_session(header: &str) -> Option<String> {
        ClerkCookies::read(header, "abcdefgh").session.plain().map(ToOwned::to_owned)
    }

    #[test]
    fn finds_every_cookie_and_its_twin() {
        let header = "other=1; __session=a; __session_abcdefgh=b;__client_uat=3;\t__client_uat_abcdefgh = 4 ; \
                      __clerk_db_jwt=c; __clerk_db_jwt_abcdefgh=d; __refresh_abcdefgh=e; __refresh=f; \
                      __clerk_handshake=g; __clerk_handshake_nonce=h; __clerk_redirect_count=2; __session_zzzzzzzz=no";
        let cookies = ClerkCookies::read(header, "abcdefgh");
        assert_eq!((cookies.session.of(false), cookies.session.of(true)), (Some("a"), Some("b")));
        assert_eq!((cookies.client_uat.of(false), cookies.client_uat.of(true)), (Some("3"), Some("4")));
        assert_eq!((cookies.dev_browser.of(false), cookies.dev_browser.of(true)), (Some("c"), Some("d")));
        assert_eq!(cookies.refresh(), Some("e"));
        assert_eq!((cookies.handshake(), cookies.handshake_nonce()), (Some("g"), Some("h")));
        assert_eq!(cookies.redirect_count(), Some("2"));
    }

    #[test]
    fn reads_values_as_the_sdk_does() {
        for (header, expected) in [
            ("__session=first; __session=second", Some("first")),
            // An empty first one hides the second, and counts as none.
            ("__session=; __session=second", None),
            ("__session=a%20b", Some("a b")),
            ("__session=%C3%A9", Some("\u{e9}")),
            ("__session=%C3", Some("%C3")),
            ("__session=%zz%41", Some("%zz%41")),
            ("__session=%", Some("%")),
            ("__session=%4", Some("%4")),
            ("__session=a=b", Some("a=b")),
            ("__session=\"quoted\"", Some("\"quoted\"")),
            ("junk; __session=x", Some("x")),
            ("__session", None),
            ("__session ;=; __session=x", Some("x")),
            ("", None),
            ("__SESSION=x", None),
            // Decoding comes after splitting: an escaped semicolon is part of the value.
            ("__session=a%3B__client_uat%3D5", Some("a;__client_uat=5")),
        ] {
            assert_eq!(plain_session(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn joins_headers_and_reads_bytes_as_characters() {
        let mut headers = HeaderMap::new();
        assert_eq!(header_text(&headers, &header::COOKIE), None);
        headers.append(header::COOKIE, HeaderValue::from_static("__session=a"));
        headers.append(header::COOKIE, HeaderValue::from_bytes(b"x=\xe9").unwrap());
        assert_eq!(header_text(&headers, &header::COOKIE).unwrap(), "__session=a; x=\u{e9}");
        headers.append(header::ACCEPT, HeaderValue::from_static("text/html"));
        headers.append(header::ACCEPT, HeaderValue::from_static("*/*"));
        assert_eq!(header_text(&headers, &header::ACCEPT).unwrap(), "text/html, */*");
    }

    #[test]
    fn cuts_directives_like_the_sdk() {
        assert_eq!(directive("__session=a.b.c; Path=/"), ("__session", Some("a.b.c")));
        assert_eq!(directive("__session=a=b; Path=/"), ("__session", Some("a")));
        assert_eq!(directive("__session; Path=/"), ("__session", None));
        assert_eq!(directive(""), ("", None));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_harm(header in any::<String>()) {
            let cookies = ClerkCookies::read(&header, "abcdefgh");
            let _ = (cookies.session.of(true), cookies.refresh());
        }

        #[test]
        fn what_was_encoded_is_decoded(value in "[^;=%\\s]{1,20}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(plain_session(&format!("__session={encoded}")), Some(value));
        }
    }
}
