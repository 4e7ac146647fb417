//! Thousands of made-up requests, put to Clerk's own SDK and to ours: both must answer alike.
//!
//! Each request follows from a number. `AGREEMENT_SEED=7 AGREEMENT_CASES=20000` tries others; a disagreement prints the
//! number of the request, and `AGREEMENT_ONLY=<number>` repeats it.

#[cfg(test)]
mod ask;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod ours;

#[cfg(test)]
mod tests {
    use crate::{ask::Asked, oracle::Oracle, ours};
    use std::collections::BTreeMap;

    #[test]
    fn clerks_own_sdk_answers_alike() {
        #[expect(clippy::disallowed_methods, reason = "the person who runs the test says how much of it")]
        let number = |name: &str, default: u64| {
            std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
        };
        let (seed, cases) = (number("AGREEMENT_SEED", 1), number("AGREEMENT_CASES", 4_000));
        let only = number("AGREEMENT_ONLY", u64::MAX);
        let numbers =
            if only == u64::MAX { seed * 1_000_000..seed * 1_000_000 + cases } else { only..only + 1 };
        let mut oracle = Oracle::start();
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut disagreements = Vec::new();
        let mut kinds: BTreeMap<String, (u32, u64)> = BTreeMap::new();
        for number in numbers {
            let asked = Asked::from_number(number);
            let (theirs, ours) = (oracle.judge(&asked), ours::judge(&asked));
            *seen.entry(theirs.summary()).or_default() += 1;
            if theirs.comparable() != ours.comparable() {
                let kind = format!("{} instead of {}", ours.summary(), theirs.summary());
                kinds.entry(kind).or_insert((0, number)).0 += 1;
                disagreements
                    .push(format!("request {number}: {asked:#?}\ntheirs: {theirs:#?}\nours: {ours:#?}"));
            }
        }
        assert!(
            disagreements.is_empty(),
            "{} disagreements (times, a number): {kinds:#?}; the first:\n{}",
            disagreements.len(),
            disagreements.first().map(String::as_str).unwrap_or_default()
        );
        if only == u64::MAX && cases >= 4_000 {
            // The made-up requests must reach every part of the table, or agreement would say little.
            for outcome in EXPECTED {
                assert!(seen.contains_key(*outcome), "no request led to `{outcome}`: {seen:#?}");
            }
        }
    }

    const EXPECTED: &[&str] = &[
        "signed-in -",
        "failed -",
        "handshake client-uat-but-no-session-token",
        "handshake dev-browser-missing",
        "handshake dev-browser-sync",
        "handshake primary-domain-cross-origin-sync",
        "handshake primary-responds-to-syncing",
        "handshake session-token-but-no-client-uat",
        "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie",
        "handshake session-token-expired-refresh-session_revoked",
        "handshake session-token-iat-before-client-uat",
        "handshake session-token-iat-in-the-future",
        "handshake session-token-nbf",
        "signed-out client-uat-but-no-session-token",
        "signed-out jwk-kid-mismatch",
        "signed-out session-token-and-uat-missing",
        "signed-out session-token-expired-refresh-non-eligible-non-get",
        "signed-out session-token-missing",
        "signed-out token-invalid",
        "signed-out token-invalid-algorithm",
        "signed-out token-invalid-authorized-parties",
        "signed-out token-invalid-signature",
        "signed-out token-type-mismatch",
        "signed-out token-verification-failed",
    ];
}
