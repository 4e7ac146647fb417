//! Ids in the shape Clerk gives them: a prefix and a KSUID (seconds, then 16 bytes that here follow from a number).

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const KSUID_EPOCH: u64 = 1_400_000_000;
const KSUID_LENGTH: usize = 27;

/// Which series of ids: equal numbers in different series give different ids.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Series {
    User = 1,
    Identification = 2,
    Message = 3,
}

/// The KSUID of the `number`th member of a series, made at `unix_seconds`.
pub(crate) fn ksuid(unix_seconds: u64, series: Series, seed: u64, number: u64) -> String {
    let start = mix(seed ^ mix((series as u64) << 56 ^ number));
    let (high, low) = (mix(start), mix(start.wrapping_add(1)));
    let seconds = unix_seconds.saturating_sub(KSUID_EPOCH) & 0xffff_ffff;
    base62([seconds, high >> 32, high & 0xffff_ffff, low >> 32, low & 0xffff_ffff])
}

/// A 160-bit number, as five 32-bit limbs, in base 62.
fn base62(mut limbs: [u64; 5]) -> String {
    let mut digits = [0_u8; KSUID_LENGTH];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0;
        for limb in &mut limbs {
            let value = rest << 32 | *limb;
            *limb = value / 62;
            rest = value % 62;
        }
        *digit = ALPHABET[rest as usize];
    }
    digits.into_iter().map(char::from).collect()
}

/// One step of `SplitMix64`: a bijection that scatters neighbouring numbers.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn known_bounds_of_a_ksuid() {
        assert_eq!(base62([0; 5]), "0".repeat(27));
        assert_eq!(base62([0xffff_ffff; 5]), "aWgEPTl1tmebfsQzFP4bxwgy80V");
    }

    #[test]
    fn ids_differ_and_follow_time() {
        let ids: HashSet<String> = (0..10_000).map(|n| ksuid(1_767_225_600, Series::User, 1, n)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == KSUID_LENGTH));
        assert!(ksuid(1_767_225_600, Series::User, 1, 0) < ksuid(1_767_225_700, Series::User, 1, 0));
    }
}
