//! A receiver that answers 200 and does nothing: the generator's own ceiling.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::http::head_length;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const BUFFER: usize = 16 * 1024;

pub(crate) async fn serve(listen: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            if let Err(error) = answer(stream).await {
                eprintln!("{error:#}");
            }
        });
    }
}

async fn answer(mut stream: TcpStream) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if request_length(&buffer[..filled])?.is_some_and(|length| length == filled) {
            stream.write_all(ANSWER).await?;
            filled = 0;
        }
        ensure!(filled < buffer.len(), "the request is too long");
    }
}

/// The whole length of a request, once its head is complete.
fn request_length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(head) = head_length(bytes) else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head]).context("the head is not text")?;
    let length = text
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>())
        .context("content-length")?;
    Ok(Some(head + length))
}
