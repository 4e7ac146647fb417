//! What a request's `Host` header names, its port apart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The host of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    /// An address, as in `127.0.0.1:8788` and `[::1]`.
    Address(IpAddr),
    /// A name, as it was sent.
    Name(&'a str),
}

impl<'a> Host<'a> {
    /// `None` for what is neither: nothing at all, half a bracket, a port that is no number.
    pub(crate) fn parse(header: &'a str) -> Option<Self> {
        let (host, port) = match header.strip_prefix('[') {
            Some(literal) => {
                let (address, port) = literal.split_once(']')?;
                (Self::Address(address.parse::<Ipv6Addr>().ok()?.into()), port)
            }
            None => {
                let (name, port) = header.split_at(header.find(':').unwrap_or(header.len()));
                let address = name.parse::<Ipv4Addr>();
                (address.map_or(Self::Name(name), |address| Self::Address(address.into())), port)
            }
        };
        (host != Self::Name("") && is_port(port)).then_some(host)
    }
}

/// Nothing, or a colon and digits. RFC 9110 lets the digits be missing.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("127.0.0.1", "127.0.0.1")]
    #[case("127.0.0.1:8788", "127.0.0.1")]
    #[case("127.0.0.1:", "127.0.0.1")]
    #[case("[::1]", "::1")]
    #[case("[::1]:8788", "::1")]
    #[case("[2001:DB8::7]:1", "2001:db8::7")]
    fn addresses_are_read(#[case] header: &str, #[case] address: &str) {
        let address = address.parse().expect("an address");
        assert_eq!(Host::parse(header), Some(Host::Address(address)));
    }

    #[rstest]
    #[case("localhost", "localhost")]
    #[case("LocalHost:3000", "LocalHost")]
    #[case("app.localhost.:80", "app.localhost.")]
    #[case("127.0.0.1.evil.example", "127.0.0.1.evil.example")]
    #[case("127.1", "127.1")]
    #[case("127.0.0.1]", "127.0.0.1]")]
    fn everything_else_before_a_port_is_a_name(#[case] header: &str, #[case] name: &str) {
        assert_eq!(Host::parse(header), Some(Host::Name(name)));
    }

    #[rstest]
    #[case("")]
    #[case(":80")]
    #[case("::1")]
    #[case("[::1")]
    #[case("[]:80")]
    #[case("[127.0.0.1]")]
    #[case("[localhost]")]
    #[case("[[::1]]")]
    #[case("[::1]8788")]
    #[case("[::1]x:80")]
    #[case("localhost:http")]
    #[case("localhost:80:80")]
    #[case("localhost:-1")]
    #[case("localhost:80 ")]
    #[case("evil.example:80@localhost")]
    fn junk_names_nothing(#[case] header: &str) {
        assert_eq!(Host::parse(header), None);
    }
}
