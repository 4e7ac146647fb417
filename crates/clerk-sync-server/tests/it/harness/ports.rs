//! Addresses for programs that have to be told where to listen.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// An address that is free, and given once. Below the ports that the system hands out by itself: one of these might be
/// somebody else's by the time that the program listens, and programs that share a port share its connections too.
pub(crate) fn free_address() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Two test runs on one machine begin at different places.
    let place = (std::process::id().wrapping_mul(89) % u32::from(COUNT)) as u16;
    loop {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (place + given) % COUNT));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
