//! Who may call: a program on this machine, or the page itself. And what every answer carries.
//!
//! Any site that a person visits can send requests to a local port. So the host must be a local one (a name that
//! someone else points at this machine is not), and a browser's write must come from the page itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::one_host::{host_of, is_local};
use super::Sample;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ON_EVERY_ANSWER: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: with it the page's own forms would come from the origin `null`.
    (REFERRER_POLICY, "same-origin"),
    (RESOURCE_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

pub(super) async fn guard(State(sample): State<Arc<Sample>>, request: Request, next: Next) -> Response {
    let app = &sample.app.addresses.app;
    let mut response = match refusal(request.method(), request.headers(), app) {
        Some(error) => (StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in ON_EVERY_ANSWER {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refusal(method: &Method, headers: &HeaderMap, app: &str) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(HOST).unwrap_or_default();
    if !is_local(host) && host_of(app) != Some(host) {
        return Some(format!("This page answers under its own address only: {app}"));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    // Browsers send at least one of the two with every write; a program on this machine sends neither.
    let same = match (headers.get(SEC_FETCH_SITE), headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin.to_str().is_ok_and(|origin| host_of(origin) == Some(host)),
        (None, None) => true,
    };
    (!same).then(|| format!("Another site's page may not do this. Open {app} and do it there."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "http://127.0.0.1:3000";

    fn refused(method: Method, headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        refusal(&method, &headers, APP).is_some()
    }

    #[test]
    fn only_local_names_are_answered() {
        for host in ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "app.localhost", "LOCALHOST:1"] {
            assert!(!refused(Method::GET, &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:3000", "localhost.evil.example", "[::1", ""] {
            assert!(refused(Method::GET, &[("host", host)]), "{host}");
        }
    }

    #[test]
    fn a_configured_address_is_local_too() {
        let headers = [(HOST, HeaderValue::from_static("box.test:3000"))].into_iter().collect();
        assert_eq!(refusal(&Method::GET, &headers, "http://box.test:3000/"), None);
    }

    #[test]
    fn writes_come_from_the_page_or_from_no_browser() {
        let host = ("host", "localhost:3000");
        for fine in [
            &[host][..],
            &[host, ("sec-fetch-site", "same-origin")],
            &[host, ("origin", "http://localhost:3000")],
        ] {
            assert!(!refused(Method::POST, fine), "{fine:?}");
        }
        for foreign in [
            [host, ("sec-fetch-site", "cross-site")],
            [host, ("sec-fetch-site", "same-site")],
            [host, ("origin", "http://localhost:4000")],
            [host, ("origin", "null")],
        ] {
            assert!(refused(Method::DELETE, &foreign), "{foreign:?}");
        }
    }
}
