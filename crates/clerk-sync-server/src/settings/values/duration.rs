//! Spans of time: `30s`, `10m`, `24h`, `180d`, and `off`.

use std::time::Duration;

const EXPECTED: &str = "must be a number with a unit (s, m, h, d), such as 30s, 10m, 24h or 180d, or `off`";

/// Ten years: longer is a mistake, and arithmetic with it must never overflow.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// `None` is `off`.
fn duration(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let wrong = || EXPECTED.to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number = text.trim_end_matches(unit);
    // One unit, and digits only: `parse` would take a plus sign.
    if number.len() + 1 != text.len() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let duration = number.checked_mul(seconds).map(Duration::from_secs);
    match duration {
        Some(duration) if duration <= LONGEST => Ok(Some(duration)),
        _ => Err("must not be longer than 3650d".to_owned()),
    }
}

/// A duration of at least `least`, or `off`; `why` says why, after a colon.
pub(in crate::settings) fn interval(
    text: &str,
    least: Duration,
    why: &str,
) -> Result<Option<Duration>, String> {
    match duration(text)? {
        Some(given) if given < least => Err(format!("must be at least {}{why}", write_duration(Some(least)))),
        given => Ok(given),
    }
}

/// The shortest text that reads back as the same duration.
pub(in crate::settings) fn write_duration(duration: Option<Duration>) -> String {
    let Some(duration) = duration else { return "off".to_owned() };
    let seconds = duration.as_secs();
    for (unit, length) in [('d', 86_400), ('h', 3_600), ('m', 60)] {
        if seconds > 0 && seconds % length == 0 {
            // A day reads better as 24h than as 1d.
            if unit != 'd' || seconds / length > 1 {
                return format!("{}{unit}", seconds / length);
            }
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, seconds) in
            [("30s", 30), ("10m", 600), ("24h", 86_400), ("180d", 15_552_000), ("0s", 0), ("90s", 90)]
        {
            let read = duration(text).unwrap();
            assert_eq!(read, Some(Duration::from_secs(seconds)), "{text}");
            assert_eq!(write_duration(read), text);
        }
        assert_eq!(duration("off"), Ok(None));
        assert_eq!(write_duration(None), "off");
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "s", "30", "30 s", "1h30m", "30ss", "-1s", "+1s", "1.5h", "500ms", "1w", "Off", "٣s"]
        {
            assert!(duration(text).unwrap_err().starts_with("must be a number with a unit"), "{text}");
        }
        for text in ["3651d", "18446744073709551615d"] {
            assert_eq!(duration(text).unwrap_err(), "must not be longer than 3650d", "{text}");
        }
    }

    #[test]
    fn knows_the_least() {
        let least = Duration::from_secs(90 * 86_400);
        assert_eq!(interval("89d", least, ": why").unwrap_err(), "must be at least 90d: why");
        assert_eq!(interval("90d", least, ""), Ok(Some(least)));
        assert_eq!(interval("off", least, ""), Ok(None));
    }
}
