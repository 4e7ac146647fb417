//! The person in front of a page, and whether a form really comes from that page.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;

use crate::core::Core;
use crate::state::user::User;

use super::super::cookies::cookie;
use super::super::frontend::Visitor;
use super::super::query::Query;

/// A browser, known by the dev browser id in the address (which then counts), or by its cookie.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) visitor: Visitor,
    pub(crate) query: Query,
    /// Whether the request came from one of our own pages, or from no browser at all.
    pub(crate) from_here: bool,
}

impl Guest {
    /// The user who is signed in here.
    pub(crate) fn user(&self, core: &Core) -> Option<Arc<User>> {
        let signed_in = core.signed_in(self.visitor.browser.as_deref()?, None)?;
        core.user(&signed_in.session.user_id)
    }
}

impl FromRequestParts<Arc<Core>> for Guest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let named = query.filled("__clerk_db_jwt").filter(|_| !core.config.has_production_frontend());
        let known = |key: &String| core.knows_browser(key);
        let browser = named.filter(known).or_else(|| cookie(headers, "__client").filter(known));
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let from_here = is_from_here(headers, &host);
        let visitor = Visitor { browser, by_cookie: true, origin: None, host };
        Ok(Self { visitor, query, from_here })
    }
}

/// Every browser says where a form was sent from in at least one of the two headers.
fn is_from_here(headers: &HeaderMap, host: &str) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site == "same-origin" || site == "none");
    let origin = headers.get(ORIGIN).map(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        origin.split_once("://").is_some_and(|(_, place)| place == host)
    });
    site.unwrap_or(true) && origin.unwrap_or(true)
}
