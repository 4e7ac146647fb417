//! One host name for every address: cookies ignore ports, but not host names, and `localhost` is another than `127.0.0.1`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, HOST, HeaderName, LOCATION};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::http::host::Host;

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Sends whoever opens a page under another local name to the same page of `address`. Programs are answered under any.
pub(super) fn one_host(routes: Router, address: &str) -> Router {
    routes.layer(from_fn_with_state(Arc::<str>::from(address.trim_end_matches('/')), guide))
}

async fn guide(State(address): State<Arc<str>>, request: Request, next: Next) -> Response {
    match elsewhere(request.method(), request.uri(), request.headers(), &address) {
        Some(location) => {
            (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location), (CACHE_CONTROL, "no-store".to_owned())])
                .into_response()
        }
        None => next.run(request).await,
    }
}

fn elsewhere(method: &Method, uri: &Uri, headers: &HeaderMap, address: &str) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let is_page = match headers.get(SEC_FETCH_DEST) {
        Some(what) => what == "document",
        None => headers.get(ACCEPT).is_some_and(|kinds| kinds.as_bytes().starts_with(b"text/html")),
    };
    let moves = *method == Method::GET && is_page && is_local(host) && host_of(address) != Some(host);
    moves.then(|| format!("{address}{}", uri.path_and_query().map_or("/", |path| path.as_str())))
}

/// `localhost:3000` of `http://localhost:3000/`.
pub(super) fn host_of(address: &str) -> Option<&str> {
    address.split_once("://")?.1.split('/').next()
}

/// Whether a `Host` names this machine and nothing else, whatever a name server says.
pub(super) fn is_local(host: &str) -> bool {
    match Host::parse(host) {
        Some(Host::Address(address)) => address.is_loopback(),
        Some(Host::Name(name)) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const ADDRESS: &str = "http://127.0.0.1:3000";

    fn sent(method: Method, path: &'static str, headers: &[(HeaderName, &'static str)]) -> Option<String> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        elsewhere(&method, &Uri::from_static(path), &headers, ADDRESS)
    }

    #[test]
    fn pages_have_one_host_name() {
        let page = (SEC_FETCH_DEST, "document");
        let sent_to = |host| sent(Method::GET, "/a?b=1", &[(HOST, host), page.clone()]);
        for other in ["localhost:3000", "[::1]:3000", "127.0.0.2:3000", "127.0.0.1:4000", "x.localhost:3000"]
        {
            assert_eq!(sent_to(other).as_deref(), Some("http://127.0.0.1:3000/a?b=1"), "{other}");
        }
        // Whose names mean something else is for the guard to refuse.
        for stays in ["127.0.0.1:3000", "evil.example", "localhost.evil.example", ""] {
            assert_eq!(sent_to(stays), None, "{stays}");
        }
        let old = [(HOST, "localhost:3000"), (ACCEPT, "text/html,*/*")];
        assert!(sent(Method::GET, "/", &old).is_some());
    }

    #[test]
    fn programs_and_writes_stay() {
        let host = (HOST, "localhost:3000");
        assert_eq!(sent(Method::GET, "/", std::slice::from_ref(&host)), None);
        assert_eq!(sent(Method::GET, "/", &[host.clone(), (SEC_FETCH_DEST, "empty")]), None);
        assert_eq!(sent(Method::POST, "/", &[host, (SEC_FETCH_DEST, "document")]), None);
    }
}
