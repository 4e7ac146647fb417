//! What to do next, and when. Pure.

use super::record::Overview;
use std::time::Duration;

/// A scheduled scrub takes at most this part of the time between two of them.
const SPREAD: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Catch-ups that come so often bring the count along.
const FREQUENT: Duration = Duration::from_secs(120);
/// After a list that could not be relied on.
const TRY_AGAIN: Duration = Duration::from_secs(600);
/// The same where scrubs are off, and only another mapping asks for one.
const REMAP_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Import,
    CatchUp,
    Count,
    ScrubStep,
}

/// Everything that the decision depends on. Times in Unix ms by our clock.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    pub(super) now_ms: i64,
    pub(super) overview: &'a Overview,
    /// Whether an import may begin by itself.
    pub(super) imports: bool,
    /// How long between two catch-ups, with jitter; `None` for never.
    pub(super) catch_up_every: Option<Duration>,
    pub(super) scrub_every: Option<Duration>,
    /// How long until Clerk's count may be read again.
    pub(super) count_in: Duration,
    /// Whether it has disagreed with ours twice.
    pub(super) disagrees: bool,
    /// Names the mapping of this process.
    pub(super) fingerprint: i64,
    /// When the scrub on its way made its last step, in this process.
    pub(super) stepped_at: Option<i64>,
    /// Whether the scrub on its way is in a hurry.
    pub(super) hurried: bool,
    /// What has just failed: the others have their turn before it is tried again.
    pub(super) skips: Option<Task>,
}

/// The next thing to do, and how long to wait before it. `None`: nothing, until something else happens.
pub(super) fn next(view: &View<'_>) -> Option<(Task, Duration)> {
    let Overview { import, catch_up, .. } = view.overview;
    let imported = view.overview.is_imported();
    if (view.imports && !imported) || (imported && catch_up.needs_import) {
        return Some((Task::Import, Duration::ZERO));
    }
    if !imported {
        return None;
    }
    let now = view.now_ms;
    let catch_up = view.catch_up_every.map(|every| {
        let last = catch_up.completed_at.or(import.completed_at);
        (Task::CatchUp, after(now, last, every))
    });
    // Another mapping needs one, also where they are off.
    let scrub_every = view.scrub_every.or_else(|| is_remapped(view).then_some(REMAP_AGAIN));
    let scrub = scrub_every.map(|every| (Task::ScrubStep, scrub_wait(view, every)));
    // Also while a scrub takes its time: what happens behind its back must not wait for its end. Where there are
    // frequent catch-ups it is read right after one: who came since the last one would make it differ.
    let count = view.scrub_every.filter(|_| view.catch_up_every.is_none_or(|every| every > FREQUENT));
    let count = count.map(|_| (Task::Count, view.count_in));
    // Of what is due at the same time, the first: what is fresh is worth more than what is complete.
    let due = [catch_up, count, scrub].into_iter().flatten();
    due.filter(|(task, _)| Some(*task) != view.skips).min_by_key(|(_, wait)| *wait)
}

/// How long until `pause` has passed since `at`.
fn after(now: i64, at: Option<i64>, pause: Duration) -> Duration {
    // Of a moment that lies ahead nothing is known: this clock was set back, or that of another process goes before it.
    // What waited for it would never be due, for it would be looked at again and again.
    let Some(at) = at.filter(|at| *at <= now) else { return Duration::ZERO };
    Duration::from_millis((at + pause.as_millis() as i64 - now).max(0).unsigned_abs())
}

fn is_scrubbing(view: &View<'_>) -> bool {
    view.overview.scrubbing
}

fn scrub_wait(view: &View<'_>, every: Duration) -> Duration {
    let Overview { import, scrub, .. } = view.overview;
    let now = view.now_ms;
    if is_scrubbing(view) {
        let Some(stepped_at) = view.stepped_at.filter(|_| !view.hurried && !is_hurried(view)) else {
            return Duration::ZERO;
        };
        let pages = u32::try_from(scrub.seen.max(import.seen) / 500 + 1).unwrap_or(u32::MAX);
        return after(now, Some(stepped_at), (every / SPREAD / pages).min(LONGEST_PAUSE));
    }
    if let Some(at) = scrub.incomplete_at {
        let again = if view.scrub_every.is_some() { TRY_AGAIN.min(every) } else { every };
        return after(now, Some(at), again);
    }
    if is_hurried(view) {
        return Duration::ZERO;
    }
    let ended = [scrub.completed_at, import.completed_at].into_iter().flatten();
    after(now, ended.filter(|at| *at <= now).max(), every)
}

/// Whether a scrub that begins now should not take its time.
pub(super) fn is_hurried(view: &View<'_>) -> bool {
    let Overview { import, scrub, .. } = view.overview;
    let left_over = import.difference.is_some_and(|difference| difference != 0)
        && scrub.since_import != import.completed_at;
    view.disagrees || left_over || is_remapped(view)
}

/// Whether the mapping has changed since everything was last written or compared: rows of before lack what is new.
pub(super) fn is_remapped(view: &View<'_>) -> bool {
    let Overview { import, scrub, .. } = view.overview;
    let compared_since = scrub.completed_at.is_some() && scrub.since_import == import.completed_at;
    let last = if compared_since { scrub.fingerprint } else { import.fingerprint };
    last.is_some_and(|last| last != view.fingerprint)
}

#[cfg(test)]
mod tests;
