//! What authentication asks of Clerk, within the same budget as everything else.

use crate::mirror::Mirror;
use async_trait::async_trait;
use clerk_auth::{Backend, BackendError, HttpBackend, RefreshFailure, RefreshRequest, jwks::JwkSet};
use clerk_sync::{
    clerk::{Budget, ClerkError, Lane, Permit},
    metrics::Metrics,
};
use std::{sync::Arc, time::Duration};

/// Where Clerk does not say how long.
const RATE_LIMITED: Duration = Duration::from_secs(5);
/// A person waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct BudgetedBackend {
    clerk: HttpBackend,
    budget: Arc<Budget>,
    /// What strangers can cause, with made-up nonces say, gets half of the whole.
    strangers: Budget,
    metrics: Arc<Metrics>,
}

impl BudgetedBackend {
    pub(super) fn new(clerk: HttpBackend, mirror: &Mirror, requests_per_10s: u32) -> Self {
        let strangers = Budget::new(requests_per_10s.div_ceil(2), Arc::clone(&mirror.clock));
        let (budget, metrics) = (Arc::clone(&mirror.budget), Arc::clone(&mirror.metrics));
        Self { clerk, budget, strangers, metrics }
    }

    /// To be kept until the answer is there.
    async fn permits(&self) -> Result<[Permit; 2], BackendError> {
        let limited = |error: ClerkError| BackendError::RateLimited(error.retry_after());
        let of_strangers = self.strangers.permit(Lane::Person, PATIENCE).await.map_err(limited)?;
        let of_all = self.budget.permit(Lane::Person, PATIENCE).await.map_err(limited)?;
        Ok([of_strangers, of_all])
    }

    fn note<T>(&self, call: &'static str, answer: Result<T, BackendError>) -> Result<T, BackendError> {
        let status = match &answer {
            Ok(_) => "200",
            Err(BackendError::SecretKey) => "401",
            Err(BackendError::NotFound) => "404",
            Err(BackendError::RateLimited(_)) => "429",
            Err(_) => "none",
        };
        self.metrics.clerk_call(call, status);
        if let Err(BackendError::RateLimited(Some(after))) = &answer {
            self.budget.throttled(*after);
        }
        answer
    }
}

#[async_trait]
impl Backend for BudgetedBackend {
    async fn signing_keys(&self) -> Result<JwkSet, BackendError> {
        self.note("jwks", self.clerk.signing_keys().await)
    }

    async fn handshake_payload(&self, nonce: &str) -> Result<Vec<String>, BackendError> {
        if !is_nonce(nonce) {
            return Err(BackendError::NotFound);
        }
        let _permits = self.permits().await?;
        self.note("handshake_payload", self.clerk.handshake_payload(nonce).await)
    }

    async fn refresh(&self, request: &RefreshRequest) -> Result<Vec<String>, RefreshFailure> {
        let permits = self.permits().await.map_err(|_| RefreshFailure::Unreachable)?;
        let answer = self.clerk.refresh(request).await;
        drop(permits);
        let is_limited = matches!(&answer, Err(RefreshFailure::Refused(code)) if code == "too_many_requests");
        if is_limited {
            self.budget.throttled(RATE_LIMITED);
        }
        let status = match &answer {
            Ok(_) => "200",
            Err(_) if is_limited => "429",
            Err(_) => "none",
        };
        self.metrics.clerk_call("refresh", status);
        answer
    }
}

/// Whether a text can be a nonce of Clerk's. It comes from a stranger.
fn is_nonce(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'='))
}

#[cfg(test)]
mod tests {
    use super::is_nonce;

    #[test]
    fn what_cannot_be_a_nonce_is_not_asked_for() {
        assert!(is_nonce("2xJrK8_abc-DEF.9="));
        for text in ["", "a b", "../users", "a?b=c", "n\u{e9}", &"n".repeat(257)] {
            assert!(!is_nonce(text), "{text}");
        }
    }
}
