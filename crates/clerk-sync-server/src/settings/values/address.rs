//! Where to listen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An IP address and a port; `localhost` is understood.
pub(in crate::settings) fn address(text: &str) -> Result<SocketAddr, String> {
    let parsed = match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| "must be an IP address and a port, such as 127.0.0.1:8787 or [::]:8787".to_owned())
}

/// The same, or `none`.
pub(in crate::settings) fn admin_address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "none" {
        return Ok(None);
    }
    address(text).map(Some).map_err(|message| format!("{message}, or `none`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        assert_eq!(address("127.0.0.1:8787").unwrap().to_string(), "127.0.0.1:8787");
        assert_eq!(address("localhost:1").unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(address("[::]:0").unwrap().to_string(), "[::]:0");
        for text in
            ["8787", ":8787", "127.0.0.1", "example.com:80", "localhost:x", "127.0.0.1:65536", "none", ""]
        {
            assert!(address(text).is_err(), "{text}");
        }
        assert_eq!(admin_address("none"), Ok(None));
        assert!(admin_address("off").unwrap_err().ends_with("or `none`"));
    }
}
