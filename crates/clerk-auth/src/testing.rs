//! An instance whose tokens the tests make.

use crate::{jwks::JwkSet, publishable_key::PublishableKey, settings::AuthSettings, signing_key::SigningKey};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// When the tests happen, Unix seconds.
pub(crate) const NOW_S: i64 = 1_800_000_000;
/// The same in ms.
pub(crate) const NOW_MS: i64 = NOW_S * 1_000;
pub(crate) const KID: &str = "ins_test";
/// The host is `clerk.example.com`; `live` and `test` differ in nothing else.
pub(crate) const FRONTEND_API: &str = "clerk.example.com";

pub(crate) struct Instance {
    pair: KeyPair,
}

// Making a key takes long, so all tests share two.
static OURS: LazyLock<Instance> = LazyLock::new(Instance::generate);
static THEIRS: LazyLock<Instance> = LazyLock::new(Instance::generate);

pub(crate) fn instance() -> &'static Instance {
    &OURS
}

pub(crate) fn other_instance() -> &'static Instance {
    &THEIRS
}

impl Instance {
    fn generate() -> Self {
        Self { pair: KeyPair::generate(KeySize::Rsa2048).expect("a key") }
    }

    pub(crate) fn jwks(&self) -> JwkSet {
        self.jwks_named(KID)
    }

    pub(crate) fn jwks_named(&self, kid: &str) -> JwkSet {
        // `RSAPublicKey` in DER: 9 bytes of frame, 256 of modulus, then the exponent, which is 65537.
        let modulus = self.pair.public_key().as_ref().get(9..265).expect("2048 bits");
        let key = json!({
            "kid": kid, "kty": "RSA", "use": "sig", "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB",
        });
        JwkSet::parse(json!({"keys": [key]}).to_string().as_bytes()).expect("a set")
    }

    pub(crate) fn key(&self) -> SigningKey {
        SigningKey::from_jwk(self.jwks().find(KID).expect("the key"))
    }

    pub(crate) fn pem(&self) -> String {
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = self.pair.public_key().as_der().expect("DER");
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A session token of `claims`, with [`header`].
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&header(), claims)
    }
}

pub(crate) fn header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": KID, "cat": "cl_B7d4PD111AAA"})
}

/// What a session token of now says.
pub(crate) fn claims() -> Value {
    json!({
        "iss": format!("https://{FRONTEND_API}"), "sub": "user_1", "sid": "sess_1", "azp": "https://app.example",
        "iat": NOW_S - 10, "nbf": NOW_S - 20, "exp": NOW_S + 50, "v": 2, "sts": "active", "fva": [0, -1],
    })
}

/// The signed part and the signature.
pub(crate) fn split(raw: &str) -> (Vec<u8>, Vec<u8>) {
    let (message, signature) = raw.rsplit_once('.').expect("a token");
    (message.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
}

/// A token with other claims under the old signature.
pub(crate) fn with_claims(raw: &str, claims: &Value) -> String {
    let mut parts: Vec<String> = raw.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

/// Settings for `live` or `test`.
pub(crate) fn settings(environment: &str) -> AuthSettings {
    let key = format!("pk_{environment}_{}", STANDARD.encode(format!("{FRONTEND_API}$")));
    AuthSettings::new(PublishableKey::parse(&key).expect("a key"))
}
