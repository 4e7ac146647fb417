use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn verifier(secrets: &[&str]) -> Verifier {
    let secrets: Vec<_> = secrets.iter().map(|&secret| SecretString::from(secret)).collect();
    Verifier::try_new(&secrets).expect("secrets")
}

fn svix_sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    svix::webhooks::Webhook::new(secret).expect("a secret").sign(id, timestamp, body).expect("a signature")
}

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    secret: String,
    id: String,
    timestamp: String,
    signature: String,
    now: i64,
    body: String,
    valid: bool,
}

#[test]
fn every_published_vector_is_judged_as_published() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/webhook_signatures.json");
    let Vectors { vectors } = serde_json::from_slice(&std::fs::read(path).expect("vectors")).expect("JSON");
    assert_eq!(vectors.len(), 22);
    for vector in vectors {
        let headers = Headers { id: &vector.id, timestamp: &vector.timestamp, signature: &vector.signature };
        let verdict = verifier(&[&vector.secret]).verify(headers, vector.body.as_bytes(), vector.now);
        assert_eq!(verdict.is_ok(), vector.valid, "{}: {verdict:?}", vector.name);
    }
}

#[test]
fn each_refusal_says_why() {
    let signature = svix_sign(SECRET, "msg_1", 1_000, b"{}");
    let verify = |timestamp: &str, signature: &str, now_s| {
        verifier(&[SECRET]).verify(Headers { id: "msg_1", timestamp, signature }, b"{}", now_s)
    };
    assert_eq!(verify("1000", &signature, 1_000), Ok(()));
    assert_eq!(verify("soon", &signature, 1_000), Err(Refusal::Timestamp));
    assert_eq!(verify("", &signature, 1_000), Err(Refusal::Timestamp));
    assert_eq!(verify("1000", &signature, 1_301), Err(Refusal::TooOld));
    assert_eq!(verify("1000", &signature, 699), Err(Refusal::TooNew));
    assert_eq!(verify("1000", "v1,AAAA", 1_000), Err(Refusal::Signature));
    assert_eq!(verify("1000", "", 1_000), Err(Refusal::Signature));
    assert_eq!(verify("-9223372036854775808", &signature, 1_000), Err(Refusal::TooOld));
    assert_eq!(verify("9223372036854775807", &signature, -1_000), Err(Refusal::TooNew));
}

#[test]
fn any_of_several_secrets_will_do() {
    let signature = svix_sign(OTHER_SECRET, "msg_1", 1_000, b"{}");
    let headers = Headers { id: "msg_1", timestamp: "1000", signature: &signature };
    assert_eq!(verifier(&[SECRET, OTHER_SECRET]).verify(headers, b"{}", 1_000), Ok(()));
    assert_eq!(verifier(&[SECRET]).verify(headers, b"{}", 1_000), Err(Refusal::Signature));
}

#[rstest]
#[case(&[("svix-id", "a"), ("svix-timestamp", "1"), ("svix-signature", "s")], Ok("a"))]
#[case(&[("webhook-id", "b"), ("webhook-timestamp", "1"), ("webhook-signature", "s")], Ok("b"))]
#[case(&[("svix-id", "a"), ("svix-timestamp", "1"), ("svix-signature", "s"),
    ("webhook-id", "b"), ("webhook-timestamp", "1"), ("webhook-signature", "s")], Ok("a"))]
#[case(&[("svix-id", "a"), ("webhook-timestamp", "1"), ("svix-signature", "s")], Err(Refusal::Headers))]
#[case(&[], Err(Refusal::Headers))]
#[case(&[("svix-id", ""), ("svix-timestamp", "1"), ("svix-signature", "s")], Err(Refusal::Headers))]
#[case(&[("svix-id", "a b"), ("svix-timestamp", "1"), ("svix-signature", "s")], Err(Refusal::Headers))]
fn headers_come_in_two_spellings(#[case] given: &[(&str, &str)], #[case] expected: Result<&str, Refusal>) {
    let found = Headers::find(|name| given.iter().find(|(key, _)| *key == name).map(|(_, value)| *value));
    assert_eq!(found.map(|headers| headers.id), expected);
}

#[rstest]
#[case(&[])]
#[case(&[""])]
#[case(&["whsec_"])]
#[case(&["whsec_not base64"])]
#[case(&[SECRET, "?"])]
fn a_missing_or_malformed_secret_never_means_accept(#[case] secrets: &[&str]) {
    let secrets: Vec<_> = secrets.iter().map(|&secret| SecretString::from(secret)).collect();
    assert_eq!(Verifier::try_new(&secrets).map(|_| ()), Err(InvalidSecret));
}

#[test]
fn the_limits_are_those_of_the_contract() {
    assert_eq!((MAX_BODY_BYTES, TOLERANCE_S), (1_048_576, 300));
}

#[test]
fn secrets_do_not_show() {
    assert_eq!(format!("{:?}", verifier(&[SECRET])), "Verifier { secrets: 1 }");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_svix_signs_we_accept(id in "[!-~]{1,40}", timestamp in 0..4_000_000_000_i64, body in "\\PC{0,200}", skew in -300..=300_i64) {
        let signature = svix_sign(SECRET, &id, timestamp, body.as_bytes());
        let text = timestamp.to_string();
        let headers = Headers { id: &id, timestamp: &text, signature: &signature };
        prop_assert_eq!(verifier(&[SECRET]).verify(headers, body.as_bytes(), timestamp + skew), Ok(()));
    }

    /// A change of one bit in anything that is signed, or in the signature, is refused.
    #[test]
    fn what_was_altered_we_refuse(
        id in "[a-z]{1,20}", body in prop::collection::vec(0x20..0x7f_u8, 1..100),
        place in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let signature = svix_sign(SECRET, &id, 1_000, &body);
        let headers = Headers { id: &id, timestamp: "1000", signature: &signature };
        let mut altered = body.clone();
        altered[place.index(body.len())] ^= 1 << bit;
        prop_assert_eq!(verifier(&[SECRET]).verify(headers, &altered, 1_000), Err(Refusal::Signature));
        let other_id = format!("{id}x");
        prop_assert_eq!(verifier(&[SECRET]).verify(Headers { id: &other_id, ..headers }, &body, 1_000), Err(Refusal::Signature));
        prop_assert_eq!(verifier(&[SECRET]).verify(Headers { timestamp: "1001", ..headers }, &body, 1_000), Err(Refusal::Signature));
    }

    #[test]
    fn what_we_sign_both_libraries_accept(id in "[a-z]{1,20}", timestamp in 0..4_000_000_000_i64, body in "[ -~]{0,200}") {
        let key = key(SECRET).expect("a key");
        let tag = sign(&key, &id, &timestamp.to_string(), body.as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(tag));
        prop_assert_eq!(&svix_sign(SECRET, &id, timestamp, body.as_bytes()), &signature);
        let standard = standardwebhooks::Webhook::new(SECRET).expect("a secret");
        prop_assert_eq!(standard.sign(&id, timestamp, body.as_bytes()).expect("a signature"), signature);
    }

    /// Svix itself, with its own clock out of the way, agrees with us on altered and unaltered signatures alike.
    #[test]
    fn svix_and_we_agree(body in "[ -~]{0,60}", signed in "[ -~]{0,60}", same in any::<bool>(), secret in prop::sample::select(vec![SECRET, OTHER_SECRET])) {
        let signed = if same { &body } else { &signed };
        let signature = svix_sign(secret, "msg_1", 1_000, signed.as_bytes());
        let mut headers = http::HeaderMap::new();
        for (name, value) in [("svix-id", "msg_1"), ("svix-timestamp", "1000"), ("svix-signature", &signature)] {
            headers.insert(name, value.parse().expect("a header"));
        }
        let theirs = svix::webhooks::Webhook::new(SECRET).expect("a secret").verify_ignoring_timestamp(body.as_bytes(), &headers);
        let ours = verifier(&[SECRET]).verify(Headers { id: "msg_1", timestamp: "1000", signature: &signature }, body.as_bytes(), 1_000);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
    }

    #[test]
    fn no_header_makes_it_panic(timestamp in "\\PC{0,30}", signature in "\\PC{0,80}") {
        let _ = verifier(&[SECRET]).verify(Headers { id: "a", timestamp: &timestamp, signature: &signature }, b"", 0);
    }
}
