//! Numbers and states in words.

use clerk_emulator::Delivery;
use clerk_sync::rule::Change;

/// A time span as people read it: `14 ms`, `1.24 s`, `3 min 4 s`.
pub(super) fn span(ms: i64) -> String {
    let seconds = ms as f64 / 1_000.0;
    match ms {
        ..=0 => "<1 ms".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{seconds:.2} s"),
        10_000..60_000 => format!("{seconds:.1} s"),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// A delay as it was asked for: `3 s`, `250 ms`.
pub(super) fn delay(ms: u64) -> String {
    if ms >= 1_000 && ms.is_multiple_of(1_000) { format!("{} s", ms / 1_000) } else { format!("{ms} ms") }
}

/// `1 user`, `2 users`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What became of a row.
pub(super) fn written(change: Change, flow: &str) -> String {
    format!("row {} by {}", change.name(), short_flow(flow))
}

/// A flow by its name in the feed, as people write it.
pub(super) fn short_flow(name: &str) -> String {
    name.replace('_', "-")
}

/// A flow by its name in the feed and its letter in the README.
pub(super) fn flow(name: &str) -> String {
    match name {
        "visit" => "visit (flow A or C)".to_owned(),
        "webhook" => "webhook (flow B)".to_owned(),
        "sync" => "sync (flow C)".to_owned(),
        "ensure" => "ensure (flow D)".to_owned(),
        "import" => "import (flow E)".to_owned(),
        "catch_up" => "catch-up (flow E)".to_owned(),
        "scrub" => "scrub (flow E)".to_owned(),
        other => other.to_owned(),
    }
}

/// Why an attempt to deliver failed.
pub(super) fn failure(delivery: &Delivery) -> String {
    match (delivery.last_status, &delivery.last_error) {
        (Some(status), _) => format!("answered {status}"),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let shown = [-5, 0, 1, 999, 1_240, 12_340, 184_000, 7_260_000].map(span);
        let expected = ["<1 ms", "<1 ms", "1 ms", "999 ms", "1.24 s", "12.3 s", "3 min 4 s", "2 h 1 min"];
        assert_eq!(shown, expected);
        assert_eq!([250, 3_000, 3_500].map(delay), ["250 ms", "3 s", "3500 ms"]);
    }
}
