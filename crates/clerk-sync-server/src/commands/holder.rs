//! How a process is called among those on the same database.

use super::chance;

/// A name that people recognise and no other process has: `serve on web-1, process 4711 (3f9a0c5e)`.
pub(crate) fn holder(command: &str) -> anyhow::Result<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(60).collect();
    let host = if host.is_empty() { "an unnamed host" } else { &host };
    let unique = u32::from_be_bytes(chance::bytes()?);
    Ok(format!("{command} on {host}, process {} ({unique:08x})", std::process::id()))
}
