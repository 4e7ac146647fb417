//! What authentication asks of Clerk, within the same budget as everything else.

use crate::mirror::Mirror;
use async_trait::async_trait;
use clerk_auth::{Backend, BackendError, HttpBackend, RefreshFailure, RefreshRequest, jwks::JwkSet};
use clerk_sync::{
    clerk::{Budget, Lane},
    metrics::Metrics,
};
use std::{sync::Arc, time::Duration};

/// A person waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct BudgetedBackend {
    clerk: HttpBackend,
    budget: Arc<Budget>,
    metrics: Arc<Metrics>,
}

impl BudgetedBackend {
    pub(super) fn new(clerk: HttpBackend, mirror: &Mirror) -> Self {
        Self { clerk, budget: Arc::clone(&mirror.budget), metrics: Arc::clone(&mirror.metrics) }
    }

    async fn permit(&self) -> Result<(), BackendError> {
        let permit = self.budget.permit(Lane::Person, PATIENCE).await;
        permit.map(drop).map_err(|error| BackendError::RateLimited(error.retry_after()))
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
            self.budget.close_for(*after);
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
        self.permit().await?;
        self.note("handshake_payload", self.clerk.handshake_payload(nonce).await)
    }

    async fn refresh(&self, request: &RefreshRequest) -> Result<Vec<String>, RefreshFailure> {
        self.permit().await.map_err(|_| RefreshFailure::Unreachable)?;
        let answer = self.clerk.refresh(request).await;
        self.metrics.clerk_call("refresh", if answer.is_ok() { "200" } else { "none" });
        answer
    }
}
