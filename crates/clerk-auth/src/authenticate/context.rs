//! What a request says, read once and in one place.

use super::{Facts, Stop, suffix, token::Peek};
use crate::{
    cookies::ClerkCookies,
    decision::Failure,
    js,
    request::{ClerkQuery, RequestHead},
    settings::AuthSettings,
};
use std::borrow::Cow;
use url::Url;

pub(super) struct Context<'a> {
    pub(super) head: &'a RequestHead<'a>,
    pub(super) settings: &'a AuthSettings,
    pub(super) now_ms: i64,
    pub(super) cookies: ClerkCookies<'a>,
    pub(super) query: ClerkQuery,
    /// Whether the cookies with the instance's suffix count.
    pub(super) is_suffixed: bool,
    header_token: Option<Cow<'a, str>>,
}

impl<'a> Context<'a> {
    /// Reads a request, and its session cookie as far as that can be read without believing it.
    pub(super) fn read(
        head: &'a RequestHead<'a>,
        settings: &'a AuthSettings,
        cookie_header: Option<&'a str>,
        facts: &Facts<'_>,
        now_ms: i64,
    ) -> Result<(Self, Option<Peek>), Stop> {
        let cookies = ClerkCookies::read(cookie_header.unwrap_or_default(), settings.suffix());
        let chosen = suffix::choose(&cookies, settings, facts, now_ms)?;
        let context = Self {
            is_suffixed: chosen.is_suffixed,
            header_token: head.authorization().and_then(bearer),
            query: ClerkQuery::read(head),
            head,
            settings,
            now_ms,
            cookies,
        };
        Ok((context, chosen.session))
    }

    pub(super) fn header_token(&self) -> Option<&str> {
        self.header_token.as_deref()
    }

    pub(super) fn clock_skew_ms(&self) -> i64 {
        self.settings.clock_skew_ms()
    }

    pub(super) fn session_cookie(&self) -> Option<&str> {
        self.cookies.session.of(self.is_suffixed)
    }

    /// The token that a handshake or a renewal starts from: the cookie's, else the header's.
    pub(super) fn session_token(&self) -> Option<&str> {
        self.session_cookie().or_else(|| self.header_token())
    }

    /// When the client last changed, Unix seconds; `None` if it is signed out or was never seen. A number below zero
    /// counts as active.
    pub(super) fn client_uat(&self) -> Option<f64> {
        let uat = js::parse_int(self.cookies.client_uat.of(self.is_suffixed)?);
        Some(uat).filter(|uat| !uat.is_nan() && *uat != 0.0)
    }

    /// The browser's id at a development instance: from the query, else from a cookie.
    pub(super) fn dev_browser(&self) -> Option<&str> {
        let in_query = self.query.dev_browser.as_deref().filter(|id| !id.is_empty());
        in_query.or_else(|| self.cookies.dev_browser.of(self.is_suffixed))
    }

    pub(super) fn handshake_nonce(&self) -> Option<&str> {
        let in_query = self.query.handshake_nonce.as_deref().filter(|nonce| !nonce.is_empty());
        in_query.or_else(|| self.cookies.handshake_nonce())
    }

    pub(super) fn handshake_token(&self) -> Option<&str> {
        let in_query = self.query.handshake.as_deref().filter(|token| !token.is_empty());
        in_query.or_else(|| self.cookies.handshake())
    }

    /// How many handshakes in a row there were; what is no number is none.
    pub(super) fn redirect_count(&self) -> f64 {
        let count = self.cookies.redirect_count().map_or(0.0, js::number);
        if count.is_nan() { 0.0 } else { count }
    }

    pub(super) fn url(&self) -> Result<Url, Stop> {
        self.head.url().ok_or(Stop::Failed(Failure::Address))
    }
}

/// The token in an `Authorization` header: after the scheme `Bearer` exactly, or the whole value where it is one word.
fn bearer(header: Cow<'_, str>) -> Option<Cow<'_, str>> {
    match header {
        Cow::Borrowed(text) => bearer_in(text).map(Cow::Borrowed),
        Cow::Owned(text) => bearer_in(&text).map(|token| Cow::Owned(token.to_owned())),
    }
}

fn bearer_in(text: &str) -> Option<&str> {
    let token = match text.split_once(' ') {
        None => Some(text),
        Some((scheme, rest)) if rest.is_empty() || rest.starts_with(' ') => Some(scheme),
        Some(("Bearer", rest)) => {
            let end = memchr::memchr(b' ', rest.as_bytes()).unwrap_or(rest.len());
            rest.get(..end)
        }
        Some(_) => None,
    };
    token.filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_split_as_the_sdk_splits_it() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("Bearer abc def", Some("abc")),
            ("abc", Some("abc")),
            ("Bearer", Some("Bearer")),
            ("Bearer  abc", Some("Bearer")),
            ("bearer abc", None),
            ("Basic abc", None),
        ] {
            assert_eq!(bearer(Cow::Borrowed(header)).as_deref(), expected, "{header}");
        }
    }
}
