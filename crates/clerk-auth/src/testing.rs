//! An instance whose tokens tests can make: good ones, and any others. Not for production: its keys are public to the
//! process.
//!
//! ```
//! use clerk_auth::{testing, verify::{ClaimRules, check_claims, check_signature}};
//!
//! let token = testing::instance().token(&testing::claims());
//! let jwt = clerk_auth::jwt::Jwt::decode(&token).unwrap();
//! assert!(check_signature(&token, &jwt, &testing::instance().key()).is_ok());
//! let rules = ClaimRules { authorized_parties: &[], audiences: &[], clock_skew_ms: 5_000 };
//! assert!(check_claims(jwt.claims(), &rules, testing::NOW_MS).is_ok());
//! ```
#![expect(clippy::expect_used, reason = "a test that cannot begin should stop")]

pub mod fuzz;

use crate::{jwks::JwkSet, publishable_key::PublishableKey, settings::AuthSettings, signing_key::SigningKey};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{fmt, sync::LazyLock};

/// When [`claims`] are good, Unix seconds.
pub const NOW_S: i64 = 1_800_000_000;
/// The same in ms.
pub const NOW_MS: i64 = NOW_S * 1_000;
/// The name of the key in [`header`].
pub const KID: &str = "ins_test";
/// The host of the Frontend API in [`publishable_key`].
pub const FRONTEND_API: &str = "clerk.example.com";

/// A signing key of an instance.
pub struct Instance {
    pair: KeyPair,
}

// Making a key takes long, so all tests of a process share two.
static OURS: LazyLock<Instance> = LazyLock::new(Instance::generate);
static THEIRS: LazyLock<Instance> = LazyLock::new(Instance::generate);

/// The instance.
pub fn instance() -> &'static Instance {
    &OURS
}

/// Another one, whose tokens are no good here.
pub fn other_instance() -> &'static Instance {
    &THEIRS
}

impl fmt::Debug for Instance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Instance")
    }
}

impl Instance {
    fn generate() -> Self {
        Self { pair: KeyPair::generate(KeySize::Rsa2048).expect("a key") }
    }

    /// What `GET /v1/jwks` answers, with the key under the name [`KID`].
    pub fn jwks_json(&self) -> Value {
        self.jwks_json_named(KID)
    }

    fn jwks_json_named(&self, kid: &str) -> Value {
        // `RSAPublicKey` in DER: 9 bytes of frame, 256 of modulus, then the exponent, which is 65537.
        let modulus = self.pair.public_key().as_ref().get(9..265).expect("2048 bits");
        json!({"keys": [{
            "kid": kid, "kty": "RSA", "use": "sig", "alg": "RS256", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB",
        }]})
    }

    /// The same, read.
    pub fn jwks(&self) -> JwkSet {
        self.jwks_named(KID)
    }

    /// The same, with the key under another name.
    pub fn jwks_named(&self, kid: &str) -> JwkSet {
        JwkSet::parse(self.jwks_json_named(kid).to_string().as_bytes()).expect("a set")
    }

    /// The public key.
    pub fn key(&self) -> SigningKey {
        SigningKey::from_jwk(self.jwks().find(KID).expect("the key"))
    }

    /// The public key for `CLERK_JWT_KEY`.
    pub fn pem(&self) -> String {
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = self.pair.public_key().as_der().expect("DER");
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// A token of any header and claims, with a good signature.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A session token of these claims, with [`header`].
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&header(), claims)
    }
}

/// The header of a session token.
pub fn header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": KID, "cat": "cl_B7d4PD111AAA"})
}

/// What a session token says that is good at [`NOW_S`].
pub fn claims() -> Value {
    json!({
        "iss": format!("https://{FRONTEND_API}"), "sub": "user_1", "sid": "sess_1", "azp": "https://app.example",
        "iat": NOW_S - 10, "nbf": NOW_S - 20, "exp": NOW_S + 50, "v": 2, "sts": "active", "fva": [0, -1],
    })
}

/// The text of a publishable key for `live` or `test`.
pub fn publishable_key(environment: &str) -> String {
    format!("pk_{environment}_{}", STANDARD.encode(format!("{FRONTEND_API}$")))
}

/// Settings for `live` or `test`.
pub fn settings(environment: &str) -> AuthSettings {
    AuthSettings::new(PublishableKey::parse(&publishable_key(environment)).expect("a key"))
}

/// The signed part of a token, and its signature.
#[cfg(test)]
pub(crate) fn split(raw: &str) -> (Vec<u8>, Vec<u8>) {
    let (message, signature) = raw.rsplit_once('.').expect("a token");
    (message.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
}

/// A token with other claims under the old signature.
#[cfg(test)]
pub(crate) fn with_claims(raw: &str, claims: &Value) -> String {
    let mut parts: Vec<String> = raw.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}
