//! As much HTTP/1.1 as sending to a known receiver needs: one request at a time, answers with a stated length.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use url::Url;

/// An answer longer than this is refused; receivers of webhooks have little to say.
const BUFFER: usize = 16 * 1024;

/// Where requests go, resolved once.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Target {
    pub(crate) async fn resolve(url: &Url) -> Result<Self> {
        ensure!(url.scheme() == "http", "--url must be plain http");
        let host = url.host_str().context("--url has no host")?;
        let port = url.port().unwrap_or(80);
        let address =
            lookup_host((host, port)).await?.next().with_context(|| format!("{host} has no address"))?;
        Ok(Self { address, authority: format!("{host}:{port}"), path: url.path().to_owned() })
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

/// An answer: its status, and whether the receiver keeps the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) keep: bool,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER].into_boxed_slice() })
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await.context("sending")?;
        let mut filled = 0;
        loop {
            ensure!(filled < self.buffer.len(), "the answer is too long");
            let read = self.stream.read(&mut self.buffer[filled..]).await.context("receiving")?;
            ensure!(read > 0, "closed before the answer ended");
            filled += read;
            if let Some((answer, length)) = parse(&self.buffer[..filled])? {
                ensure!(filled <= length, "more was sent than asked for");
                if filled == length {
                    return Ok(answer);
                }
            }
        }
    }
}

/// The answer and its whole length, once its head is complete.
fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>> {
    let Some(head) = head_length(bytes) else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head]).context("the head is not text")?;
    let mut lines = text.split("\r\n");
    let status: u16 = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .context("not an HTTP/1.1 answer")?;
    let mut answer = Answer { status, keep: true };
    let mut length = matches!(status, 204 | 304).then_some(0);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse::<usize>().context("content-length")?);
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            answer.keep = false;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("an answer without a stated length (transfer-encoding: {value})");
        }
    }
    let length = length.context("an answer without a stated length")?;
    Ok(Some((answer, head + length)))
}

/// The length of a message's head with its empty line, once that has arrived.
pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|start| start + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(ok).unwrap(), Some((Answer { status: 200, keep: true }, ok.len())));
        let closing = b"HTTP/1.1 503 Nope\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(parse(closing).unwrap(), Some((Answer { status: 503, keep: false }, closing.len())));
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(parse(empty).unwrap(), Some((Answer { status: 204, keep: true }, empty.len())));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-").unwrap(), None);
        assert!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
    }
}
