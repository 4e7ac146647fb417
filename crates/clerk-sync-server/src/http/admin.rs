//! The admin listener: `GET /metrics`. Its own address, so that nothing of it is exposed by accident.

use super::{error::ApiError, host::Host};
use crate::mirror::Mirror;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use clerk_sync::reconcile::Overview;
use prometheus_client::{encoding::text::encode, metrics::gauge::Gauge, registry::Registry};
use secrecy::{ExposeSecret, SecretString};
use std::{net::SocketAddr, sync::Arc, time::Duration};

const WRONG_HOST: ApiError = ApiError::new(
    StatusCode::FORBIDDEN,
    "wrong_host",
    "The admin address is not served under this host name.",
);
const NO_TOKEN: ApiError =
    ApiError::new(StatusCode::UNAUTHORIZED, "token_needed", "Send CLERK_SYNC_ADMIN_TOKEN as a bearer token.");
const FAILED: ApiError =
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The metrics cannot be written.");

/// A scrape waits no longer for the database.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the routes work with.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    mirror: Mirror,
    token: Option<SecretString>,
    listen: SocketAddr,
    registry: Arc<Registry>,
    dead_letters: Gauge,
    pending_deletions: Gauge,
    last_event_age_seconds: Gauge,
    held_deletions: Gauge,
    tombstoned_alive: Gauge,
    imported: Gauge,
    catch_up_age_seconds: Gauge,
    scrub_age_seconds: Gauge,
}

impl Admin {
    /// Registers every metric.
    pub(crate) fn new(mirror: Mirror, token: Option<SecretString>, listen: SocketAddr) -> Self {
        let mut registry = Registry::with_prefix("clerk_sync");
        mirror.metrics.register(&mut registry);
        let dead_letters = Gauge::default();
        registry.register("dead_letters", "Events that verify but cannot be applied", dead_letters.clone());
        let last_event_age_seconds = Gauge::default();
        registry.register(
            "last_event_age_seconds",
            "Since an event was last accepted by any process; -1 if none ever was",
            last_event_age_seconds.clone(),
        );
        let mut gauge = |name, help| {
            let gauge = Gauge::<i64>::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let pending_deletions = gauge(
            "pending_deletions",
            "Rows of users who are gone that wait: for [users] delete_after, or until they can go",
        );
        let held_deletions = gauge(
            "held_deletions",
            "Users missing in Clerk who are kept until clerk-sync reconcile --confirm-deletes, because there are too many",
        );
        let tombstoned_alive =
            gauge("tombstoned_alive", "Users deleted here and alive in Clerk, as the last scrub found them");
        let imported = gauge("imported", "Whether an import has ever completed");
        let catch_up_age_seconds =
            gauge("catch_up_age_seconds", "Since the last catch-up of any process; -1 before the first");
        let scrub_age_seconds =
            gauge("scrub_age_seconds", "Since the last complete scrub of any process; -1 before the first");
        Self {
            mirror,
            token,
            listen,
            registry: Arc::new(registry),
            dead_letters,
            pending_deletions,
            last_event_age_seconds,
            held_deletions,
            tombstoned_alive,
            imported,
            catch_up_age_seconds,
            scrub_age_seconds,
        }
    }

    async fn refresh(&self) {
        let look =
            async { tokio::join!(self.mirror.store.gauges(), Overview::read(self.mirror.store.as_ref())) };
        let Ok((gauges, overview)) = tokio::time::timeout(COUNT_TIMEOUT, look).await else { return };
        let age = |at: Option<i64>| at.map_or(-1, |at| (self.mirror.clock.now_ms() - at).max(0) / 1000);
        if let Ok(gauges) = gauges {
            self.dead_letters.set(gauges.dead_letters);
            self.pending_deletions.set(gauges.pending_deletions);
            let last = self.mirror.engine.last_event_ms().max(gauges.last_event_at);
            self.last_event_age_seconds.set(age(last));
        }
        if let Ok(overview) = overview {
            let count = |users: u64| i64::try_from(users).unwrap_or(i64::MAX);
            self.held_deletions.set(count(overview.scrub.held));
            self.tombstoned_alive.set(count(overview.scrub.alive));
            self.imported.set(i64::from(overview.is_imported()));
            self.catch_up_age_seconds.set(age(overview.catch_up.completed_at));
            self.scrub_age_seconds.set(age(overview.scrub.completed_at));
        }
    }
}

/// The admin routes.
pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .fallback(async || ApiError::NOT_FOUND)
        .layer(from_fn_with_state(admin.clone(), guard))
        .with_state(admin)
}

async fn metrics(State(admin): State<Admin>) -> Response {
    admin.refresh().await;
    let mut text = String::new();
    match encode(&mut text, &admin.registry) {
        Ok(()) => {
            ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
                .into_response()
        }
        Err(_) => FAILED.into_response(),
    }
}

async fn guard(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    match admin.refuses(request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

impl Admin {
    /// A page of another origin must not reach this listener through a name that resolves to it, and a token is
    /// asked for if one is set.
    fn refuses(&self, headers: &HeaderMap) -> Option<ApiError> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if !header(header::HOST).is_some_and(|host| is_our_host(host, self.listen)) {
            return Some(WRONG_HOST);
        }
        let token = self.token.as_ref()?;
        let sent =
            header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(
            sent.as_bytes(),
            token.expose_secret().as_bytes(),
        );
        same.err().map(|_| NO_TOKEN)
    }
}

/// A loopback name, or the address that we were told to listen on.
fn is_our_host(host: &str, listen: SocketAddr) -> bool {
    match Host::parse(host) {
        // Behind 0.0.0.0 any address of this machine is meant; the token guards it.
        Some(Host::Address(address)) => {
            address.is_loopback() || listen.ip() == address || listen.ip().is_unspecified()
        }
        Some(Host::Name(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("localhost", true)]
    #[case("LOCALHOST:8788", true)]
    #[case("127.0.0.1:8788", true)]
    #[case("127.9.9.9", true)]
    #[case("[::1]:8788", true)]
    #[case("10.1.2.3:8788", true)]
    #[case("10.1.2.4:8788", false)]
    #[case("evil.example", false)]
    #[case("localhost.evil.example:8788", false)]
    #[case("", false)]
    #[case("[::1", false)]
    fn only_our_own_names_are_served(#[case] host: &str, #[case] ours: bool) {
        assert_eq!(is_our_host(host, "10.1.2.3:8788".parse().expect("an address")), ours);
    }
}
