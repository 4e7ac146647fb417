//! The cookies of a request.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use percent_encoding::percent_decode_str;

/// The first cookie of this name, percent-decoded; one that does not decode to text stays as it is.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get_all(COOKIE).iter().find_map(|header| {
        let text = String::from_utf8_lossy(header.as_bytes());
        let value = text.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })?;
        let decoded = percent_decode_str(&value).decode_utf8().map(Cow::into_owned);
        Some(decoded.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_first_of_a_name_wins_and_bytes_that_are_no_text_do_no_harm() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_bytes(b"\xff=1; a=%31; a=2;=;b").unwrap());
        headers.append(COOKIE, HeaderValue::from_static("c=%ff"));
        assert_eq!(cookie(&headers, "a").as_deref(), Some("1"));
        assert_eq!(cookie(&headers, "b"), None);
        assert_eq!(cookie(&headers, "c").as_deref(), Some("%ff"));
    }
}
