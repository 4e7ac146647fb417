//! What every request passes: faults, the key, the version, the rate limit; and what every answer carries.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::clock::sleep;
use crate::core::Core;
use crate::faults::{FaultKind, Occasion};
use crate::http_date::http_date;
use crate::refusal::Refusal;

use super::cors;
use super::frontend;
use super::pages;
use super::query::Query;
use super::version::ApiVersion;

/// Marks an answer that must not be sent: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedConnection;

const TRACE_ID: HeaderName = HeaderName::from_static("x-clerk-trace-id");
/// A client that waits longer than this for an answer will not notice the difference.
const HANG: Duration = Duration::from_secs(600);

pub(crate) async fn gate(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let counted = path != "/healthz" && !path.starts_with("/__emulator");
    let pattern = request.extensions().get::<MatchedPath>().map_or("(unknown)", MatchedPath::as_str);
    let route = format!("{} {pattern}", method_name(request.method()));
    let api = frontend::is_api(path);
    let origin = cors::allowed_origin(&core, request.headers()).filter(|_| api);
    let mut response = if api && request.method() == Method::OPTIONS {
        cors::preflight()
    } else if counted {
        pass(&core, &route, request, next).await.unwrap_or_else(IntoResponse::into_response)
    } else if is_cross_site(request.headers()) {
        Refusal::cross_site().into_response()
    } else {
        next.run(request).await
    };
    let closed = response.extensions().get::<ClosedConnection>().is_some();
    if counted {
        core.counter.note(&route, if closed { 0 } else { response.status().as_u16() });
    }
    finish(&core, &mut response);
    if let Some(origin) = origin {
        cors::allow(&mut response, origin);
    }
    response
}

/// Anyone can make up a method; the counters must not grow with it.
fn method_name(method: &Method) -> &str {
    match method.as_str() {
        name @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => name,
        _ => "(other)",
    }
}

async fn pass(core: &Core, route: &str, mut request: Request, next: Next) -> Result<Response, Refusal> {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let occasion = Occasion { method: Some(method.as_str()), path: Some(&path), ..Occasion::default() };
    let strike = |wanted: fn(&FaultKind) -> bool| core.faults.strike(core.now_ms(), occasion, wanted);

    if let Some(FaultKind::ApiLatency { ms }) = strike(|kind| matches!(kind, FaultKind::ApiLatency { .. })) {
        sleep(&*core.clock, Duration::from_millis(ms)).await;
    }
    let outage = |kind: &FaultKind| {
        matches!(kind, FaultKind::ApiUnavailable { .. } | FaultKind::ApiDisconnect | FaultKind::ApiHang)
    };
    match strike(outage) {
        Some(FaultKind::ApiUnavailable { status }) => {
            return Err(Refusal::new(
                status,
                "service_unavailable",
                "Service unavailable",
                "The service is unavailable on purpose.",
            ));
        }
        Some(FaultKind::ApiHang) => {
            sleep(&*core.clock, HANG).await;
            return Ok(closed());
        }
        Some(_) => return Ok(closed()),
        None => {}
    }
    if asks_for_key(&path) {
        check_key(request.headers(), &core.config.secret_key)?;
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let version = ApiVersion::of(request.headers(), &query)?;
        request.extensions_mut().insert(version);
        if path != "/v1/jwks" {
            let mut admitted = core.rate_limit.admit(core.now_ms());
            if admitted.is_ok() {
                let burst = strike(|kind| matches!(kind, FaultKind::ApiTooManyRequests { .. }));
                if let Some(FaultKind::ApiTooManyRequests { retry_after }) = burst {
                    admitted = Err(retry_after);
                }
            }
            match admitted {
                Ok(()) => core.counter.let_in(route, core.now_ms()),
                Err(retry_after) => {
                    core.counter.turned_away(route);
                    return Err(Refusal::too_many_requests(retry_after));
                }
            }
        }
    }
    let response = next.run(request).await;
    let lost = strike(|kind| *kind == FaultKind::ApiAnswerLost).is_some();
    Ok(if lost { closed() } else { response })
}

/// The control paths ask for no key, so at least no page of the web may reach them through a browser.
fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// The Backend API does; what browsers and verifiers read does not.
fn asks_for_key(path: &str) -> bool {
    path != "/.well-known/jwks.json" && !frontend::is_api(path) && !pages::is_page(path)
}

fn closed() -> Response {
    let mut response = StatusCode::BAD_GATEWAY.into_response();
    response.extensions_mut().insert(ClosedConnection);
    response
}

fn check_key(headers: &HeaderMap, secret_key: &str) -> Result<(), Refusal> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = header.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Err(Refusal::new(
            401,
            "authorization_header_format_invalid",
            "Invalid Authorization header format",
            "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'",
        ));
    };
    if key == secret_key {
        return Ok(());
    }
    let long = "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.";
    Err(Refusal::new(401, "clerk_key_invalid", long, long))
}

/// Writes the body of a refusal, and the headers every answer has.
fn finish(core: &Core, response: &mut Response) {
    let trace_id = core.trace_id();
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        *response.body_mut() = refusal.body(&trace_id).to_string().into();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = refusal.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(trace_id) {
        headers.insert(TRACE_ID, value);
    }
    if let Ok(value) = HeaderValue::try_from(http_date(core.now_ms())) {
        headers.insert(DATE, value);
    }
}
