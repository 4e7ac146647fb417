//! How a process is called among those on the same database.

use aws_lc_rs::rand;
use std::fmt::Write as _;

/// A name that people recognise and no other process has: `serve on web-1, process 4711 (3f9a0c)`.
pub(crate) fn holder(command: &str) -> anyhow::Result<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(60).collect();
    let host = if host.is_empty() { "an unnamed host" } else { &host };
    let mut bytes = [0; 4];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("this machine gives no random numbers"))?;
    let unique = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(format!("{command} on {host}, process {} ({unique})", std::process::id()))
}

/// Any number, to spread timers by.
pub(crate) fn seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("this machine gives no random numbers"))?;
    Ok(u64::from_be_bytes(bytes))
}
