//! Keeping a lease that was taken, and letting it go.

use super::Reconciler;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How a lease is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    /// How long it lasts without being renewed.
    pub(super) lease: Duration,
    /// How often it is renewed.
    pub(super) every: Duration,
    /// Whether a person's wish ends it. A person's own command does not give way to another's.
    pub(super) yields: bool,
}

impl Reconciler {
    /// Renews the lease until it is lost, wanted by another to whom it yields, or `ended`; then cancels `ended`.
    pub(super) async fn keep_lease(
        &self,
        holder: &str,
        token: i64,
        keeping: Keeping,
        ended: &CancellationToken,
    ) {
        loop {
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                () = self.clock().sleep(keeping.every) => {}
            }
            match self.store().take_lease(holder, keeping.lease, !keeping.yields).await {
                Ok(lease) if lease.token != token || lease.holder != holder => {
                    tracing::warn!(holder = lease.holder, "another process has taken over");
                    break;
                }
                Ok(lease) if keeping.yields && lease.wanted_by.is_some() => {
                    tracing::info!(
                        "a person's command asks for the lease: reconciling pauses until it is done"
                    );
                    break;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the lease was not renewed"),
            }
        }
        ended.cancel();
    }

    /// Lets the lease go, if `holder` has it.
    pub(super) async fn release_lease(&self, holder: &str) {
        if let Err(error) = self.store().release_lease(holder).await {
            tracing::debug!(%error, "the lease was not let go; it runs out by itself");
        }
    }
}
