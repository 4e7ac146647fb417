//! The part of a request that authentication looks at.

use crate::cookies::header_text;
use http::{HeaderMap, HeaderName, Method, Request, Uri, header};
use std::borrow::Cow;
use url::{Position, Url, form_urlencoded};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// A request as the browser sent it: for another origin than ours, if a proxy says so.
#[derive(Debug, Clone)]
pub struct RequestHead<'a> {
    method: Cow<'a, Method>,
    origin: Origin<'a>,
    path_and_query: Cow<'a, str>,
    headers: &'a HeaderMap,
}

/// Where a request was sent to, without a path. Few requests need to know.
#[derive(Debug, Clone)]
enum Origin<'a> {
    /// `https://app.example`.
    Given(Cow<'a, str>),
    Received {
        uri: &'a Uri,
        headers: &'a HeaderMap,
        scheme: &'a str,
        trust_forwarded: bool,
    },
}

impl Origin<'_> {
    /// The addresses that it may be; the first that is one counts.
    fn candidates(&self) -> [Option<Cow<'_, str>>; 2] {
        match self {
            Self::Given(origin) => [Some(Cow::Borrowed(origin)), None],
            Self::Received { uri, headers, scheme, trust_forwarded } => {
                received_candidates(uri, headers, scheme, *trust_forwarded)
            }
        }
    }
}

impl<'a> RequestHead<'a> {
    /// A request for `path_and_query` of `origin` (`https://app.example`, as browsers see it).
    pub fn new(
        method: Method,
        origin: impl Into<Cow<'a, str>>,
        path_and_query: impl Into<Cow<'a, str>>,
        headers: &'a HeaderMap,
    ) -> Self {
        Self {
            method: Cow::Owned(method),
            origin: Origin::Given(origin.into()),
            path_and_query: path_and_query.into(),
            headers,
        }
    }

    /// A request for one of the addresses of `origin` (`https://app.example`, as browsers see it), whatever its own
    /// host says.
    pub fn of<Body>(request: &'a Request<Body>, origin: impl Into<Cow<'a, str>>) -> Self {
        Self {
            method: Cow::Borrowed(request.method()),
            origin: Origin::Given(origin.into()),
            path_and_query: Cow::Borrowed(path_of(request.uri())),
            headers: request.headers(),
        }
    }

    /// A request as a server received it. With `trust_forwarded`, what a proxy says in `X-Forwarded-Host` and
    /// `-Proto` counts (contract, section d.5); otherwise, or where it says nothing, the request's own host and
    /// `scheme` do.
    #[must_use]
    pub fn received<Body>(request: &'a Request<Body>, scheme: &'a str, trust_forwarded: bool) -> Self {
        let (uri, headers) = (request.uri(), request.headers());
        Self {
            method: Cow::Borrowed(request.method()),
            origin: Origin::Received { uri, headers, scheme, trust_forwarded },
            path_and_query: Cow::Borrowed(path_of(uri)),
            headers,
        }
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    pub(crate) fn is_get(&self) -> bool {
        *self.method == Method::GET
    }

    /// The complete address; `None` if it is none.
    #[must_use]
    pub fn url(&self) -> Option<Url> {
        let own = |origin: &str| {
            let origin = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
            let path = self.path_and_query.as_ref();
            let slash = if path.starts_with('/') { "" } else { "/" };
            // Only a host counts: a forwarded one may hold anything. A path that begins with two slashes stays a path.
            let mut url = Url::parse(&format!("{}{slash}{path}", &origin[..Position::BeforePath])).ok()?;
            url.set_fragment(None);
            Some(url)
        };
        self.origin.candidates().iter().flatten().find_map(|origin| own(origin))
    }

    pub(crate) fn authorization(&self) -> Option<Cow<'a, str>> {
        self.filled(&header::AUTHORIZATION)
    }

    pub(crate) fn cookies(&self) -> Option<Cow<'a, str>> {
        self.filled(&header::COOKIE)
    }

    pub(crate) fn referrer(&self) -> Option<Cow<'a, str>> {
        self.filled(&header::REFERER)
    }

    pub(crate) fn fetch_destination(&self) -> Option<Cow<'a, str>> {
        self.filled(&SEC_FETCH_DEST)
    }

    /// Whether the request is likely for a page that a person looks at (contract, section d.4).
    #[must_use]
    pub fn is_for_a_page(&self) -> bool {
        let accepts_html =
            || self.filled(&header::ACCEPT).is_some_and(|accept| accept.starts_with("text/html"));
        self.is_get()
            && self
                .fetch_destination()
                .map_or_else(accepts_html, |destination| matches!(&*destination, "document" | "iframe"))
    }

    fn filled(&self, name: &HeaderName) -> Option<Cow<'a, str>> {
        header_text(self.headers, name).filter(|text| !text.is_empty())
    }

    fn query(&self) -> Option<&str> {
        let (_, query) = self.path_and_query.split_once('?')?;
        query.split('#').next()
    }
}

fn path_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

fn received_candidates<'a>(
    uri: &'a Uri,
    headers: &'a HeaderMap,
    scheme: &str,
    trust_forwarded: bool,
) -> [Option<Cow<'a, str>>; 2] {
    let first = |name: &HeaderName| {
        let text = headers.get(name).filter(|_| trust_forwarded)?.to_str().ok()?;
        text.split(',').next().map(str::trim).filter(|text| !text.is_empty())
    };
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let forwarded = (first(&FORWARDED_HOST), first(&FORWARDED_PROTO));
    let is_forwarded = forwarded != (None, None);
    let origin = format!(
        "{}://{}",
        forwarded.1.unwrap_or(scheme),
        forwarded.0.or(host).or(authority).unwrap_or("localhost")
    );
    // The request's own address, for the case that a proxy's word makes none.
    let fallback = authority.or_else(|| host.filter(|_| is_forwarded));
    [Some(Cow::Owned(origin)), fallback.map(|host| Cow::Owned(format!("{scheme}://{host}")))]
}

/// The parameters of Clerk's in a query. Of a repeated one the first counts.
#[derive(Debug, Default)]
pub(crate) struct ClerkQuery {
    pub(crate) handshake: Option<String>,
    pub(crate) handshake_nonce: Option<String>,
    pub(crate) dev_browser: Option<String>,
    pub(crate) redirect_url: Option<String>,
}

impl ClerkQuery {
    pub(crate) fn read(head: &RequestHead<'_>) -> Self {
        let mut found = Self::default();
        let Some(query) = head.query() else { return found };
        // Nearly every query has none of them, and need not be decoded to know.
        if !query.contains("__") && !query.contains('%') {
            return found;
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "__clerk_handshake" => &mut found.handshake,
                "__clerk_handshake_nonce" => &mut found.handshake_nonce,
                "__clerk_db_jwt" => &mut found.dev_browser,
                "__clerk_redirect_url" => &mut found.redirect_url,
                _ => continue,
            };
            slot.get_or_insert_with(|| value.into_owned());
        }
        found
    }
}

/// Takes parameters away, and writes the rest anew as browsers do, also if there was nothing to take.
pub(crate) fn without(mut url: Url, names: &[&str]) -> Url {
    let mut kept = parameters(&url);
    kept.retain(|(name, _)| !names.contains(&name.as_str()));
    if kept.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    url
}

/// Gives a parameter this one value, where it first stood, else at the end.
pub(crate) fn with(mut url: Url, name: &str, value: &str) -> Url {
    let mut is_set = false;
    let mut kept = parameters(&url);
    kept.retain_mut(|(known, old)| {
        let is_first = known == name && !std::mem::replace(&mut is_set, true);
        if is_first {
            value.clone_into(old);
        }
        is_first || known != name
    });
    if !is_set {
        kept.push((name.to_owned(), value.to_owned()));
    }
    url.query_pairs_mut().clear().extend_pairs(kept);
    url
}

fn parameters(url: &Url) -> Vec<(String, String)> {
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(headers: &[(&str, &str)], trust: bool) -> String {
        let mut request = Request::get("/a?b=c");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        RequestHead::received(&request, "http", trust).url().map(String::from).unwrap_or_default()
    }

    #[test]
    fn the_address_is_the_browsers() {
        let forwarded = [
            ("host", "inner:1"),
            ("x-forwarded-host", "app.example, proxy"),
            ("x-forwarded-proto", "https, http"),
        ];
        assert_eq!(received(&forwarded, true), "https://app.example/a?b=c");
        assert_eq!(received(&forwarded, false), "http://inner:1/a?b=c");
        assert_eq!(received(&[("host", "app.example")], true), "http://app.example/a?b=c");
        assert_eq!(
            received(&[("host", "app.example"), ("x-forwarded-host", "")], true),
            "http://app.example/a?b=c"
        );
        assert_eq!(received(&[("host", "a b")], true), "");
        assert_eq!(received(&[("host", "a"), ("x-forwarded-proto", "javascript")], true), "http://a/a?b=c");
        assert_eq!(received(&[("host", "a"), ("x-forwarded-host", "b c")], true), "http://a/a?b=c");
        assert_eq!(received(&[("host", "a"), ("x-forwarded-host", "b/c?d#e")], true), "http://b/a?b=c");
    }

    #[test]
    fn a_path_that_looks_like_a_host_stays_a_path() {
        let headers = HeaderMap::new();
        let head = RequestHead::new(Method::GET, "https://app.example", "//evil.example/x", &headers);
        assert_eq!(head.url().unwrap().as_str(), "https://app.example//evil.example/x");
        let head = RequestHead::new(Method::GET, "https://app.example", "@evil.example/x", &headers);
        assert_eq!(head.url().unwrap().as_str(), "https://app.example/@evil.example/x");
    }

    #[test]
    fn a_page_is_told_from_a_fetch() {
        let is_page = |method: Method, name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            RequestHead::new(method, "https://app.example", "/", &headers).is_for_a_page()
        };
        for (name, value, expected) in [
            ("sec-fetch-dest", "document", true),
            ("sec-fetch-dest", "iframe", true),
            ("sec-fetch-dest", "Document", false),
            ("sec-fetch-dest", "empty", false),
            ("sec-fetch-dest", "", false),
            ("accept", "text/html,*/*", true),
            ("accept", "text/html-ish", true),
            ("accept", "application/json, text/html", false),
            ("accept", "TEXT/HTML", false),
        ] {
            assert_eq!(is_page(Method::GET, name, value), expected, "{name}: {value}");
            assert!(!is_page(Method::POST, name, value) && !is_page(Method::HEAD, name, value));
        }
    }

    #[test]
    fn finds_clerks_parameters_and_takes_them_away() {
        let headers = HeaderMap::new();
        let query = "/?x=a%20b&%5F_clerk_db_jwt=dvb_1&__clerk_db_jwt=dvb_2&__clerk_handshake_nonce=n&y";
        let head = RequestHead::new(Method::GET, "https://app.example", query, &headers);
        let found = ClerkQuery::read(&head);
        assert_eq!(found.dev_browser.as_deref(), Some("dvb_1"));
        assert_eq!(found.handshake_nonce.as_deref(), Some("n"));
        assert_eq!((found.handshake, found.redirect_url), (None, None));
        let rest = without(head.url().unwrap(), &["__clerk_db_jwt", "__clerk_handshake_nonce"]);
        assert_eq!(rest.as_str(), "https://app.example/?x=a+b&y=");
        for (text, expected) in [
            ("https://app.example/?a=1", "https://app.example/?a=1&b=2"),
            ("https://app.example/?b=x&a=1&b=y", "https://app.example/?b=2&a=1"),
            ("https://app.example", "https://app.example/?b=2"),
        ] {
            assert_eq!(with(Url::parse(text).unwrap(), "b", "2").as_str(), expected);
        }
        let none = without(Url::parse("https://app.example/?__clerk_db_jwt=1").unwrap(), &["__clerk_db_jwt"]);
        assert_eq!(none.as_str(), "https://app.example/");
    }
}
