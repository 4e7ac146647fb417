//! `POST /clerk/webhooks` in the same process: a change is heard of, and a deletion acted upon, at once.

use crate::mirror::Mirror;
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use clerk_auth::clock::Clock;
use clerk_sync::{
    engine::{Engine, Receipt},
    webhook::{Headers, MAX_BODY_BYTES, Verifier},
};
use secrecy::SecretString;
use std::sync::Arc;

#[derive(Debug, Clone)]
struct Door {
    engine: Engine,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
}

pub(crate) fn routes(mirror: &Mirror, secret: &SecretString) -> anyhow::Result<Router> {
    let verifier = Arc::new(Verifier::try_new(std::slice::from_ref(secret))?);
    let door = Door { engine: mirror.engine.clone(), verifier, clock: Arc::clone(&mirror.clock) };
    let route = post(receive).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    Ok(Router::new().route("/clerk/webhooks", route).with_state(door))
}

/// 2xx means committed: Clerk sends everything else again. The body counts as the bytes that were signed, so it is
/// parsed by nobody before.
async fn receive(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let found = Headers::find(|name| headers.get(name).and_then(|value| value.to_str().ok()));
    let now_s = door.clock.now_ms().div_euclid(1_000);
    let verified = found.and_then(|found| door.verifier.verify(found, &body, now_s).map(|()| found.id));
    let Ok(id) = verified else { return StatusCode::BAD_REQUEST };
    match door.engine.receive(id, &body).await {
        Receipt::Accepted | Receipt::Ignored | Receipt::Buried => StatusCode::OK,
        Receipt::NotAnEvent => StatusCode::BAD_REQUEST,
        Receipt::TryLater { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}
