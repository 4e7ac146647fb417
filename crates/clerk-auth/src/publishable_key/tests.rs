use proptest::prelude::*;

use super::*;

fn key(prefix: &str, decoded: &str) -> String {
    format!("{prefix}{}", STANDARD.encode(decoded))
}

#[test]
fn reads_both_environments() {
    let development =
        PublishableKey::parse("pk_test_Y2xlcmsuaW5jbHVkZWQua2F0eWRpZC05Mi5sY2wuZGV2JA").unwrap();
    assert_eq!(development.frontend_api_host(), "clerk.included.katydid-92.lcl.dev");
    assert_eq!(development.environment(), Environment::Development);
    assert_eq!(development.frontend_api_url().as_str(), "https://clerk.included.katydid-92.lcl.dev/");
    assert!(development.has_development_host());
    let production = PublishableKey::parse(&key("pk_live_", "clerk.example.com$")).unwrap();
    assert_eq!(production.frontend_api_host(), "clerk.example.com");
    assert_eq!(production.environment(), Environment::Production);
    assert!(!production.has_development_host());
    assert_eq!(production.to_string(), production.as_str());
}

#[test]
fn padding_is_optional_and_changes_the_cookie_suffix() {
    let with = PublishableKey::parse(&key("pk_test_", "a.example$")).unwrap();
    let without = PublishableKey::parse(with.as_str().trim_end_matches('=')).unwrap();
    assert_ne!(with.as_str(), without.as_str());
    assert_eq!(with.frontend_api_host(), without.frontend_api_host());
    assert_ne!(with.cookie_suffix(), without.cookie_suffix());
}

#[test]
fn cookie_suffix_is_the_start_of_the_hash() {
    // Made with: printf %s "$KEY" | openssl sha1 -binary | base64 | cut -c1-8 | tr +/ -_
    for (text, suffix) in [
        ("pk_live_Y2xlcmsuYWJjZWYuZXhhbXBsZS5jb20k", "yPZRw-UV"),
        ("pk_test_Y2xlcmsuaW5jbHVkZWQua2F0eWRpZC05Mi5sY2wuZGV2JA", "Xyg-L-mN"),
        ("pk_test_YzE0OS5leGFtcGxlLmNvbSQ=", "y-E_Eel_"),
        ("pk_test_YzI5MS5leGFtcGxlLmNvbSQ=", "_wK6Nh-Q"),
    ] {
        assert_eq!(PublishableKey::parse(text).unwrap().cookie_suffix(), suffix, "{text}");
    }
}

#[test]
fn a_port_is_allowed_and_a_host_without_a_dot_is_not() {
    let local = PublishableKey::parse(&key("pk_test_", "127.0.0.1:4301$")).unwrap();
    assert_eq!(local.frontend_api_host(), "127.0.0.1:4301");
    assert_eq!(local.frontend_api_url().port(), Some(4301));
    assert_eq!(PublishableKey::parse(&key("pk_test_", "localhost:4301$")), Err(PublishableKeyError::Host));
}

#[test]
fn says_what_is_wrong() {
    use PublishableKeyError::{Encoding, Host, Parts, Prefix, SecretKey, Terminator};
    for (text, error) in [
        ("", Prefix),
        ("pk_", Prefix),
        ("pk_staging_abc", Prefix),
        ("PK_TEST_abc", Prefix),
        (" pk_test_Y2xlcmsuZXhhbXBsZS5jb20k", Prefix),
        ("sk_test_abc", SecretKey),
        ("pk_test_abc_def", Parts),
        ("pk_test_ab!c", Encoding),
        ("pk_test_ab-c", Encoding),
        ("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k\n", Encoding),
        // Not UTF-8.
        ("pk_test_//8k", Encoding),
        ("pk_test_", Terminator),
        (&key("pk_test_", "clerk.example.com"), Terminator),
        (&key("pk_test_", "clerk.example.com$$"), Terminator),
        (&key("pk_test_", "clerk$.example.com$"), Terminator),
        (&key("pk_test_", "$"), Host),
        (&key("pk_test_", "localhost$"), Host),
        (&key("pk_test_", "user@evil.example$"), Host),
        (&key("pk_test_", "evil.example/path$"), Host),
        (&key("pk_test_", "evil.example?q$"), Host),
        (&key("pk_test_", "evil.example:port$"), Host),
        (&key("pk_test_", "a. b$"), Host),
    ] {
        assert_eq!(PublishableKey::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn finds_the_account_portal() {
    for (host, portal) in [
        ("foo.clerk.accounts.dev", "foo.accounts.dev"),
        ("foo.clerk.accountsstage.dev", "foo.accountsstage.dev"),
        ("clerk.example.com", "accounts.example.com"),
        ("clerk.included.katydid-92.lcl.dev", "accounts.included.katydid-92.lcl.dev"),
        ("127.0.0.1:4301", "127.0.0.1:4301"),
    ] {
        let key = PublishableKey::parse(&key("pk_test_", &format!("{host}$"))).unwrap();
        assert_eq!(key.accounts_portal_host(), portal);
    }
}

#[test]
fn tells_a_development_host() {
    for (host, expected) in [
        ("foo.clerk.accounts.dev", true),
        ("foo.clerk.accounts.dev:8443", true),
        ("clerk.foo.lclstage.dev", true),
        ("clerk.accounts.lclclerk.com", true),
        ("clerk.example.com", false),
        ("accounts.dev", false),
        ("clerk.accounts.dev.example.com", false),
    ] {
        let key = PublishableKey::parse(&key("pk_test_", &format!("{host}$"))).unwrap();
        assert_eq!(key.has_development_host(), expected, "{host}");
    }
}

#[test]
fn environments_of_secret_keys() {
    assert_eq!(Environment::of_secret_key("sk_test_x"), Some(Environment::Development));
    assert_eq!(Environment::of_secret_key("sk_live_x"), Some(Environment::Production));
    assert_eq!(Environment::of_secret_key("pk_live_x"), None);
    assert_eq!(Environment::Production.to_string(), "production");
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>(), decoded in any::<String>()) {
        for text in [text, key("pk_test_", &decoded), key("pk_live_", &format!("{decoded}.x$"))] {
            if let Ok(key) = PublishableKey::parse(&text) {
                prop_assert_eq!(key.cookie_suffix().len(), 8);
                prop_assert!(!key.accounts_portal_host().is_empty());
            }
        }
    }
}
