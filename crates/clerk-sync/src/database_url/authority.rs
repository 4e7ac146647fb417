//! `user:password@host:port`, and the decoding that every part of a URL shares.

use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use super::error::{DatabaseUrlError, Part};

/// The part of the URL between `//` and the path, decoded.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    /// A name, an address without brackets, or an absolute path (a socket's directory).
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
}

/// Takes `text` apart; it contains at most one `@`.
pub(super) fn parse(text: &str) -> Result<Authority, DatabaseUrlError> {
    let (userinfo, host) = match text.split_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, text),
    };
    let (user, password) = match userinfo.map(|info| info.split_once(':').unwrap_or((info, ""))) {
        Some((user, password)) => (non_empty(decode(user, Part::User)?), decode_password(password)?),
        None => (None, None),
    };
    let (host, port) = split_port(host)?;
    Ok(Authority {
        user,
        password,
        host: host.map(parse_host).transpose()?,
        port: port.map(parse_port).transpose()?,
    })
}

/// Splits `host:port`; an empty part counts as missing.
fn split_port(text: &str) -> Result<(Option<&str>, Option<&str>), DatabaseUrlError> {
    if text.contains(',') {
        return Err(DatabaseUrlError::SeveralHosts);
    }
    let colon = match text.rfind(']') {
        Some(bracket) => match &text[bracket + 1..] {
            "" => None,
            rest if rest.starts_with(':') => Some(bracket + 1),
            _ => return Err(DatabaseUrlError::Host),
        },
        None if text.matches(':').count() > 1 => return Err(DatabaseUrlError::Host),
        None => text.find(':'),
    };
    let (host, port) = match colon {
        Some(colon) => (&text[..colon], &text[colon + 1..]),
        None => (text, ""),
    };
    Ok(((!host.is_empty()).then_some(host), (!port.is_empty()).then_some(port)))
}

/// A host name, an IP address (without the brackets) or the absolute path of a socket's directory.
pub(super) fn parse_host(text: &str) -> Result<String, DatabaseUrlError> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| DatabaseUrlError::Host)?;
        return Ok(address.to_string());
    }
    let host = decode(text, Part::Host)?;
    if host.starts_with('/') {
        return Ok(host);
    }
    // Underscores are no part of a host name, but Docker Compose makes names of services that have them.
    let plausible = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if host.is_empty() || host.len() > 253 || !host.chars().all(plausible) || host.starts_with(['-', '.']) {
        return Err(DatabaseUrlError::Host);
    }
    Ok(host)
}

/// A port from 1 to 65535.
pub(super) fn parse_port(text: &str) -> Result<u16, DatabaseUrlError> {
    match text.parse() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(DatabaseUrlError::Port),
    }
}

/// Undoes percent-encoding, strictly: a stray `%` is more likely a forgotten encoding than a percent sign.
pub(super) fn decode(text: &str, part: Part) -> Result<String, DatabaseUrlError> {
    let decoded = decode_any(text, part)?;
    if decoded.chars().any(char::is_control) {
        return Err(DatabaseUrlError::HiddenControlCharacter { part });
    }
    Ok(decoded)
}

/// A password may hold anything but NUL, which ends a string in PostgreSQL's protocol.
fn decode_password(text: &str) -> Result<Option<SecretString>, DatabaseUrlError> {
    let decoded = decode_any(text, Part::Password)?;
    if decoded.contains('\0') {
        return Err(DatabaseUrlError::HiddenControlCharacter { part: Part::Password });
    }
    Ok(non_empty(decoded).map(SecretString::from))
}

fn decode_any(text: &str, part: Part) -> Result<String, DatabaseUrlError> {
    let wrong = DatabaseUrlError::PercentEncoding { part };
    let well_formed = text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        let mut is_digit = || digits.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_digit() && is_digit()
    });
    if !well_formed {
        return Err(wrong);
    }
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| wrong)
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
