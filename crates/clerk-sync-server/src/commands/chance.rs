//! Random numbers, from the machine.

use aws_lc_rs::rand;

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("this machine gives no random numbers"))?;
    Ok(bytes)
}

/// Any number.
pub(crate) fn number() -> anyhow::Result<u64> {
    Ok(u64::from_be_bytes(bytes()?))
}
