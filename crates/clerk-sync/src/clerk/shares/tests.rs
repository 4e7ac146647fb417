use super::*;
use proptest::prelude::*;

fn request(process: &str, wanted: u32, held: u32, occupied: u32) -> ShareRequest {
    ShareRequest { process: process.to_owned(), limit: 100, wanted, held, occupied }
}

/// Claims and writes the row.
fn beat(rows: &mut Vec<ShareRow>, request: &ShareRequest, now_ms: i64) -> ShareRow {
    let row = claim(request, rows, now_ms);
    rows.retain(|other| other.process != row.process && !other.is_over(now_ms));
    rows.push(row.clone());
    row
}

#[test]
fn a_lone_process_has_all_but_a_pot() {
    let mut rows = Vec::new();
    assert_eq!(beat(&mut rows, &request("a", 100, 0, 0), 0).grant, 99);
    assert_eq!(beat(&mut rows, &request("a", 0, 99, 0), 1_000).grant, 5);
    assert_eq!(beat(&mut rows, &request("a", 30, 5, 0), 2_000).grant, 30);
}

#[test]
fn a_newcomer_begins_at_once_and_gets_its_part_when_it_is_free() {
    let mut rows = Vec::new();
    beat(&mut rows, &request("a", 100, 0, 0), 0);
    assert_eq!(beat(&mut rows, &request("b", 100, 0, 0), 1_000).grant, 1);
    let a = beat(&mut rows, &request("a", 100, 99, 80), 2_000);
    assert_eq!((a.grant, a.reserve), (49, 99), "it may call until it hears of it");
    assert_eq!(beat(&mut rows, &request("b", 100, 1, 1), 2_500).grant, 1);
    let a = beat(&mut rows, &request("a", 100, 49, 80), 3_000);
    assert_eq!((a.grant, a.reserve), (49, 80), "its calls still count");
    assert_eq!(beat(&mut rows, &request("b", 100, 1, 1), 3_500).grant, 19);
    beat(&mut rows, &request("a", 100, 49, 40), 12_000);
    assert_eq!(beat(&mut rows, &request("b", 100, 19, 1), 12_500).grant, 50);
}

#[test]
fn a_grant_whose_answer_was_lost_is_kept() {
    let mut rows = Vec::new();
    beat(&mut rows, &request("a", 80, 0, 0), 0);
    let again = beat(&mut rows, &request("a", 10, 0, 0), 1_000);
    assert_eq!((again.grant, again.reserve), (10, 80));
}

#[test]
fn what_a_dead_process_had_is_kept_until_its_last_call_is_forgotten() {
    let mut rows = Vec::new();
    beat(&mut rows, &request("a", 60, 0, 0), 0);
    for (now_ms, grant) in [(1_000, 39), (8_000, 39), (10_000, 39), (20_900, 39), (21_000, 99)] {
        assert_eq!(beat(&mut rows, &request("b", 100, 0, 0), now_ms).grant, grant, "at {now_ms}");
    }
}

#[test]
fn of_a_process_that_left_only_its_calls_count_for_a_while() {
    let mut rows = Vec::new();
    beat(&mut rows, &request("a", 60, 0, 0), 0);
    let row = ShareRow::left("a", 10, 500);
    assert_eq!((row.wanted, row.grant, row.reserve, row.is_over(14_000)), (0, 0, 10, false));
    let rows = [row];
    assert_eq!(claim(&request("b", 100, 0, 0), &rows, 1_000).grant, 89, "only its calls still count");
    assert_eq!(claim(&request("b", 100, 0, 0), &rows, 15_000).grant, 99);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, rng_seed: proptest::test_runner::RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever they want, use and miss: the reserves are never more than the limit.
    #[test]
    fn reserves_are_never_more_than_the_limit(
        limit in 1_u32..300,
        beats in prop::collection::vec((0_usize..8, 0_u32..400, 0_u32..=100, 0_i64..9_000, 0_u8..10), 1..120),
    ) {
        let mut rows: Vec<ShareRow> = Vec::new();
        // What each holds, until when, and the places that its calls take.
        let mut held = [(0_u32, 0_i64, 0_u32); 8];
        let mut now_ms = 0;
        for (process, wanted, used, pause_ms, luck) in beats {
            now_ms += pause_ms;
            let (grant, until_ms, occupied) = &mut held[process];
            let name = format!("p{process}");
            if rows.iter().all(|row| row.process != name || row.is_over(now_ms)) {
                *occupied = 0;
            }
            if *until_ms <= now_ms {
                *grant = 0;
            }
            *occupied = (*grant * used / 100).max(*occupied * used / 100);
            let request = ShareRequest { process: name, limit, wanted, held: *grant, occupied: *occupied };
            let row = beat(&mut rows, &request, now_ms);
            // Now and then the answer gets lost.
            if luck > 0 {
                (*grant, *until_ms) = (row.grant, now_ms + 7_000);
            }
            prop_assert!(rows.iter().map(ShareRow::kept).sum::<u32>() <= limit, "{rows:?}");
        }
    }
}
