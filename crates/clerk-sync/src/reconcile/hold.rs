//! A person's command takes the lease, and keeps it until it is done.

use super::{Pass, PassError, Reconciler, keeper::Keeping};
use crate::clerk::Lane;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A process that reconciles by itself lets go within this; another person's command does not.
const PATIENCE: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Shorter than that of a process that reconciles by itself: whoever starts a killed command again waits for it.
const KEEPING: Keeping =
    Keeping { lease: Duration::from_secs(8), every: Duration::from_secs(2), yields: false };
/// A person waits, and an outage of some minutes should not end hours of work.
const ATTEMPTS: u32 = 12;

/// The lease, held. Let it go with [`Hold::release`]; otherwise it runs out by itself.
#[derive(Debug)]
pub struct Hold {
    reconciler: Reconciler,
    holder: String,
    token: i64,
    /// Cancelled when the lease is lost, or when whoever asked for it stops.
    stop: CancellationToken,
    keeper: JoinHandle<()>,
}

/// Why the lease was not had.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// See [`PassError`].
    #[error(transparent)]
    Pass(#[from] PassError),
    /// Somebody else's command holds it.
    #[error("{0} reconciles this database at the moment: wait until it is done, or stop it")]
    Held(String),
}

impl Reconciler {
    /// Asks whoever reconciles to let go, and takes the lease as `holder`.
    ///
    /// # Errors
    /// See [`HoldError`].
    pub async fn hold(&self, holder: &str, stop: &CancellationToken) -> Result<Hold, HoldError> {
        let give_up = self.clock().monotonic() + PATIENCE;
        let mut told = false;
        let token = loop {
            let lease =
                self.store().take_lease(holder, KEEPING.lease, true).await.map_err(PassError::from)?;
            if lease.holder == holder {
                break lease.token;
            }
            if !told {
                tracing::info!(holder = lease.holder, "another process reconciles; it is asked to let go");
                told = true;
            }
            if self.clock().monotonic() >= give_up || stop.is_cancelled() {
                // The wish goes with it, so that nobody waits for a command that has ended.
                self.store().release_lease(holder).await.map_err(PassError::from)?;
                return Err(if stop.is_cancelled() {
                    PassError::Stopped.into()
                } else {
                    HoldError::Held(lease.holder)
                });
            }
            self.clock().sleep(ASK_AGAIN).await;
        };
        let ended = stop.child_token();
        let keeper = tokio::spawn({
            let (reconciler, holder, ended) = (self.clone(), holder.to_owned(), ended.clone());
            async move { reconciler.keep_lease(&holder, token, KEEPING, &ended).await }
        });
        Ok(Hold { reconciler: self.clone(), holder: holder.to_owned(), token, stop: ended, keeper })
    }
}

impl Hold {
    /// The conditions of a pass for a person, under this lease.
    pub fn pass(&self) -> Pass {
        Pass { lane: Lane::Bulk, token: Some(self.token), stop: self.stop.clone(), attempts: ATTEMPTS }
    }

    /// Lets the lease go.
    pub async fn release(self) {
        self.stop.cancel();
        let _ = self.keeper.await;
        self.reconciler.release_lease(&self.holder).await;
    }
}
