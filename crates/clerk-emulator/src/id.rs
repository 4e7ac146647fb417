//! Identifiers that look like Clerk's: a prefix and 27 characters that begin with the time.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Seconds between the Unix epoch and the one these identifiers count from.
const EPOCH_SECONDS: i64 = 1_400_000_000;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes identifiers, and whatever else must look random, from one seed.
#[derive(Debug)]
pub(crate) struct IdSource {
    rng: StdRng,
}

impl IdSource {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed) }
    }

    /// `prefix_` and 27 characters; identifiers made later sort later, to the second.
    pub(crate) fn make(&mut self, prefix: &str, now_ms: i64) -> String {
        let seconds = u32::try_from((now_ms / 1_000 - EPOCH_SECONDS).max(0)).unwrap_or(u32::MAX);
        let mut bytes = [0_u8; 20];
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        bytes[4..].copy_from_slice(&self.rng.random::<[u8; 16]>());
        format!("{prefix}_{}", base62(bytes))
    }

    /// 32 hexadecimal digits.
    pub(crate) fn hex(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    /// A number in 0..1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.rng.random::<f64>()
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.rng.random::<[u8; N]>()
    }
}

fn base62(bytes: [u8; 20]) -> String {
    let mut limbs = [0_u32; 5];
    for (limb, four) in limbs.iter_mut().zip(bytes.as_chunks().0) {
        *limb = u32::from_be_bytes(*four);
    }
    let mut digits = [b'0'; 27];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u64;
        for limb in &mut limbs {
            let value = (remainder << 32) | u64::from(*limb);
            *limb = (value / 62) as u32;
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_clerks_shape_and_sort_by_time() {
        let mut ids = IdSource::new(7);
        let early = ids.make("user", 1_767_225_601_000);
        let late = ids.make("user", 1_767_225_661_000);
        assert_eq!(early.len(), "user_".len() + 27);
        assert!(early.starts_with("user_"));
        assert!(early < late);
    }

    #[test]
    fn the_largest_number_fits() {
        assert_eq!(base62([0; 20]), "0".repeat(27));
        assert_eq!(base62([255; 20]), "aWgEPTl1tmebfsQzFP4bxwgy80V");
    }

    #[test]
    fn the_same_seed_makes_the_same_ids() {
        let make = |seed| IdSource::new(seed).make("org", 1_767_225_601_000);
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }
}
