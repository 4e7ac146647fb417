//! Our clock against Clerk's, as the `Date` of its answer tells it.

use super::{
    finding::Finding,
    patient::{Patient, Seen},
};

pub(super) const NAME: &str = "clock";

/// Session tokens, which last a minute, are accepted that much before and after, Unix ms.
const LEEWAY_MS: i64 = 5_000;
/// Worth a look before it becomes a problem.
const WORTH_A_NOTE_MS: i64 = 2_000;

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Ok(seen) = patient.clerk.clone().await else { return Vec::new() };
    vec![judge(&seen)]
}

fn judge(seen: &Seen) -> Finding {
    const TODO: &str = "let NTP set this machine's clock (timedatectl, chrony)";
    let Some(date_ms) = seen.sighting.date_ms else {
        return Finding::note(NAME, "Clerk's answer has no date to compare with", "");
    };
    // A date tells the second in which Clerk answered, and that was some time between asking and hearing.
    let ahead = seen.before_ms - (date_ms + 999);
    let behind = date_ms - seen.after_ms;
    let (off, side) = if ahead >= behind { (ahead, "ahead of") } else { (behind, "behind") };
    let found = format!("{}.{} s {side} Clerk's", off.max(0) / 1_000, off.max(0) % 1_000 / 100);
    if off <= WORTH_A_NOTE_MS {
        Finding::ok(NAME, "agrees with Clerk's")
    } else if off <= LEEWAY_MS {
        Finding::note(NAME, found, TODO)
    } else {
        let found = format!("{found}: session tokens are refused beyond 5 s, webhooks beyond 300 s");
        Finding::problem(NAME, found, TODO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clerk_sync::clerk::{Instance, Sighting};
    use rstest::rstest;

    #[rstest]
    #[case(0, "ok")]
    #[case(2_900, "ok")]
    #[case(-2_000, "ok")]
    #[case(3_200, "note")]
    #[case(-2_500, "note")]
    #[case(6_200, "problem")]
    #[case(-5_500, "problem")]
    #[case(3_600_000, "problem")]
    fn clocks_that_disagree_are_told(#[case] ahead: i64, #[case] expected: &str) {
        let instance = Instance { id: "ins_1".to_owned() };
        let sighting = Sighting { instance, environment_type: None, date_ms: Some(1_000_000) };
        let now = 1_000_000 + ahead;
        let finding = judge(&Seen { sighting, before_ms: now, after_ms: now });
        assert_eq!(finding.json()["state"], expected, "{finding}");
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        let instance = Instance { id: "ins_1".to_owned() };
        let sighting = Sighting { instance, environment_type: None, date_ms: Some(1_000_000) };
        let finding = judge(&Seen { sighting, before_ms: 998_000, after_ms: 1_003_000 });
        assert_eq!(finding.json()["state"], "ok", "{finding}");
    }
}
