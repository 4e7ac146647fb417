//! The keys an instance publishes: the one that signs, and those from before that are still listed.

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::refusal::Refusal;

use super::key::SigningKey;

/// A key under the name that tokens call it by.
#[derive(Clone, Debug)]
pub(crate) struct NamedKey {
    pub(crate) id: String,
    pub(crate) key: SigningKey,
}

impl NamedKey {
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> Result<String, Refusal> {
        self.key.sign(header, claims).map_err(|error| Refusal::internal(error.to_string()))
    }
}

/// The last key signs.
#[derive(Debug)]
pub(crate) struct Keyring {
    first_id: String,
    keys: Mutex<Vec<NamedKey>>,
}

impl Keyring {
    /// Without a key, one is made when it is first needed: that takes too long for tests that never do.
    pub(crate) fn new(first_id: &str, key: Option<SigningKey>) -> Self {
        let keys = key.map(|key| NamedKey { id: first_id.to_owned(), key }).into_iter().collect();
        Self { first_id: first_id.to_owned(), keys: Mutex::new(keys) }
    }

    pub(crate) async fn current(&self) -> Result<NamedKey, Refusal> {
        let mut keys = self.keys.lock().await;
        if let Some(key) = keys.last() {
            return Ok(key.clone());
        }
        let key = NamedKey { id: self.first_id.clone(), key: generate().await? };
        keys.push(key.clone());
        Ok(key)
    }

    /// Signs with a new key from now on. The old ones stay listed only if they are to be kept.
    pub(crate) async fn rotate(&self, id: String, keep_old: bool) -> Result<(), Refusal> {
        if keep_old {
            // A key that nobody needed yet is made now, so that there is an old one to keep.
            self.current().await?;
        }
        let key = NamedKey { id, key: generate().await? };
        let mut keys = self.keys.lock().await;
        if !keep_old {
            keys.clear();
        }
        keys.push(key);
        Ok(())
    }

    /// The JSON Web Key Set, the newest key first.
    pub(crate) async fn jwks(&self) -> Result<Value, Refusal> {
        self.current().await?;
        let keys = self.keys.lock().await;
        let listed: Vec<_> = keys.iter().rev().map(|named| named.key.jwk(&named.id)).collect();
        Ok(json!({ "keys": listed }))
    }

    /// The claims of a token that one of the listed keys has signed; its times are the caller's business.
    pub(crate) async fn open(&self, token: &str) -> Option<Value> {
        self.keys.lock().await.iter().rev().find_map(|named| named.key.open(token))
    }
}

async fn generate() -> Result<SigningKey, Refusal> {
    let key = tokio::task::spawn_blocking(SigningKey::generate).await.ok().flatten();
    key.ok_or_else(|| Refusal::internal("The signing key could not be made."))
}
