//! A token in its parts, before anything about it is believed (RFC 7515, compact form).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The longest token that is looked at, in bytes. Clerk's cookies end at 4 KiB.
const MAX_LENGTH: usize = 64 * 1024;

/// The class of session and handshake tokens in a header's `cat`.
const CATEGORY_SESSION: &str = "cl_B7d4PD111AAA";
/// Tokens without a class of their own.
const CATEGORY_UNTAGGED: &str = "cl_I7d4PD111III";
/// Tokens for machines.
const CATEGORY_MACHINE: &str = "cl_B7d4PD333AAA";

/// A token that was taken apart. Nothing in it is verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Jwt {
    header: Value,
    claims: Value,
    signature: Vec<u8>,
    /// How many bytes of the token are signed.
    signed: usize,
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedJwt {
    /// There are not three parts with dots between them.
    #[error("a token has three parts with dots between them")]
    Parts,
    /// A part is not base64url, or the first two are not JSON, or all is far too long.
    #[error("a part of the token cannot be decoded")]
    Encoding,
}

impl Jwt {
    /// Takes a token apart.
    ///
    /// # Errors
    /// See [`MalformedJwt`].
    pub fn decode(raw: &str) -> Result<Self, MalformedJwt> {
        let mut parts = raw.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedJwt::Parts);
        };
        if raw.len() > MAX_LENGTH {
            return Err(MalformedJwt::Encoding);
        }
        Ok(Self {
            header: json(header)?,
            claims: json(claims)?,
            signature: base64url(signature)?,
            signed: header.len() + 1 + claims.len(),
        })
    }

    /// A field of the header; `None` if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// A claim; `None` if there is none.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// All claims: an object in every token of Clerk's, anything in others.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.claims
    }

    pub(crate) fn into_claims(self) -> Value {
        self.claims
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The part of the token, as it was sent, that the signature is over.
    pub(crate) fn signed_part<'r>(&self, raw: &'r str) -> &'r [u8] {
        raw.as_bytes().get(..self.signed).unwrap_or_default()
    }

    /// Claims or a header that are `null` break Clerk's own SDKs where any other value of JSON does not.
    pub(crate) fn has_null_claims(&self) -> bool {
        self.claims.is_null()
    }

    pub(crate) fn has_null_header(&self) -> bool {
        self.header.is_null()
    }

    /// A class in the header that is not that of sessions.
    pub(crate) fn is_of_another_category(&self) -> bool {
        let is_session = |category: &Value| {
            category
                .as_str()
                .is_some_and(|category| [CATEGORY_SESSION, CATEGORY_UNTAGGED].contains(&category))
        };
        self.header("cat").is_some_and(|category| !is_session(category))
    }

    pub(crate) fn is_of_machine_category(&self) -> bool {
        self.header("cat").and_then(Value::as_str) == Some(CATEGORY_MACHINE)
    }

    /// A token of OAuth, or of a machine. Clerk's SDKs look at these only in tokens whose parts are all filled with
    /// base64url and nothing else.
    pub(crate) fn is_for_machines(&self, raw: &str) -> bool {
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if !raw.split('.').all(plain) {
            return false;
        }
        let of_oauth =
            matches!(self.header("typ").and_then(Value::as_str), Some("at+jwt" | "application/at+jwt"));
        let of_machine =
            self.claim("sub").and_then(Value::as_str).is_some_and(|subject| subject.starts_with("mch_"));
        of_oauth || of_machine
    }
}

fn json(part: &str) -> Result<Value, MalformedJwt> {
    let bytes = base64url(part)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str(text).map_err(|_| MalformedJwt::Encoding)
}

/// Padding is forbidden (RFC 7515, 2), but Clerk's SDKs take it.
fn base64url(part: &str) -> Result<Vec<u8>, MalformedJwt> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| MalformedJwt::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn takes_a_token_apart() {
        let raw = token(r#"{"alg":"RS256","kid":"ins_1"}"#, r#"{"sub":"user_1"}"#);
        let jwt = Jwt::decode(&raw).unwrap();
        assert_eq!(jwt.header("kid"), Some(&Value::from("ins_1")));
        assert_eq!(jwt.claim("sub"), Some(&Value::from("user_1")));
        assert_eq!(jwt.signature(), b"sig");
        assert_eq!(jwt.signed_part(&raw), raw.rsplit_once('.').unwrap().0.as_bytes());
    }

    #[test]
    fn tells_what_is_no_token() {
        for raw in ["", "a", "a.b", "a.b.c.d"] {
            assert_eq!(Jwt::decode(raw), Err(MalformedJwt::Parts), "{raw}");
        }
        let good = token("{}", "{}");
        let long = format!("{good}{}", "A".repeat(MAX_LENGTH));
        for raw in ["..", "e30.e30.A", "e30.e3.c2ln", "e 30.e30.c2ln", "bm8.e30.c2ln", "e30.e30.c2l+", &long]
        {
            assert_eq!(Jwt::decode(raw), Err(MalformedJwt::Encoding), "{}", raw.len());
        }
        assert!(Jwt::decode("e30==.e30=.c2ln====").is_ok(), "padding is tolerated");
    }

    #[test]
    fn knows_the_classes() {
        let class = |header: &str, claims: &str| {
            let raw = token(header, claims);
            let jwt = Jwt::decode(&raw).unwrap();
            (jwt.is_of_another_category(), jwt.is_of_machine_category(), jwt.is_for_machines(&raw))
        };
        assert_eq!(class("{}", "{}"), (false, false, false));
        assert_eq!(class(r#"{"cat":"cl_B7d4PD111AAA"}"#, "{}"), (false, false, false));
        assert_eq!(class(r#"{"cat":"cl_I7d4PD111III"}"#, "{}"), (false, false, false));
        assert_eq!(class(r#"{"cat":"cl_B7d4PD222AAA"}"#, "{}"), (true, false, false));
        assert_eq!(class(r#"{"cat":"cl_B7d4PD333AAA"}"#, "{}"), (true, true, false));
        assert_eq!(class(r#"{"cat":null}"#, "{}"), (true, false, false));
        assert_eq!(class(r#"{"typ":"at+jwt"}"#, "{}"), (false, false, true));
        assert_eq!(class("{}", r#"{"sub":"mch_1"}"#), (false, false, true));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_harm(raw in any::<String>()) {
            let _ = Jwt::decode(&raw);
        }

        #[test]
        fn any_parts_are_judged_without_harm(header in any::<Vec<u8>>(), claims in any::<Vec<u8>>()) {
            let raw = format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            if let Ok(jwt) = Jwt::decode(&raw) {
                let _ = (jwt.is_for_machines(&raw), jwt.is_of_another_category());
            }
        }
    }
}
