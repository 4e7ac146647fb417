//! The RSA key of an instance, and the JSON Web Key Set that publishes its public half.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An RSA-2048 key that signs session tokens.
///
/// Making one takes a noticeable fraction of a second, so instances in tests may share one.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<KeyPair>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// The cryptography library could not make or use a key.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the signing key could not be made or used")]
pub(crate) struct KeyError;

impl SigningKey {
    /// A fresh key; `None` when the operating system gives no randomness.
    #[must_use]
    pub fn generate() -> Option<Self> {
        Some(Self { pair: Arc::new(KeyPair::generate(KeySize::Rsa2048).ok()?) })
    }

    /// The public half in PEM, as `CLERK_JWT_KEY` takes it.
    #[must_use]
    pub fn public_pem(&self) -> Option<String> {
        let der = self.pair.public_key().as_der().ok()?;
        let encoded = STANDARD.encode(der.as_ref());
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in encoded.as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Some(pem)
    }

    pub(crate) fn jwk(&self, key_id: &str) -> Value {
        let (modulus, exponent) = public_numbers(self.pair.public_key().as_ref()).unwrap_or_default();
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": key_id,
            "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(modulus),
            "e": URL_SAFE_NO_PAD.encode(exponent),
        })
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| KeyError)?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that this key has signed; its times are the caller's business.
    pub(crate) fn open(&self, token: &str) -> Option<Value> {
        let (text, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(text.as_bytes(), &signature)
            .ok()?;
        let claims = URL_SAFE_NO_PAD.decode(text.split_once('.')?.1).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

/// Modulus and exponent out of a DER `RSAPublicKey`: a sequence of two integers.
fn public_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    let unsigned = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect();
    Some((unsigned(modulus), unsigned(exponent)))
}

fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (digits.iter().fold(0_usize, |length, digit| (length << 8) | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    #[test]
    fn tokens_verify_with_the_published_key_and_the_pem() {
        let key = SigningKey::generate().unwrap();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "ins_1" });
        let token = key.sign(&header, &json!({ "sub": "user_1", "exp": 4_000_000_000_i64 })).unwrap();

        let jwk = key.jwk("ins_1");
        let from_jwk =
            DecodingKey::from_rsa_components(jwk["n"].as_str().unwrap(), jwk["e"].as_str().unwrap()).unwrap();
        let from_pem = DecodingKey::from_rsa_pem(key.public_pem().unwrap().as_bytes()).unwrap();
        for published in [from_jwk, from_pem] {
            let read = decode::<Value>(&token, &published, &Validation::new(Algorithm::RS256)).unwrap();
            assert_eq!(read.claims["sub"], "user_1");
        }
        assert_eq!(jwk["e"], "AQAB");
        assert_eq!(key.open(&token).unwrap()["sub"], "user_1");
        assert!(SigningKey::generate().unwrap().open(&token).is_none());
    }
}
