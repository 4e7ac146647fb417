//! A browser without pages: it keeps cookies, follows redirects, and sends what a real one sends about itself.

use crate::harness::now_ms;
use reqwest::{Method, header::HeaderMap, redirect::Policy};
use std::collections::BTreeMap;
use url::Url;

/// As many as real ones follow.
const MOST_REDIRECTS: usize = 20;

pub(super) struct Browser {
    http: reqwest::Client,
    /// By name; all of one host, for cookies know no ports.
    jar: BTreeMap<String, Cookie>,
}

#[derive(Debug)]
struct Cookie {
    value: String,
    expires_at_ms: Option<i64>,
}

/// Where a journey ended.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    pub(super) url: Url,
    /// All addresses on the way, the last one too.
    pub(super) trail: Vec<Url>,
}

impl Page {
    /// How often the way led through a path.
    pub(super) fn visits(&self, path: &str) -> usize {
        self.trail.iter().filter(|url| url.path() == path).count()
    }
}

impl Browser {
    pub(super) fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { http, jar: BTreeMap::new() }
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(|cookie| cookie.value.as_str())
    }

    /// The names of all cookies that are not expired.
    pub(super) fn cookies(&self) -> Vec<&str> {
        let now = now_ms();
        let live = self.jar.iter().filter(|(_, cookie)| cookie.expires_at_ms.is_none_or(|at| at > now));
        live.map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn set_cookie(&mut self, name: &str, value: &str) {
        let cookie = Cookie { value: value.to_owned(), expires_at_ms: None };
        self.jar.insert(name.to_owned(), cookie);
    }

    /// Types an address, and goes where that leads.
    pub(super) async fn open(&mut self, url: &str) -> Page {
        self.journey(Method::GET, url, None).await
    }

    /// Sends a form, and goes where that leads.
    pub(super) async fn submit(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.journey(Method::POST, url, Some(form)).await
    }

    async fn journey(&mut self, mut method: Method, url: &str, mut form: Option<String>) -> Page {
        let mut url = Url::parse(url).unwrap();
        let mut trail = Vec::new();
        loop {
            trail.push(url.clone());
            assert!(trail.len() <= MOST_REDIRECTS, "round in circles: {trail:#?}");
            let mut request = self.http.request(method.clone(), url.clone());
            request = request.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
            request = request.header("sec-fetch-dest", "document").header("sec-fetch-mode", "navigate");
            if let Some(form) = &form {
                request = request.header("content-type", "application/x-www-form-urlencoded");
                request = request.body(form.clone());
            }
            let page = self.send(request, trail).await;
            let location = page.headers.get("location").map(|location| location.to_str().unwrap().to_owned());
            let Some(location) = location.filter(|_| (300..400).contains(&page.status)) else { return page };
            if page.status == 303 {
                (method, form) = (Method::GET, None);
            }
            url = url.join(&location).unwrap();
            trail = page.trail;
        }
    }

    /// What a script of a page would do: no redirects, and the headers of the caller's choice.
    pub(super) async fn fetch(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Page {
        let mut request = self.http.request(method, url).header("sec-fetch-dest", "empty");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        self.send(request, vec![Url::parse(url).unwrap()]).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder, trail: Vec<Url>) -> Page {
        let sent: Vec<String> =
            self.cookies().iter().map(|name| format!("{name}={}", self.jar[*name].value)).collect();
        let request = if sent.is_empty() { request } else { request.header("cookie", sent.join("; ")) };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for directive in headers.get_all("set-cookie") {
            self.take(directive.to_str().unwrap());
        }
        let url = trail.last().unwrap().clone();
        Page { status, headers, body: response.text().await.unwrap(), url, trail }
    }

    fn take(&mut self, directive: &str) {
        let mut parts = directive.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').expect("a cookie");
        let mut expires_at_ms = None;
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_lowercase().as_str() {
                // Browsers refuse a cookie for another domain; a second cookie joined to the first looks so as well.
                "domain" => return,
                "max-age" => expires_at_ms = Some(now_ms() + value.parse::<i64>().expect("seconds") * 1_000),
                "expires" if value.contains(" 1970 ") => expires_at_ms = Some(0),
                "path" => assert!(!value.contains(','), "several cookies in one: {directive}"),
                _ => {}
            }
        }
        let cookie = Cookie { value: value.to_owned(), expires_at_ms };
        self.jar.insert(name.to_owned(), cookie);
    }
}
