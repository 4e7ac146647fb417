//! What fuzzers call: any bytes must be judged without harm, and let nobody in.

use super::{NOW_MS, instance, other_instance, settings};
use crate::{
    authenticate::{Facts, KeyAnswer, KeyLookup, Need, VerifiedToken, VerifiedTokens, authenticate},
    cookies::{self, ClerkCookies},
    decision::{Decision, Status},
    jwt::Jwt,
    reason::RefreshFailure,
    request::RequestHead,
    verify::TokenError,
};
use http::{HeaderMap, HeaderValue, Method, header};
use std::sync::{Arc, LazyLock};

/// A `Cookie` header of any bytes.
pub fn cookies(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let cookies = ClerkCookies::read(&text, "abcdefgh");
    let _ =
        (cookies.session.of(true), cookies.client_uat.of(false), cookies.refresh(), cookies.redirect_count());
    let _ = cookies::directive(&text);
}

/// A token of any bytes.
pub fn token(bytes: &[u8]) {
    let raw = String::from_utf8_lossy(bytes);
    if let Ok(jwt) = Jwt::decode(&raw) {
        assert!(jwt.signed_part(&raw).len() < raw.len());
        let _ = (jwt.is_for_machines(&raw), jwt.is_of_another_category());
    }
}

/// A whole request of any bytes: its parts are separated by line feeds. Nobody knows the key, so nobody gets in.
pub fn request(bytes: &[u8]) {
    static KEY: LazyLock<crate::signing_key::SigningKey> = LazyLock::new(|| instance().key());
    let mut parts = bytes.split(|byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let environment = if next().first().is_some_and(|byte| byte % 2 == 0) { "live" } else { "test" };
    let path = format!("/{}", String::from_utf8_lossy(next()));
    let directives: Vec<String> = vec![String::from_utf8_lossy(next()).into_owned()];
    let mut headers = HeaderMap::new();
    for name in [header::COOKIE, header::AUTHORIZATION, header::REFERER, header::ACCEPT] {
        if let Ok(value) = HeaderValue::from_bytes(next()) {
            headers.insert(name, value);
        }
    }
    headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
    let head = RequestHead::new(Method::GET, "https://app.example", path, &headers);
    let key = Arc::new(KEY.clone());
    let decision = decide(&head, environment, &Keys(key), &directives);
    assert!(!matches!(decision.status, Status::SignedIn(_)), "somebody got in");
}

fn decide(head: &RequestHead<'_>, environment: &str, keys: &Keys, directives: &[String]) -> Decision {
    let settings = settings(environment);
    let mut facts = Facts::new(keys, keys);
    for _ in 0..8 {
        match authenticate(head, &settings, &mut facts, NOW_MS) {
            Ok(decision) => return decision,
            Err(Need::Key(kid)) => facts.learn_key(kid, KeyAnswer::Unavailable(TokenError::KeyMismatch)),
            Err(Need::HandshakePayload { .. }) => facts.learn_handshake(directives.to_vec()),
            Err(Need::Refresh(_)) => facts.learn_refresh(Err(RefreshFailure::Unreachable)),
        }
    }
    unreachable_needs()
}

/// A decision asks for a handful of things at most.
#[expect(clippy::panic, reason = "this is what a fuzzer looks for")]
fn unreachable_needs() -> Decision {
    panic!("the table asks for ever more")
}

/// Says that every key is ours: then only the signature stands between a stranger and the app.
#[derive(Debug)]
struct Keys(Arc<crate::signing_key::SigningKey>);

impl KeyLookup for Keys {
    fn find(&self, _kid: &str) -> KeyAnswer {
        KeyAnswer::Known(Arc::clone(&self.0))
    }
}

impl VerifiedTokens for Keys {
    fn find(&self, _raw: &str) -> Option<Arc<VerifiedToken>> {
        None
    }
}

/// Requests to begin with: tokens of another instance in all places.
pub fn seeds() -> Vec<Vec<u8>> {
    let token = other_instance().token(&super::claims());
    let cookie = format!("__session={token}; __client_uat=1; __clerk_db_jwt=dvb_1");
    vec![
        format!("l\npage\n\n{cookie}\n\nhttps://other.example/\ntext/html").into_bytes(),
        format!("t\n?__clerk_handshake_nonce=n\n__session={token}\n\n\n\n").into_bytes(),
        format!("t\n?__clerk_handshake={token}&__clerk_db_jwt=x\n\n{cookie}\n\n\n").into_bytes(),
        format!("l\n\n\n\nBearer {token}\n\n").into_bytes(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_seeds_are_judged() {
        for seed in seeds() {
            request(&seed);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_bytes_are_judged_without_harm(bytes in any::<Vec<u8>>()) {
            cookies(&bytes);
            token(&bytes);
            request(&bytes);
        }

        #[test]
        fn nearly_good_requests_let_nobody_in(
            seed in 0..4_usize,
            at in any::<prop::sample::Index>(),
            with in any::<u8>(),
            length in 0..40_usize,
            repeats in 0..3_usize,
        ) {
            let mut bytes = seeds().swap_remove(seed);
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            let piece: Vec<u8> = bytes[at..end].to_vec();
            bytes.splice(at..end, std::iter::once(with).chain(piece.repeat(repeats)));
            request(&bytes);
            cookies(&bytes);
            token(&bytes);
        }
    }
}
