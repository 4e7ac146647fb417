//! Signatures over `id.timestamp.body`.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::ConfigError;

/// Signs with every secret of the endpoint, so that a receiver can rotate.
pub(crate) struct Signer {
    keys: Vec<hmac::Key>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} keys)", self.keys.len())
    }
}

impl Signer {
    pub(crate) fn new(secrets: &[String]) -> Result<Self, ConfigError> {
        let key = |secret: &String| {
            let encoded = secret.strip_prefix("whsec_").ok_or(ConfigError::WebhookSecret)?;
            let bytes = STANDARD.decode(encoded).map_err(|_| ConfigError::WebhookSecret)?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        Ok(Self { keys: secrets.iter().map(key).collect::<Result<_, _>>()? })
    }

    /// The value of `svix-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures: Vec<_> = self.keys.iter().map(|key| one(key, id, timestamp, body)).collect();
        signatures.join(" ")
    }
}

fn one(key: &hmac::Key, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl";

    #[test]
    fn published_vector() {
        let body = br#"{"event_type":"ping","data":{"success":true}}"#;
        let signer = Signer::new(&[SECRET.to_owned()]).unwrap();
        assert_eq!(
            signer.sign("msg_loFOjxBNrRLzqYUf", 1_731_705_121, body),
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
        );
    }

    #[test]
    fn svix_accepts_the_signature_of_either_secret() {
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let signer = Signer::new(&[SECRET.to_owned(), other.to_owned()]).unwrap();
        let body = "{\"name\":\"Zoë\"}".as_bytes();
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("svix-id", "msg_1".parse().unwrap());
        headers.insert("svix-timestamp", "1767225601".parse().unwrap());
        headers.insert("svix-signature", signer.sign("msg_1", 1_767_225_601, body).parse().unwrap());
        for secret in [SECRET, other] {
            let webhook = svix::webhooks::Webhook::new(secret).unwrap();
            webhook.verify_ignoring_timestamp(body, &headers).unwrap();
        }
    }

    #[test]
    fn secrets_must_be_prefixed_base64() {
        assert!(Signer::new(&["plJ3nmyCDGBKInavdOK15jsl".to_owned()]).is_err());
        assert!(Signer::new(&["whsec_!".to_owned()]).is_err());
    }
}
