//! The fair share: nobody who wants more than an equal part keeps it from one who wants less.

use super::floor;

/// Where there are more processes than calls, those without change this often.
const TURN_MS: i64 = 30_000;

/// What one process wants, in calls in ten seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) process: &'a str,
    pub(super) wanted: u32,
}

/// The share of the first of `wishes` in `capacity`: max-min fair, the same whoever computes it.
pub(super) fn share(capacity: u32, limit: u32, mut wishes: Vec<Wish<'_>>, now_ms: i64) -> u32 {
    let Some(own) = wishes.first().map(|wish| wish.process) else { return 0 };
    let count = wishes.len();
    wishes.sort_unstable_by(|a, b| a.process.cmp(b.process));
    let scarce = usize::try_from(capacity).is_ok_and(|capacity| count > capacity);
    if scarce {
        let turns = usize::try_from(now_ms.div_euclid(TURN_MS)).unwrap_or(0);
        wishes.rotate_left(turns % count.max(1));
    }
    let demand = |wish: &Wish<'_>| match wish.wanted {
        // Whoever is at rest waits where not even all others can be served.
        0 if scarce => 0,
        wanted => wanted.max(floor(limit, count)).min(limit),
    };
    // The sort is stable: those who want alike stay in order.
    wishes.sort_by_key(demand);
    let (mut left, mut processes) = (capacity, u32::try_from(count).unwrap_or(u32::MAX));
    for wish in &wishes {
        // Rounded down; what remains goes to those after it.
        let part = demand(wish).min(left / processes.max(1));
        if wish.process == own {
            return part;
        }
        left -= part;
        processes -= 1;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn shares(capacity: u32, wanted: &[u32], now_ms: i64) -> Vec<u32> {
        let names: Vec<String> = (0..wanted.len()).map(|number| format!("p{number:03}")).collect();
        let mut wishes: Vec<_> =
            names.iter().zip(wanted).map(|(process, wanted)| Wish { process, wanted: *wanted }).collect();
        let mut shares = Vec::new();
        for _ in wanted {
            shares.push(share(capacity, 100, wishes.clone(), now_ms));
            wishes.rotate_left(1);
        }
        shares
    }

    #[rstest]
    #[case(99, &[100], &[99])]
    #[case(99, &[0], &[5])]
    #[case(99, &[100, 100], &[49, 50])]
    #[case(99, &[100, 0], &[94, 5])]
    #[case(99, &[100, 30, 100], &[34, 30, 35])]
    #[case(99, &[10, 20, 30], &[10, 20, 30])]
    #[case(99, &[100, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[81, 2, 2, 2, 2, 2, 2, 2, 2, 2])]
    #[case(0, &[100, 100], &[0, 0])]
    fn small_wishes_are_granted_and_large_ones_get_equal_parts(
        #[case] capacity: u32,
        #[case] wanted: &[u32],
        #[case] expected: &[u32],
    ) {
        assert_eq!(shares(capacity, wanted, 0), expected);
    }

    #[test]
    fn where_there_are_too_many_everyone_gets_a_turn() {
        let wanted = [5, 5, 0, 5, 5];
        let mut got = [0; 5];
        for turn in 0..5 {
            let shares = shares(2, &wanted, turn * TURN_MS + 17);
            assert_eq!(shares.iter().sum::<u32>(), 2);
            got.iter_mut().zip(shares).for_each(|(got, share)| *got += share);
        }
        assert_eq!(got.iter().sum::<u32>(), 10);
        assert_eq!(got[2], 0, "those at rest wait");
        assert!([0, 1, 3, 4].iter().all(|index| got[*index] >= 1), "{got:?}");
    }
}
