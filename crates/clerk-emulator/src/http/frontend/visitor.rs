//! Who calls the Frontend API.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use url::Url;

use crate::core::Core;
use crate::handshake::CookiePlace;
use crate::refusal::Refusal;
use crate::site::web_url;

use super::super::cookies::cookie;
use super::super::cors;
use super::super::query::Query;

/// A browser, known by its dev browser id in the query, or by its cookie.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Its key; `None` for one that is seen for the first time.
    pub(crate) browser: Option<String>,
    /// Whether it is known, or will be, by the cookie `__client`.
    pub(crate) by_cookie: bool,
    /// The origin of the page that asks.
    pub(crate) origin: Option<String>,
    /// Host and port the request was sent to.
    pub(crate) host: String,
}

impl Visitor {
    /// The key of this browser, which is made if there was none.
    pub(crate) fn ensure(&mut self, core: &Core) -> String {
        self.browser.get_or_insert_with(|| core.create_browser(browser_prefix(core))).clone()
    }

    /// The `Set-Cookie` values by which the browser stays known here, and by which apps beside it in production learn
    /// that its client changed.
    pub(crate) fn cookies(&self, core: &Core) -> Vec<String> {
        let Some(key) = self.browser.as_deref().filter(|_| self.by_cookie) else { return Vec::new() };
        let mut all = vec![format!("__client={key}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")];
        if core.config.has_production_frontend() {
            let uat = core.signed_in(key, None).map_or(0, |signed_in| signed_in.client_uat);
            all.extend(self.place(core).map(|place| place.client_uat(uat)).unwrap_or_default());
        }
        all
    }

    fn place(&self, core: &Core) -> Option<CookiePlace> {
        let url = Url::parse(&format!("http://{}", self.host)).ok()?;
        let mut place = core.cookie_place(&url, true);
        // Set here, it belongs to this host, whatever Clerk calls it.
        place.localhost = false;
        Some(place)
    }
}

fn browser_prefix(core: &Core) -> &'static str {
    if core.config.has_production_frontend() { "browser" } else { "dvb" }
}

impl FromRequestParts<Arc<Core>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Refusal> {
        let headers = &parts.headers;
        let origin = headers.get(ORIGIN).map(|value| value.to_str().unwrap_or_default().to_owned());
        if parts.method != Method::GET && origin.is_some() && cors::allowed_origin(core, headers).is_none() {
            let long = "Pages of this origin may not use this instance: add it to the allowed origins.";
            return Err(Refusal::new(400, "origin_invalid", "Invalid HTTP Origin header", long));
        }
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let origin = origin.filter(|origin| web_url(origin).is_some());
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let dev_browser = query.filled("__clerk_db_jwt").filter(|_| !core.config.has_production_frontend());
        if let Some(key) = dev_browser {
            if !core.knows_browser(&key) {
                let long = "The dev browser is unknown: this instance may have been restarted.";
                let message = "Unable to authenticate this browser";
                return Err(Refusal::new(401, "dev_browser_unauthenticated", message, long));
            }
            return Ok(Self { browser: Some(key), by_cookie: false, origin, host });
        }
        let browser = cookie(headers, "__client").filter(|key| core.knows_browser(key));
        Ok(Self { browser, by_cookie: true, origin, host })
    }
}

/// The host the request was sent to, without its port.
pub(crate) fn request_host(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}
