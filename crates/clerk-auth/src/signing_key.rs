//! A key that session tokens are verified with: from the instance's set, or from `CLERK_JWT_KEY`.

use crate::jwks::Jwk;
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// A public RSA key and what it may verify.
#[derive(Clone, PartialEq)]
pub struct SigningKey {
    id: String,
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Jwk { modulus: Vec<u8>, exponent: Vec<u8> },
    Pem(ParsedPublicKey),
}

impl PartialEq for Material {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Jwk { modulus: n, exponent: e }, Self::Jwk { modulus, exponent }) => {
                (n, e) == (modulus, exponent)
            }
            (Self::Pem(one), Self::Pem(other)) => one.as_ref() == other.as_ref(),
            _ => false,
        }
    }
}

/// The algorithms that Clerk's SDKs admit. Clerk signs with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
}

impl Algorithm {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "RS384" => Some(Self::Rs384),
            "RS512" => Some(Self::Rs512),
            _ => None,
        }
    }

    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

/// Why a text is no key for `CLERK_JWT_KEY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The frame is missing, or it is another kind of key.
    #[error(
        "a PEM public key begins with `-----BEGIN PUBLIC KEY-----` and ends with `-----END PUBLIC KEY-----`"
    )]
    Frame,
    /// What is between the lines is no RSA public key of 2048 to 8192 bits.
    #[error("the PEM text holds no RSA public key of at least 2048 bits: copy it again, whole")]
    Key,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureCheck {
    Good,
    Bad,
    /// This key is for another algorithm.
    Unsuitable,
}

impl SigningKey {
    /// A key of the instance's set.
    #[must_use]
    pub fn from_jwk(jwk: &Jwk) -> Self {
        Self {
            id: jwk.id().to_owned(),
            algorithm: jwk.algorithm().and_then(Algorithm::from_name),
            material: Material::Jwk { modulus: jwk.modulus().to_vec(), exponent: jwk.exponent().to_vec() },
        }
    }

    /// The key that Clerk's dashboard shows as "JWT public key", PEM. Line breaks may be written `\n`, as they are
    /// in environment files. It verifies RS256 alone, whatever `kid` a token names.
    ///
    /// # Errors
    /// See [`PemError`].
    pub fn from_pem(text: &str) -> Result<Self, PemError> {
        let text = text.replace("\\n", "\n");
        let body = text
            .trim()
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"))
            .ok_or(PemError::Frame)?;
        let body: String = body.chars().filter(|character| !character.is_whitespace()).collect();
        let der = STANDARD.decode(body).map_err(|_| PemError::Key)?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| PemError::Key)?;
        Ok(Self { id: String::new(), algorithm: Some(Algorithm::Rs256), material: Material::Pem(key) })
    }

    /// Its `kid`; empty for a PEM key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is the same key as one of the instance's set, whatever the two are called.
    #[must_use]
    pub fn is_same_as(&self, jwk: &Jwk) -> bool {
        match &self.material {
            Material::Jwk { modulus, .. } => modulus == jwk.modulus(),
            // The modulus stands in the encoded key as it is.
            Material::Pem(key) => {
                let (encoded, modulus): (&[u8], _) = (key.as_ref(), jwk.modulus());
                encoded.windows(modulus.len().max(1)).any(|part| part == modulus)
            }
        }
    }

    pub(crate) fn check(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> SignatureCheck {
        if self.algorithm.is_some_and(|own| own != algorithm) {
            return SignatureCheck::Unsuitable;
        }
        let verified =
            match &self.material {
                Material::Jwk { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }
                    .verify(algorithm.parameters(), message, signature),
                Material::Pem(key) => key.verify_sig(message, signature),
            };
        if verified.is_ok() { SignatureCheck::Good } else { SignatureCheck::Bad }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn both_forms_verify_alike() {
        let instance = testing::instance();
        let raw = instance.sign(&testing::header(), &testing::claims());
        let (message, signature) = testing::split(&raw);
        for key in [instance.key(), SigningKey::from_pem(&instance.pem()).unwrap()] {
            assert_eq!(key.check(Algorithm::Rs256, &message, &signature), SignatureCheck::Good);
            assert_eq!(key.check(Algorithm::Rs384, &message, &signature), SignatureCheck::Unsuitable);
            assert_eq!(key.check(Algorithm::Rs256, b"other", &signature), SignatureCheck::Bad);
            assert_eq!(key.check(Algorithm::Rs256, &message, &[]), SignatureCheck::Bad);
        }
    }

    #[test]
    fn the_same_key_is_known_in_either_form() {
        let (own, other) = (testing::instance(), testing::other_instance());
        for key in [own.key(), SigningKey::from_pem(&own.pem()).unwrap()] {
            let same = |set: &crate::jwks::JwkSet| set.keys().iter().any(|jwk| key.is_same_as(jwk));
            assert!(same(&own.jwks_named("another name")) && !same(&other.jwks()));
        }
    }

    #[test]
    fn reads_pem_as_people_paste_it() {
        let pem = testing::instance().pem();
        for text in
            [pem.replace('\n', "\\n"), pem.replace('\n', "\r\n"), format!("  {pem}\n"), pem.replace('\n', "")]
        {
            assert!(SigningKey::from_pem(&text).is_ok());
        }
        let empty = "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----";
        assert_eq!(SigningKey::from_pem("hello").unwrap_err(), PemError::Frame);
        assert_eq!(SigningKey::from_pem(&pem.replace("PUBLIC", "PRIVATE")).unwrap_err(), PemError::Frame);
        assert_eq!(SigningKey::from_pem(empty).unwrap_err(), PemError::Key);
    }
}
