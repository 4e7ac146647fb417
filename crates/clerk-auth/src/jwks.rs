//! The keys that an instance signs its session tokens with, as `GET /v1/jwks` lists them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};

#[cfg(test)]
mod tests;

/// A key that can verify a session token: RSA, for signatures, with an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    id: String,
    algorithm: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Jwk {
    /// The key's `kid`; tokens name it in their header.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The only algorithm this key is for (`RS256`, `RS384` or `RS512`), if the set says so.
    #[must_use]
    pub fn algorithm(&self) -> Option<&str> {
        self.algorithm.as_deref()
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

/// The keys of one instance.
///
/// Keys of kinds that no session token is signed with, and keys that make no sense, are left out; they never
/// make the rest unusable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    left_out: usize,
}

/// Why an answer is no set of keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// It is no JSON object with a list named `keys`.
    #[error("the answer is not a set of signing keys (JSON with a list named `keys`)")]
    NotAKeySet(#[source] serde_json::Error),
}

impl JwkSet {
    /// Reads the body of an answer.
    ///
    /// # Errors
    ///
    /// If it is not JSON with a list named `keys`. A list without a usable key is no error.
    pub fn parse(body: &[u8]) -> Result<Self, JwkSetError> {
        serde_json::from_slice(body).map_err(JwkSetError::NotAKeySet)
    }

    /// The key with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// All usable keys, in the order of the answer.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// How many entries were left out.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

/// The list as it is sent; its entries are judged one by one.
#[derive(Deserialize)]
struct SentSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct SentKey {
    kid: String,
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: String,
    e: String,
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sent = SentSet::deserialize(deserializer)?;
        let total = sent.keys.len();
        let keys: Vec<Jwk> = sent.keys.into_iter().filter_map(read_key).collect();
        Ok(Self { left_out: total - keys.len(), keys })
    }
}

fn read_key(value: serde_json::Value) -> Option<Jwk> {
    let sent: SentKey = serde_json::from_value(value).ok()?;
    let verifies = sent.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && sent.key_ops.as_ref().is_none_or(|uses| uses.iter().any(|operation| operation == "verify"));
    let known = sent.alg.as_deref().is_none_or(|algorithm| matches!(algorithm, "RS256" | "RS384" | "RS512"));
    if sent.kty != "RSA" || sent.kid.is_empty() || !verifies || !known {
        return None;
    }
    let modulus = read_number(&sent.n)?;
    let exponent = read_number(&sent.e)?;
    // What the crypto library takes; a smaller key would not be worth trusting.
    let plausible = (256..=1024).contains(&modulus.len()) && (1..=5).contains(&exponent.len());
    plausible.then_some(Jwk { id: sent.kid, algorithm: sent.alg, modulus, exponent })
}

/// A number in base64url. Padding and leading zeros are forbidden, but seen.
fn read_number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    bytes.get(start..).map(<[u8]>::to_vec)
}
