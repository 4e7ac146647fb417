//! How much is too much.

use clerk_sync::reconcile::MaxDeletes;

/// `25`, `2%` or `max(10, 1%)`.
pub(in crate::settings) fn max_deletes(text: &str) -> Result<MaxDeletes, String> {
    let wrong = || "must be a number, a share of all users such as 1%, or both as max(10, 1%)".to_owned();
    let inner = text.strip_prefix("max(").and_then(|rest| rest.strip_suffix(')'));
    let (count, percent) = match (inner.and_then(|inner| inner.split_once(',')), text.strip_suffix('%')) {
        (Some((count, percent)), _) => (count.trim(), percent.trim().strip_suffix('%').ok_or_else(wrong)?),
        (None, Some(percent)) => ("0", percent),
        (None, None) => (text, "0"),
    };
    let number = |text: &str| match text.parse::<u64>() {
        Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(wrong()),
    };
    let limit = MaxDeletes { count: number(count)?, percent: number(percent)? };
    if limit.percent > 100 {
        return Err("must not be more than 100%".to_owned());
    }
    Ok(limit)
}

/// Requests within ten seconds.
pub(in crate::settings) fn requests(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count @ 1..=100_000) => Ok(count),
        _ => Err("must be a number of requests from 1 to 100000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_limits() {
        for (text, users, allowed) in [
            ("0", 1_000, 0),
            ("25", 1_000_000, 25),
            ("1%", 250, 3),
            ("1%", 0, 0),
            ("100%", u64::MAX, u64::MAX),
            ("max(10, 1%)", 250, 10),
            ("max(10,1%)", 1_001, 11),
        ] {
            assert_eq!(max_deletes(text).unwrap().for_users(users), allowed, "{text}");
        }
        for text in ["25", "1%", "max(10, 1%)", "0"] {
            assert_eq!(max_deletes(text).unwrap().to_string(), text);
        }
        for text in ["", "-1", "+1", "1.5%", "%", "max(10)", "max(1%, 10)", "max(10, 1)", "many"] {
            assert!(max_deletes(text).unwrap_err().starts_with("must be a number"), "{text}");
        }
        assert_eq!(max_deletes("101%").unwrap_err(), "must not be more than 100%");
    }

    #[test]
    fn reads_rates() {
        assert_eq!(requests("100"), Ok(100));
        for text in ["0", "-1", "100001", "x", ""] {
            assert!(requests(text).is_err(), "{text}");
        }
    }
}
