//! Peers that are believed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::items;

/// A network, or a single address as the smallest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address belongs to the network. An IPv4 address inside an IPv6 one counts as the former.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let distance = 32_u32.saturating_sub(u32::from(self.prefix));
                (network.to_bits() ^ address.to_bits()).checked_shr(distance).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let distance = 128_u32.saturating_sub(u32::from(self.prefix));
                (network.to_bits() ^ address.to_bits()).checked_shr(distance).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

/// The peers whose `X-Forwarded-*` headers count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Whether a peer is one of them.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(peer))
    }

    /// The networks.
    #[must_use]
    pub fn networks(&self) -> &[Network] {
        &self.0
    }
}

const LOOPBACK: [Network; 2] = [
    Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
    Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
];

/// Addresses, networks and `loopback`; or `none`.
pub(in crate::settings) fn trusted_proxies(text: &str) -> Result<TrustedProxies, String> {
    let mut networks = Vec::new();
    if text == "none" {
        return Ok(TrustedProxies(networks));
    }
    for item in items(text) {
        if item == "loopback" {
            networks.extend(LOOPBACK);
        } else {
            networks.push(network(item)?);
        }
    }
    if networks.is_empty() { Err(EXPECTED.to_owned()) } else { Ok(TrustedProxies(networks)) }
}

const EXPECTED: &str = "must be IP addresses, networks such as 10.0.0.0/8 and the word `loopback`, separated by commas; or `none`";

fn network(text: &str) -> Result<Network, String> {
    let wrong = || EXPECTED.to_owned();
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= longest).ok_or_else(wrong)?,
        None => longest,
    };
    let network = Network { address, prefix };
    if !host_bits_are_zero(network) {
        // `10.1.2.3/8` is as likely a mistyped /32 as a /8: trusting sixteen million peers by accident is too much.
        return Err(format!("must name a network by its first address, which {text} does not"));
    }
    Ok(network)
}

fn host_bits_are_zero(network: Network) -> bool {
    let prefix = u32::from(network.prefix);
    match network.address {
        IpAddr::V4(address) => address.to_bits().checked_shl(prefix).unwrap_or(0) == 0,
        IpAddr::V6(address) => address.to_bits().checked_shl(prefix).unwrap_or(0) == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(setting: &str, peer: &str) -> bool {
        trusted_proxies(setting).unwrap().contains(peer.parse().unwrap())
    }

    #[test]
    fn knows_its_members() {
        for (setting, peer, expected) in [
            ("loopback", "127.0.0.1", true),
            ("loopback", "127.9.9.9", true),
            ("loopback", "::1", true),
            ("loopback", "::ffff:127.0.0.1", true),
            ("loopback", "10.0.0.1", false),
            ("none", "127.0.0.1", false),
            ("10.0.0.0/8, loopback", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "127.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            assert_eq!(trusts(setting, peer), expected, "{setting} {peer}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "proxy.example",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0/-1",
            "loopback none",
            ",",
        ] {
            assert!(trusted_proxies(text).unwrap_err().starts_with("must be IP addresses"), "{text}");
        }
        for text in ["10.1.2.3/8", "2001:db8::1/32", "1.0.0.0/0"] {
            assert!(trusted_proxies(text).unwrap_err().contains("by its first address"), "{text}");
        }
    }
}
