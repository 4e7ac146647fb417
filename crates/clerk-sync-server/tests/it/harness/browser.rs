//! A browser as far as sign-in needs one: it keeps cookies, says what browsers say, and goes where it is sent.

use super::{Answer, client, server::answer};
use clerk_auth::clock::{Clock as _, SystemClock};
use reqwest::{Method, RequestBuilder};
use std::time::Duration;
use url::Url;

/// Of redirects in a row.
const MOST_HOPS: usize = 10;

pub(crate) struct Browser {
    http: reqwest::Client,
    clock: SystemClock,
    cookies: Vec<Cookie>,
    /// Sent with every request besides what browsers send.
    extra: Vec<(String, String)>,
}

/// For a host whatever its port, as in browsers.
#[derive(Clone, Debug)]
struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
    until: Option<Duration>,
}

/// A request on the way, and its answer.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) url: Url,
    pub(crate) answer: Answer,
}

impl Hop {
    /// Where the answer sends the browser.
    pub(crate) fn next(&self) -> Option<Url> {
        let location = self.answer.header("location").filter(|_| (300..400).contains(&self.answer.status))?;
        Some(self.url.join(location).unwrap_or_else(|_| panic!("no address: {self:?}")))
    }
}

/// From the first request to the answer that is shown.
#[derive(Debug)]
pub(crate) struct Walk(pub(crate) Vec<Hop>);

impl Walk {
    pub(crate) fn last(&self) -> &Hop {
        self.0.last().expect("a request")
    }

    pub(crate) fn status(&self) -> u16 {
        self.last().answer.status
    }

    /// The answers of one host and port.
    pub(crate) fn at(&self, origin: &str) -> impl Iterator<Item = &Hop> {
        self.0.iter().filter(move |hop| hop.url.origin().ascii_serialization() == origin)
    }

    pub(crate) fn trace(&self) -> String {
        let line = |hop: &Hop| format!("{} {} -> {:?}", hop.answer.status, hop.url, hop.next());
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Browser {
    pub(crate) fn new() -> Self {
        let (http, clock) = (client(), SystemClock::new());
        Self { http, clock, cookies: Vec::new(), extra: Vec::new() }
    }

    pub(crate) fn saying(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps a cookie for this machine.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        self.note("127.0.0.1", &format!("{name}={value}; Path=/"));
    }

    /// Types an address and goes wherever that leads.
    pub(crate) async fn open(&mut self, url: &str) -> Walk {
        self.open_until(url, |_| false).await
    }

    /// The same, but stops before it goes to an address at which `stop` says so.
    pub(crate) async fn open_until(&mut self, url: &str, stop: impl Fn(&Url) -> bool) -> Walk {
        let url = Url::parse(url).unwrap();
        let first = self.step(Method::GET, &url, None, None).await;
        self.follow(first, None, stop).await
    }

    /// One request, and no redirect is followed.
    pub(crate) async fn ask(&mut self, url: &str) -> Answer {
        let url = Url::parse(url).unwrap();
        self.step(Method::GET, &url, None, None).await.answer
    }

    /// Sends a form of the page at `page` to its own address.
    pub(crate) async fn submit(
        &mut self,
        page: &Url,
        fields: &[(&str, &str)],
        stop: impl Fn(&Url) -> bool,
    ) -> Walk {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let first = self.step(Method::POST, page, Some(page), Some(body)).await;
        self.follow(first, Some(page), stop).await
    }

    async fn follow(&mut self, first: Hop, from: Option<&Url>, stop: impl Fn(&Url) -> bool) -> Walk {
        let mut walk = Walk(vec![first]);
        while let Some(next) = walk.last().next().filter(|next| !stop(next)) {
            assert!(walk.0.len() <= MOST_HOPS, "goes round for ever:\n{}", walk.trace());
            let hop = self.step(Method::GET, &next, from, None).await;
            walk.0.push(hop);
        }
        walk
    }

    async fn step(&mut self, method: Method, url: &Url, from: Option<&Url>, body: Option<String>) -> Hop {
        let mut request = self.http.request(method, url.clone());
        request =
            self.headers(url).into_iter().fold(request, |request, (name, value)| request.header(name, value));
        if let Some(from) = from {
            // All that browsers say to another origin.
            request = request.header("referer", format!("{}/", from.origin().ascii_serialization()));
        }
        if let (Some(body), Some(from)) = (body, from) {
            request = request
                .header("origin", from.origin().ascii_serialization())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body);
        }
        let answer = answer(send(request).await).await.unwrap();
        let host = url.host_str().expect("a host").to_owned();
        for directive in answer.headers.get_all("set-cookie") {
            self.note(&host, directive.to_str().unwrap());
        }
        Hop { url: url.clone(), answer }
    }

    fn headers(&self, url: &Url) -> Vec<(String, String)> {
        let now = self.clock.monotonic();
        let host = url.host_str().expect("a host");
        let sent = self.cookies.iter().filter(|cookie| {
            let alive = cookie.until.is_none_or(|until| now < until);
            alive && cookie.host == host && within(url.path(), &cookie.path)
        });
        let cookies: Vec<String> = sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        let mut headers = vec![
            ("sec-fetch-dest".to_owned(), "document".to_owned()),
            ("accept".to_owned(), "text/html,application/xhtml+xml,*/*;q=0.8".to_owned()),
        ];
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        headers.extend(self.extra.iter().cloned());
        headers
    }

    fn note(&mut self, host: &str, directive: &str) {
        let mut parts = directive.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie");
        let (mut path, mut until, mut gone) = ("/".to_owned(), None, false);
        for attribute in parts {
            let (key, text) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" => path = text.to_owned(),
                "domain" if text.trim_start_matches('.') != host => return,
                "max-age" => {
                    let seconds: i64 = text.parse().unwrap();
                    gone = seconds <= 0;
                    until = Some(self.clock.monotonic() + Duration::from_secs(seconds.max(0).unsigned_abs()));
                }
                "expires" => gone |= text.contains("1970"),
                "secure" => return,
                _ => {}
            }
        }
        self.cookies.retain(|cookie| (&*cookie.host, &*cookie.path, &*cookie.name) != (host, &*path, name));
        if !gone {
            let (host, name, value) = (host.to_owned(), name.to_owned(), value.to_owned());
            self.cookies.push(Cookie { host, path, name, value, until });
        }
    }
}

fn within(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn send(request: RequestBuilder) -> reqwest::Response {
    request.send().await.expect("an answer")
}
