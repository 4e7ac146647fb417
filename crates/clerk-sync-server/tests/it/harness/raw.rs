//! HTTP by hand, for requests that no client would send.

use super::{PATIENCE, Signed};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

pub(crate) struct Connection {
    stream: TcpStream,
}

/// The head of a webhook's request, without the empty line behind it.
pub(crate) fn head(signed: &Signed, more: &str) -> String {
    let mut head =
        "POST /clerk/webhooks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n".to_owned();
    for (name, value) in &signed.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + more
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// Sends bytes; a receiver that has hung up is no failure, its answer counts.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("the receiver reads");
    }

    /// What came until `enough`, or until the end.
    pub(crate) async fn receive_until(&mut self, enough: impl Fn(&str) -> bool) -> String {
        let mut received = Vec::new();
        let read = async {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count) = self.stream.read(&mut buffer).await {
                received.extend_from_slice(&buffer[..count]);
                if count == 0 || enough(&String::from_utf8_lossy(&received)) {
                    return;
                }
            }
        };
        timeout(PATIENCE, read).await.expect("an answer, or an end");
        String::from_utf8_lossy(&received).into_owned()
    }

    /// Everything until the other side hangs up, and how long that took.
    pub(crate) async fn receive_all(&mut self) -> (String, Duration) {
        use clerk_auth::clock::{Clock as _, SystemClock};
        let clock = SystemClock::new();
        let started = clock.monotonic();
        let text = self.receive_until(|_| false).await;
        (text, clock.monotonic() - started)
    }
}
