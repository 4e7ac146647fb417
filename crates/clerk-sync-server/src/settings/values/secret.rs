//! Keys, and what they look like. No message here repeats any part of one.

use std::collections::BTreeSet;

use clerk_auth::publishable_key::{Environment, PublishableKey};
use secrecy::SecretString;

/// The key of the Backend API.
pub(in crate::settings) fn secret_key(text: &str) -> Result<SecretString, String> {
    if text.starts_with("pk_") {
        return Err(
            "must be the secret key, not the publishable key: it starts with sk_test_ or sk_live_".to_owned()
        );
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if Environment::of_secret_key(text).is_none() || !plain || text.len() <= "sk_test_".len() {
        return Err("must be a Clerk secret key, which starts with sk_test_ or sk_live_".to_owned());
    }
    Ok(SecretString::from(text))
}

/// The key of the instance.
pub(in crate::settings) fn publishable_key(text: &str) -> Result<PublishableKey, String> {
    PublishableKey::parse(text).map_err(|error| format!("cannot be used: {error}"))
}

/// The signing secrets of webhooks, without repetitions.
pub(in crate::settings) fn signing_secrets(text: &str) -> Result<Vec<SecretString>, String> {
    // A file may have them on lines of their own.
    let secrets: Vec<&str> = text.split([',', '\n', '\r', ' ']).filter(|secret| !secret.is_empty()).collect();
    if secrets.is_empty()
        || !secrets.iter().all(|secret| secret.strip_prefix("whsec_").is_some_and(is_base64))
    {
        return Err(
            "must be whsec_ and base64 after it, several separated by commas: copy it from the endpoint's \
                    page in the Clerk dashboard"
                .to_owned(),
        );
    }
    // In the order given: the first is likely the newest, and the first to be tried.
    let mut seen = BTreeSet::new();
    Ok(secrets.into_iter().filter(|secret| seen.insert(*secret)).map(SecretString::from).collect())
}

/// The token of the admin routes, which travels in a header.
pub(in crate::settings) fn admin_token(text: &str) -> Result<SecretString, String> {
    if text.len() < 16 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "must be at least 16 characters, ASCII without spaces: make one with `openssl rand -hex 32`"
                .to_owned(),
        );
    }
    Ok(SecretString::from(text))
}

const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// A public key as PEM. Line breaks may be missing, or written as `\n`, as they come out of many `.env` files.
pub(in crate::settings) fn jwt_key(text: &str) -> Result<SecretString, String> {
    let wrong = || {
        format!(
            "must be the public key of your Clerk instance as PEM, from {PEM_BEGIN} to {PEM_END} (Clerk \
                 dashboard, API keys, JWKS public key)"
        )
    };
    let text = text.replace("\\n", "\n");
    let body =
        text.trim().strip_prefix(PEM_BEGIN).and_then(|rest| rest.strip_suffix(PEM_END)).ok_or_else(wrong)?;
    let body: String = body.split_whitespace().collect();
    // The DER of a public key is a sequence, of which the first byte is 0x30; 2048 bits take some 390 characters.
    if !is_base64(&body) || !body.starts_with('M') || body.len() < 100 {
        return Err(wrong());
    }
    let mut pem = format!("{PEM_BEGIN}\n");
    for (index, character) in body.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str(&format!("\n{PEM_END}\n"));
    Ok(SecretString::from(pem))
}

/// Standard base64 of at least one byte, padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    let length_fits = match digits.len() % 4 {
        0 => padding == 0,
        1 => false,
        rest => padding == 0 || padding == 4 - rest,
    };
    digits.len() >= 2 && plain && length_fits
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn tells_secret_keys() {
        assert_eq!(secret_key("sk_test_abc").unwrap().expose_secret(), "sk_test_abc");
        assert!(secret_key("sk_live_AbC123").is_ok());
        for text in ["sk_test_", "sk_staging_x", "abc", "sk_test_a b", "sk_test_a\nb", "sk_test_é"] {
            assert!(secret_key(text).unwrap_err().contains("starts with sk_test_"), "{text}");
        }
        assert!(secret_key("pk_test_abc").unwrap_err().contains("not the publishable key"));
    }

    #[test]
    fn tells_signing_secrets() {
        let secrets =
            signing_secrets("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD, whsec_YWJj\nwhsec_YWJj").unwrap();
        assert_eq!(secrets.len(), 2);
        assert_eq!(secrets[1].expose_secret(), "whsec_YWJj");
        for text in
            [",", "whsec_", "C2FVsBQI", "whsec_a", "whsec_ab-_", "whsec_abcd,x", "whsec_abcd=", "whsec_ab==="]
        {
            let message = signing_secrets(text).unwrap_err();
            assert!(message.starts_with("must be whsec_ and base64"), "{text}: {message}");
        }
    }

    #[test]
    fn base64_lengths() {
        for (text, expected) in [
            ("YWJj", true),
            ("YWI=", true),
            ("YWI", true),
            ("YQ==", true),
            ("YQ", true),
            ("YQ=", false),
            ("Y", false),
            ("YWJjY", false),
            ("", false),
            ("====", false),
            ("YW=j", false),
            ("YWJj====", false),
        ] {
            assert_eq!(is_base64(text), expected, "{text}");
        }
    }

    #[test]
    fn tells_admin_tokens() {
        assert!(admin_token("0123456789abcdef").is_ok());
        for text in ["short", "0123456789 abcdef", "0123456789abcdé"] {
            assert!(admin_token(text).unwrap_err().contains("at least 16"), "{text}");
        }
    }

    #[test]
    fn mends_the_line_breaks_of_a_pem() {
        let body = "MIIB".repeat(98);
        let clean = jwt_key(&format!("{PEM_BEGIN}\n{body}\n{PEM_END}")).unwrap();
        let escaped = jwt_key(&format!("{PEM_BEGIN}\\n{body}\\n{PEM_END}\\n")).unwrap();
        let joined = jwt_key(&format!("{PEM_BEGIN} {body} {PEM_END}")).unwrap();
        assert_eq!(clean.expose_secret(), escaped.expose_secret());
        assert_eq!(clean.expose_secret(), joined.expose_secret());
        assert!(clean.expose_secret().lines().all(|line| line.len() <= 64));
        assert_eq!(clean.expose_secret().lines().count(), 2 + 7);
        for text in
            ["", "MIIB", PEM_BEGIN, &format!("{PEM_BEGIN}\nMIIB\n{PEM_END}"), "-----BEGIN PRIVATE KEY-----"]
        {
            assert!(jwt_key(text).unwrap_err().starts_with("must be the public key"), "{text}");
        }
    }
}
