use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn number(length: usize) -> String {
    URL_SAFE_NO_PAD.encode(vec![0xC5; length])
}

fn rsa(id: &str) -> Value {
    json!({ "use": "sig", "kty": "RSA", "kid": id, "alg": "RS256", "n": number(256), "e": "AQAB" })
}

fn set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn finds_a_key_by_id() {
    let keys = set(&[rsa("ins_1"), rsa("ins_2")]);
    let key = keys.find("ins_2").unwrap();
    assert_eq!((key.id(), key.algorithm()), ("ins_2", Some("RS256")));
    assert_eq!(key.modulus(), [0xC5; 256]);
    assert_eq!(key.exponent(), [1, 0, 1]);
    assert_eq!(keys.find("ins_3"), None);
    assert_eq!((keys.keys().len(), keys.left_out()), (2, 0));
}

#[test]
fn the_first_of_two_keys_with_one_id_counts() {
    let mut other = rsa("ins_1");
    other["n"] = number(512).into();
    assert_eq!(set(&[rsa("ins_1"), other]).find("ins_1").unwrap().modulus().len(), 256);
}

#[test]
fn takes_what_is_optional_or_unknown() {
    let plain = json!({ "kty": "RSA", "kid": "a", "n": number(256), "e": "AQAB" });
    let mut padded = rsa("b");
    padded["n"] = format!("{}==", URL_SAFE_NO_PAD.encode([&[0_u8][..], &[0xC5; 256]].concat())).into();
    let mut extra = rsa("c");
    extra["x5c"] = json!(["MII"]);
    extra["key_ops"] = json!(["verify"]);
    extra["nonsense"] = json!({ "deep": [1, null] });
    let keys = set(&[plain, padded, extra]);
    assert_eq!(keys.left_out(), 0);
    assert_eq!(keys.find("a").unwrap().algorithm(), None);
    assert_eq!(keys.find("b").unwrap().modulus(), [0xC5; 256]);
}

#[test]
fn leaves_out_the_rest_without_failing() {
    let changed = |name: &str, value: Value| {
        let mut key = rsa("other");
        key[name] = value;
        key
    };
    let others = [
        json!({ "kty": "EC", "kid": "other", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "kid": "other", "crv": "Ed25519", "x": "AA" }),
        changed("use", "enc".into()),
        changed("key_ops", json!(["encrypt"])),
        changed("alg", "PS256".into()),
        changed("alg", "HS256".into()),
        changed("kid", "".into()),
        changed("kid", 7.into()),
        changed("kid", Value::Null),
        changed("n", "not base64!".into()),
        changed("n", number(128).into()),
        changed("n", number(2000).into()),
        changed("n", "".into()),
        changed("e", "".into()),
        changed("e", "AAAA".into()),
        changed("e", number(6).into()),
        json!("text"),
        json!(null),
        json!([]),
    ];
    for other in others {
        let keys = set(&[other.clone(), rsa("ins_1")]);
        assert_eq!(keys.left_out(), 1, "{other}");
        assert!(keys.find("ins_1").is_some() && keys.find("other").is_none(), "{other}");
    }
}

#[test]
fn refuses_what_is_no_key_set() {
    for body in ["", "{}", "[]", "null", "<html>", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"errors":[]}"#] {
        let error = JwkSet::parse(body.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("not a set of signing keys"), "{body}");
    }
    assert_eq!(set(&[]), JwkSet::default());
}

proptest! {
    #[test]
    fn never_panics(body in any::<Vec<u8>>(), n in "[A-Za-z0-9_=-]{0,400}", e in "[A-Za-z0-9_=-]{0,9}") {
        let _ = JwkSet::parse(&body);
        let key = json!({ "kty": "RSA", "kid": "k", "n": n, "e": e });
        prop_assert_eq!(set(std::slice::from_ref(&key)).keys().len() + set(&[key]).left_out(), 1);
    }
}
