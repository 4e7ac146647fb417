use super::*;
use proptest::{prelude::*, sample::subsequence};

const MAPPING: Fingerprint = Fingerprint(7);

fn digest(content: u8) -> Digest {
    Digest([content; 16])
}

fn claim(version: Version) -> Claim {
    Claim {
        version,
        fingerprint: MAPPING,
        lifts_as_of: None,
        resets: None,
        settles: false,
        restores: false,
        quiet: false,
    }
}

fn present(updated_at: i64, as_of: i64, content: u8) -> Claim {
    claim(Version { state: State::Present, updated_at, as_of, digest: digest(content) })
}

fn provisional(iat: i64, content: u8) -> Claim {
    claim(Version { state: State::Provisional, updated_at: iat, as_of: iat, digest: digest(content) })
}

fn gone(as_of: i64) -> Claim {
    claim(Version::gone(as_of))
}

#[test]
fn digests_are_shown_in_hexadecimal() {
    assert_eq!(format!("{:?}", digest(0xa5)), "a5".repeat(16));
}

fn run(claims: &[Claim]) -> Option<Standing> {
    claims.iter().fold(None, |standing, claim| decide(standing, claim).standing)
}

fn step(first: Claim, second: Claim) -> Decision {
    decide(run(&[first]), &second)
}

#[test]
fn gone_beats_present_whatever_the_times() {
    for later in [present(1_000_000, 1_000_000, 1), provisional(9_000_000, 1)] {
        let decision = step(gone(5), later);
        assert_eq!((decision.verdict, decision.settle_from), (Verdict::Stale, None));
        assert_eq!(decision.standing, run(&[gone(5)]));
        assert_eq!(step(later, gone(5)).standing, run(&[gone(5)]));
    }
}

#[test]
fn present_beats_provisional_whatever_the_times() {
    assert_eq!(step(provisional(9_000, 1), present(1, 1, 2)).verdict, Verdict::Stands);
    assert_eq!(step(present(1, 1, 2), provisional(9_000, 1)).verdict, Verdict::Stale);
}

#[test]
fn the_larger_updated_at_beats_the_larger_as_of() {
    assert_eq!(step(present(10, 99, 1), present(11, 12, 2)).verdict, Verdict::Stands);
    assert_eq!(step(present(11, 12, 2), present(10, 99, 1)).verdict, Verdict::Stale);
    assert_eq!(step(present(11, 12, 2), present(10, 99, 1)).settle_from, None);
}

#[test]
fn the_same_content_seen_again_only_moves_the_as_of() {
    assert_eq!(step(present(10, 20, 1), present(10, 20, 1)).verdict, Verdict::Duplicate);
    assert_eq!(step(present(10, 20, 1), present(10, 19, 1)).verdict, Verdict::Duplicate);
    let later = step(present(10, 20, 1), present(10, 21, 1));
    assert_eq!((later.verdict, later.settle_from), (Verdict::Refreshed, None));
    assert_eq!(later.standing, run(&[present(10, 21, 1)]));
}

#[test]
fn a_tie_asks_clerk_and_its_answer_asks_no_more() {
    let decision = step(present(10, 20, 1), present(10, 30, 2));
    assert_eq!((decision.verdict, decision.settle_from), (Verdict::Stands, Some(31)));
    let decision = step(present(10, 30, 2), present(10, 20, 1));
    assert_eq!((decision.verdict, decision.settle_from), (Verdict::Stale, Some(31)));
    let answer = Claim { settles: true, ..present(10, 31, 3) };
    let decision = decide(decision.standing, &answer);
    assert_eq!((decision.verdict, decision.settle_from), (Verdict::Stands, None));
}

#[test]
fn an_answer_to_a_tie_that_was_overtaken_asks_again() {
    let tie = step(present(10, 30, 2), present(10, 20, 1));
    assert_eq!(tie.settle_from, Some(31));
    // The winner of the tie is seen once more, later, while Clerk is asked.
    let refreshed = decide(tie.standing, &present(10, 40, 2));
    assert_eq!((refreshed.verdict, refreshed.settle_from), (Verdict::Refreshed, None));
    let answer = Claim { settles: true, ..present(10, 31, 1) };
    let overtaken = decide(refreshed.standing, &answer);
    assert_eq!((overtaken.verdict, overtaken.settle_from), (Verdict::Stale, Some(41)));
    let again = Claim { settles: true, ..present(10, 41, 1) };
    let settled = decide(overtaken.standing, &again);
    assert_eq!((settled.verdict, settled.settle_from), (Verdict::Stands, None));
}

#[test]
fn a_tie_of_as_of_too_is_decided_by_the_digest() {
    assert_eq!(step(present(10, 20, 1), present(10, 20, 2)).verdict, Verdict::Stands);
    assert_eq!(step(present(10, 20, 2), present(10, 20, 1)).verdict, Verdict::Stale);
    assert_eq!(step(present(10, 20, 2), present(10, 20, 1)).settle_from, Some(21));
}

#[test]
fn provisional_ties_ask_nobody() {
    assert_eq!(step(provisional(10, 1), provisional(10, 2)).settle_from, None);
}

#[test]
fn another_mapping_is_written_anew_without_asking() {
    let remapped = Claim { fingerprint: Fingerprint(8), ..present(10, 20, 9) };
    let decision = step(present(10, 20, 1), remapped);
    assert_eq!((decision.verdict, decision.settle_from), (Verdict::Stands, None));
    let older = Claim { version: Version { as_of: 19, ..remapped.version }, ..remapped };
    assert_eq!(step(present(10, 20, 1), older).verdict, Verdict::Stale);
}

#[test]
fn a_lift_undoes_deletions_up_to_its_time_and_no_later_one() {
    let lift = Claim { lifts_as_of: Some(50), ..present(10, 50, 1) };
    let lifted = step(gone(50), lift);
    assert_eq!((lifted.verdict, lifted.settle_from), (Verdict::Stands, Some(51)));
    assert_eq!(lifted.standing.map(|s| s.version.state), Some(State::Present));
    assert_eq!(decide(lifted.standing, &gone(50)).verdict, Verdict::Stale);
    assert_eq!(decide(lifted.standing, &gone(51)).verdict, Verdict::Stands);
    assert_eq!(step(gone(51), lift).verdict, Verdict::Stale);
    // The word of the operator is kept although a later deletion stands.
    assert_eq!(step(gone(51), lift).standing.and_then(|s| s.lifted_as_of), Some(50));
}

#[test]
fn a_reset_replaces_exactly_the_version_that_was_never_true() {
    let reset = Claim { resets: Some(900), ..present(10, 1_000, 2) };
    assert_eq!(step(present(900, 20, 1), reset).verdict, Verdict::Stands);
    assert_eq!(step(present(901, 20, 1), reset).verdict, Verdict::Stale);
    assert_eq!(step(gone(20), reset).verdict, Verdict::Stale);
}

#[test]
fn effects_name_one_change_for_the_feed() {
    let standing = |claim| run(&[claim]).expect("stands");
    let between = |before: Option<Claim>, after: Claim| {
        let before = before.map(standing);
        let effect = effect(before.as_ref(), &standing(after));
        (effect.ledger, effect.row, effect.change)
    };
    assert_eq!(between(None, present(1, 1, 1)), (true, true, Some(Change::Created)));
    assert_eq!(between(None, provisional(1, 1)), (true, true, None));
    assert_eq!(between(None, gone(1)), (true, true, None));
    assert_eq!(between(Some(provisional(1, 1)), present(1, 1, 1)), (true, true, Some(Change::Created)));
    assert_eq!(between(Some(provisional(1, 1)), provisional(2, 2)), (true, true, None));
    assert_eq!(between(Some(present(1, 1, 1)), present(1, 2, 1)), (true, false, None));
    assert_eq!(between(Some(present(1, 1, 1)), present(1, 1, 1)), (false, false, None));
    assert_eq!(between(Some(present(1, 1, 1)), present(2, 2, 2)), (true, true, Some(Change::Updated)));
    assert_eq!(between(Some(present(1, 1, 1)), gone(2)), (true, true, Some(Change::Deleted)));
    assert_eq!(between(Some(provisional(1, 1)), gone(2)), (true, true, Some(Change::Deleted)));
    assert_eq!(between(Some(gone(1)), gone(2)), (true, false, None));
    assert_eq!(between(Some(gone(1)), present(2, 2, 2)), (true, true, Some(Change::Created)));
    let remapped = Standing { fingerprint: Fingerprint(8), ..standing(present(1, 1, 1)) };
    let effect = effect(Some(&standing(present(1, 1, 1))), &remapped);
    assert_eq!((effect.row, effect.change), (true, Some(Change::Updated)));
}

/// Small numbers, so that ties of every kind are common. Two clocks that disagree: the as-of may lie on either
/// side of the `updated_at`.
fn any_claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        6 => (0..5_i64, 0..5_i64, 0..4_u8).prop_map(|(u, a, c)| present(u, a, c)),
        2 => (0..5_i64, 0..4_u8).prop_map(|(iat, c)| provisional(iat, c)),
        2 => (0..5_i64).prop_map(gone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn commutative(a in any_claim(), b in any_claim()) {
        prop_assert_eq!(run(&[a, b]), run(&[b, a]));
    }

    #[test]
    fn associative(history in prop::collection::vec(any_claim(), 0..4), a in any_claim(), b in any_claim()) {
        // Folding the right-hand pair first, then joining the result, is the same as one after the other.
        let joined = run(&[a, b]).expect("two claims leave something standing");
        let joined = claim(joined.version);
        let left = history.iter().copied().chain([a, b]).collect::<Vec<_>>();
        let right = history.iter().copied().chain([joined]).collect::<Vec<_>>();
        prop_assert_eq!(run(&left), run(&right));
    }

    #[test]
    fn idempotent(history in prop::collection::vec(any_claim(), 1..6), again in any::<prop::sample::Index>()) {
        let once = run(&history);
        let repeated = decide(once, &history[again.index(history.len())]);
        prop_assert_eq!(repeated.standing, once);
        prop_assert!(matches!(repeated.verdict, Verdict::Duplicate | Verdict::Stale) ||
            repeated.standing.is_some_and(|s| s.version == history[again.index(history.len())].version));
    }

    #[test]
    fn any_order_with_any_duplicates_gives_one_result(
        history in prop::collection::vec(any_claim(), 1..8),
        seed in any::<u64>(),
        extra in (0..8_usize).prop_flat_map(|n| subsequence((0..8_usize).collect::<Vec<_>>(), n)),
    ) {
        let mut shuffled: Vec<Claim> = history.clone();
        shuffled.extend(extra.iter().filter_map(|i| history.get(*i)));
        shuffle(&mut shuffled, seed);
        prop_assert_eq!(run(&history), run(&shuffled));
    }

    /// The standing observation is the largest of all: the order is the derived one.
    #[test]
    fn the_largest_version_stands(history in prop::collection::vec(any_claim(), 1..8)) {
        let largest = history.iter().map(|claim| claim.version).max();
        prop_assert_eq!(run(&history).map(|s| s.version), largest);
    }

    /// With lifted tombstones: after the re-read that the lift asks for, every order agrees.
    #[test]
    fn lifted_histories_agree_once_settled(
        history in prop::collection::vec(any_claim(), 0..7),
        lifted in 0..5_i64,
        content in 0..4_u8,
        seed in any::<u64>(),
    ) {
        let lift = Claim { lifts_as_of: Some(lifted), ..present(4, lifted, content) };
        let settled = Claim { settles: true, ..present(4, 6, content) };
        let mut all: Vec<Claim> = history.iter().copied().chain([lift]).collect();
        let one = run(&[all.as_slice(), &[settled]].concat());
        shuffle(&mut all, seed);
        let other = run(&[all.as_slice(), &[settled]].concat());
        prop_assert_eq!(one, other);
        let deleted_later = history.iter().any(|c| c.version.state == State::Gone && c.version.as_of > lifted);
        prop_assert_eq!(one.map(|s| s.version.state == State::Gone), Some(deleted_later));
    }

    /// Whatever ties there were, Clerk's answer to the last of them stands, in every order.
    #[test]
    fn settling_ends_every_tie(history in prop::collection::vec(any_claim(), 1..8), content in 0..4_u8) {
        let mut standing = None;
        let mut ask_from = None;
        for claim in &history {
            let decision = decide(standing, claim);
            standing = decision.standing;
            ask_from = ask_from.max(decision.settle_from);
        }
        if let (Some(from), Some(before)) = (ask_from, standing)
            && before.version.state == State::Present
        {
            // Clerk's `updated_at` is never behind what it has said before.
            let answer = Claim { settles: true, ..present(before.version.updated_at, from.max(9), content) };
            let after = decide(standing, &answer);
            prop_assert_eq!(after.standing.map(|s| s.version), Some(answer.version));
            prop_assert_eq!(after.settle_from, None);
        }
    }
}

/// Fisher-Yates with a small generator: replayable from proptest's seed.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for i in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(i, (seed >> 33) as usize % (i + 1));
    }
}
