//! Texts that several commands print.

use std::io::Write as _;

/// Prints a line of an answer. A reader that went away (`| head`) is no error.
pub(super) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A moment for people, in UTC to the second.
pub(super) fn moment(ms: i64) -> String {
    let Ok(moment) = time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)) else {
        return "?".to_owned();
    };
    let date = moment.date();
    let (hour, minute, second) = moment.to_hms();
    format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
}

/// How long ago, roughly.
pub(super) fn ago(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_plain() {
        assert_eq!(moment(1_767_312_000_555), "2026-01-02 00:00:00 UTC");
        assert_eq!(
            [ago(5_000), ago(600_000), ago(7_200_000), ago(400_000_000)],
            ["5 s ago", "10 min ago", "2 h ago", "4 days ago"]
        );
    }
}
