//! The binding of a database to one Clerk instance: another's key is refused before anything is written.

use crate::{
    clerk::{Budget, ClerkApi, ClerkError, ClerkErrorKind, Lane},
    store::{Binding, Store, StoreError},
};
use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt::Write as _, time::Duration};

/// How long the budget may keep the question waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why it is not known whether this database and this key belong together.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BindError {
    /// They do not.
    #[error(
        "this database mirrors the Clerk instance {bound}, and CLERK_SECRET_KEY belongs to {found}: \
         set the key of {bound}, or use another database"
    )]
    OtherInstance {
        /// The instance that the database mirrors.
        bound: String,
        /// The key's.
        found: String,
    },
    /// Clerk could not say.
    #[error(transparent)]
    Clerk(#[from] ClerkError),
    /// The database could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BindError {
    /// Whether trying again may help without anyone acting.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::OtherInstance { .. } => false,
            Self::Clerk(error) => *error.kind() != ClerkErrorKind::Refused,
            Self::Store(error) => error.is_transient(),
        }
    }
}

/// Finds the instance that this database mirrors, and binds it if that is new. A key that was seen before needs no
/// call to Clerk.
///
/// # Errors
/// See [`BindError`].
pub async fn bind(
    store: &dyn Store,
    clerk: &dyn ClerkApi,
    budget: &Budget,
    key: &SecretString,
) -> Result<String, BindError> {
    let key_fingerprint = fingerprint(key);
    let bound = store.binding().await?;
    if let Some(bound) = &bound
        && bound.key_fingerprint == key_fingerprint
    {
        return Ok(bound.instance_id.clone());
    }
    let permit = budget.permit(Lane::Person, PATIENCE).await?;
    let answer = clerk.instance(permit).await;
    if let Some(retry_after) = answer.as_ref().err().and_then(ClerkError::retry_after) {
        budget.throttled(retry_after);
    }
    let found = answer?.id;
    if let Some(bound) = bound.filter(|bound| bound.instance_id != found) {
        return Err(BindError::OtherInstance { bound: bound.instance_id, found });
    }
    // Another replica may have been first.
    let holds = store.bind(&Binding { instance_id: found.clone(), key_fingerprint }).await?;
    if holds.instance_id == found {
        Ok(found)
    } else {
        Err(BindError::OtherInstance { bound: holds.instance_id, found })
    }
}

/// Whether `key` is the one that was last seen to belong to the instance that a database mirrors.
pub fn is_known(binding: &Binding, key: &SecretString) -> bool {
    binding.key_fingerprint == fingerprint(key)
}

/// Recognises a key without keeping it: the first 16 hexadecimal digits of a SHA-256.
fn fingerprint(key: &SecretString) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"clerk-sync key\0");
    context.update(key.expose_secret().as_bytes());
    context.finish().as_ref().iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;
