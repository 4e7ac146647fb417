//! Long work, watched: a bar on a terminal, a line now and then elsewhere.

use clerk_auth::clock::Clock;
use clerk_sync::reconcile::Tally;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{collections::VecDeque, io::IsTerminal as _, sync::Arc, time::Duration};

const REDRAW_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The span that rates are taken over: that of Clerk's limit.
const SPAN: Duration = Duration::from_secs(10);

/// Runs `work` to its end while telling how far `tally` is. `limit`: Clerk's, in requests within 10 s.
pub(super) async fn watched<T>(
    what: &'static str,
    tally: &Arc<Tally>,
    limit: u32,
    clock: &dyn Clock,
    work: impl Future<Output = T>,
) -> T {
    let mut meter = Meter::new(what, limit, clock);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            result = &mut work => {
                meter.end();
                return result;
            }
            () = clock.sleep(REDRAW_EVERY) => meter.look(tally, clock.monotonic()),
        }
    }
}

struct Meter {
    what: &'static str,
    limit: u32,
    /// When, users seen, calls made.
    looks: VecDeque<(Duration, i64, u64)>,
    bar: Option<ProgressBar>,
    next_line: Duration,
}

impl Meter {
    fn new(what: &'static str, limit: u32, clock: &dyn Clock) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // A template of ours: it is either right or not, whatever the data.
            if let Ok(style) = ProgressStyle::with_template("{prefix} [{wide_bar}] {pos}/{len} users, {msg}")
            {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(what);
            bar
        });
        let next_line = clock.monotonic() + LINE_EVERY;
        Self { what, limit, looks: VecDeque::new(), bar, next_line }
    }

    fn look(&mut self, tally: &Tally, now: Duration) {
        let (seen, expected, calls) = (tally.seen(), tally.expected(), tally.calls());
        self.looks.push_back((now, seen, calls));
        while self.looks.front().is_some_and(|(at, ..)| *at + SPAN < now) {
            self.looks.pop_front();
        }
        let rates = self.looks.front().filter(|(at, ..)| *at < now).map(|(at, before, calls_before)| {
            let seconds = (now - *at).as_secs_f64();
            ((seen - before) as f64 / seconds, (calls - calls_before) as f64 / seconds * SPAN.as_secs_f64())
        });
        let (users_per_s, calls_per_span) = rates.unwrap_or_default();
        let text = describe(users_per_s, expected - seen, calls_per_span, self.limit);
        if let Some(bar) = &self.bar {
            bar.set_length(expected.max(seen).max(0).unsigned_abs());
            bar.set_position(seen.max(0).unsigned_abs());
            bar.set_message(text);
        } else if now >= self.next_line {
            self.next_line = now + LINE_EVERY;
            eprintln!("{}: {seen} of {expected} users, {text}", self.what);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(users_per_s: f64, left: i64, calls_per_span: f64, limit: u32) -> String {
    let share = (calls_per_span / f64::from(limit.max(1)) * 100.0).round();
    let eta = if users_per_s >= 1.0 && left > 0 {
        format!(", {} left", span((left as f64 / users_per_s).ceil()))
    } else {
        String::new()
    };
    format!("{users_per_s:.0}/s{eta}, {share:.0} % of the rate limit")
}

fn span(seconds: f64) -> String {
    match seconds as u64 {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_what_is_left_are_short() {
        assert_eq!(describe(25_000.0, 500_000, 500.0, 1_000), "25000/s, 20 s left, 50 % of the rate limit");
        assert_eq!(describe(100.0, 60_000, 99.6, 100), "100/s, 10 min left, 100 % of the rate limit");
        assert_eq!(describe(0.0, 60_000, 0.0, 100), "0/s, 0 % of the rate limit");
        assert_eq!(span(7_200.0), "2 h");
    }
}
