//! Bodies are read with a limit in size and time.

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use std::time::Duration;

/// A sender that takes longer for its body is not one of ours.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body that is too large is read and thrown away: a sender that is cut off while it still sends does
/// not get to read the answer.
const DISCARD_BYTES: usize = 32 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Larger than the limit.
    TooLarge,
    /// Not complete within 10 s.
    TooSlow,
    /// The connection broke.
    Broken,
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().lower();
    let result = if announced > limit as u64 {
        Err(BodyError::TooLarge)
    } else {
        let read = collect(&mut body, limit, usize::try_from(announced).unwrap_or_default());
        tokio::time::timeout(READ_TIMEOUT, read).await.unwrap_or(Err(BodyError::TooSlow))
    };
    if result == Err(BodyError::TooLarge) {
        // However it ends, the answer is the same.
        let _ = tokio::time::timeout(DISCARD_TIMEOUT, discard(&mut body)).await;
    }
    result
}

async fn collect(body: &mut Body, limit: usize, announced: usize) -> Result<Bytes, BodyError> {
    let mut whole: Option<Bytes> = None;
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let so_far = parts.len() + whole.as_ref().map_or(0, Bytes::len);
        if so_far + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        match whole.take() {
            // Most bodies come in one piece, which needs no copy.
            None if parts.is_empty() => whole = Some(data),
            first => {
                parts.reserve(announced.saturating_sub(parts.len()));
                parts.extend_from_slice(&first.unwrap_or_default());
                parts.extend_from_slice(&data);
            }
        }
    }
    Ok(whole.unwrap_or_else(|| parts.freeze()))
}

async fn discard(body: &mut Body) {
    let mut left = DISCARD_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures_util::stream;

    fn chunks(chunks: &'static [&'static [u8]]) -> Body {
        Body::from_stream(stream::iter(
            chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk))),
        ))
    }

    #[tokio::test]
    async fn a_body_is_read_whole_however_it_comes() {
        for body in [Body::from("abcdef"), chunks(&[b"abc", b"", b"d", b"ef"]), chunks(&[b"abcdef"])] {
            assert_eq!(read(body, 6).await, Ok(Bytes::from_static(b"abcdef")));
        }
        assert_eq!(read(Body::empty(), 6).await, Ok(Bytes::new()));
    }

    #[tokio::test]
    async fn one_byte_too_many_is_too_large() {
        for body in [Body::from("abcdefg"), chunks(&[b"abc", b"defg"]), chunks(&[b"abcdef", b"g"])] {
            assert_eq!(read(body, 6).await, Err(BodyError::TooLarge));
        }
    }

    #[tokio::test]
    async fn a_broken_connection_is_no_body() {
        let parts = stream::iter([Ok(Bytes::from_static(b"abc")), Err(std::io::Error::other("gone"))]);
        assert_eq!(read(Body::from_stream(parts), 6).await, Err(BodyError::Broken));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_too_slow() {
        let parts = stream::pending::<Result<Bytes, std::io::Error>>();
        assert_eq!(read(Body::from_stream(parts), 6).await, Err(BodyError::TooSlow));
    }
}
