//! What kind of world a seed makes.

use crate::reconcile::{
    MaxDeletes,
    sizes::Sizes,
    testing::{
        clerk::{Manners, Troubles, Vanished},
        dice::Dice,
        store::Outages,
    },
};
use std::time::Duration;

/// A bug that a test plants, to see that the simulation finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// The pages of a catch-up have nothing in common.
    NoOverlap,
    /// A page by time begins behind the place, and not a little before it.
    NoReachBack,
    /// A walk's cursor is written before its page.
    CursorFirst,
    /// A catch-up does not look below the last one's `Date`.
    NoLag,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) bug: Option<Bug>,
    pub(super) processes: usize,
    /// Users before it begins.
    pub(super) users: u64,
    pub(super) sizes: Sizes,
    pub(super) manners: Manners,
    pub(super) catch_up_every: Duration,
    /// `None`: import and catch-up are on their own, and no deletion is lost.
    pub(super) scrub_every: Option<Duration>,
    pub(super) max_deletes: MaxDeletes,
    /// Clerk's limit, calls in ten seconds.
    pub(super) limit: u32,
    /// Whether the processes share it; otherwise it is not looked at.
    pub(super) shares: bool,
    /// In a thousand webhooks, how many never come.
    pub(super) lost: u64,
    /// How late they come, ms at most.
    pub(super) late_ms: i64,
    pub(super) clerk: Troubles,
    pub(super) database: Outages,
    /// Whether people write to the table.
    pub(super) hands: bool,
    /// Whether processes are killed.
    pub(super) kills: bool,
    /// Whether no process runs for a while, and much happens when they are back.
    pub(super) night: bool,
    pub(super) steps: u64,
    /// The longest pause between two things that happen, ms.
    pub(super) gap_ms: i64,
}

impl Plan {
    pub(super) fn of(seed: u64, bug: Option<Bug>) -> Self {
        let mut dice = Dice::new(seed);
        let dice = &mut dice;
        let page = dice.between(3, 12) as u16;
        let sizes = Sizes {
            page,
            overlap: dice.between(1, i64::from(page) - 1).min(3) as usize,
            new_pages: dice.between(1, 6) as u32,
            at_once: dice.between(2, 20) as u32,
            suspects: dice.between(1, 5) as usize,
            window: dice.between(1, 10) as u32,
            ..Sizes::default()
        };
        let sizes = match bug {
            Some(Bug::NoOverlap) => Sizes { overlap: 0, ..sizes },
            Some(Bug::NoReachBack) => Sizes { reach_back_ms: 0, ..sizes },
            Some(Bug::NoLag) => Sizes { lag_ms: 0, ..sizes },
            _ => sizes,
        };
        let hands = dice.chance(300);
        let calm = dice.chance(300);
        let clerk = Troubles {
            down: false,
            no_cursors: false,
            fails: if calm { 0 } else { *dice.pick(&[0, 20, 100]) },
            cuts: if calm { 0 } else { *dice.pick(&[0, 0, 30, 100]) },
            repeats: if calm { 0 } else { *dice.pick(&[0, 0, 30]) },
            lag_ms: *dice.pick(&[0, 0, 3_000, 240_000]),
            latency_ms: *dice.pick(&[0, 100, 2_000]),
        };
        let database = Outages {
            down: false,
            fails: if calm { 0 } else { *dice.pick(&[0, 5, 50]) },
            loses_answers: if calm { 0 } else { *dice.pick(&[0, 5, 50]) },
            slow_ms: *dice.pick(&[0, 1_000, 14_000]),
        };
        let plan = Self {
            seed,
            bug,
            processes: *dice.pick(&[1, 1, 2, 3]),
            users: dice.below(35),
            sizes,
            manners: Manners {
                vanished: *dice.pick(&[Vanished::IsRefused, Vanished::LeadsNowhere, Vanished::IsIgnored]),
                inclusive: dice.chance(500),
                falling: dice.chance(500),
            },
            catch_up_every: Duration::from_secs(*dice.pick(&[20, 60, 180])),
            scrub_every: Some(Duration::from_secs(if hands { 600 } else { *dice.pick(&[300, 600, 86_400]) })),
            max_deletes: MaxDeletes { count: *dice.pick(&[1_000, 1_000, 3]), percent: 0 },
            limit: *dice.pick(&[20, 60, 1_000]),
            shares: dice.chance(250),
            lost: *dice.pick(&[0, 300, 1_000]),
            late_ms: *dice.pick(&[500, 20_000, 90_000]),
            clerk,
            database,
            hands,
            kills: !calm,
            night: false,
            steps: dice.between(10, 50) as u64,
            gap_ms: *dice.pick(&[2_000, 10_000, 30_000]),
        };
        // A planted bug is looked for where a scrub does not mend what it breaks.
        match bug {
            None if dice.chance(600) => plan,
            None => {
                let (busy, night) = (dice.chance(500), dice.chance(500));
                plan.without_scrub(busy, night)
            }
            Some(bug) => plan.without_scrub(true, bug == Bug::NoOverlap),
        }
    }

    /// What a scrub would mend must not happen at all: that Clerk's lists are wrong, hands, lost deletions.
    fn without_scrub(self, busy: bool, night: bool) -> Self {
        let clerk = Troubles { cuts: 0, repeats: 0, ..self.clerk };
        let plan = Self { scrub_every: None, hands: false, clerk, ..self };
        if !busy {
            return plan;
        }
        // Much happens while the import walks.
        let clerk = Troubles { latency_ms: 2_000, ..clerk };
        let sizes = Sizes { page: 4, overlap: plan.sizes.overlap.min(2), ..plan.sizes };
        if night {
            let sizes = Sizes { new_pages: 20, ..sizes };
            return Self { users: 30, night: true, lost: 1_000, steps: 4, sizes, clerk, ..plan };
        }
        Self { users: 35, gap_ms: 900, lost: 1_000, steps: 60, sizes, clerk, ..plan }
    }

    /// How long it may take until the table equals Clerk, once Clerk is quiet, reachable, and shows everything.
    pub(super) fn promised(&self) -> Duration {
        let longest_backoff = Duration::from_secs(300);
        let jitter = 11; // tenths
        // A killed leader is replaced, or a living one has waited out its trouble.
        let leads = super::super::LEASE + Duration::from_secs(4) + longest_backoff * jitter / 10;
        // Pages of one walk, each at its slowest; an import that was due comes first.
        let pages = (self.users + self.steps) as u32 / u32::from(self.sizes.page) + 4;
        // A timer has half of its process's share, and a share that was lost is free again after a while.
        let (pace, share) = match self.shares {
            true => (Duration::from_secs(20) * 4 / self.limit, Duration::from_secs(45)),
            false => (Duration::ZERO, Duration::ZERO),
        };
        let page = (Duration::from_millis(self.clerk.latency_ms.unsigned_abs()) + pace) * 3;
        let walk = page * pages;
        let writes = self.catch_up_every * jitter / 10 + walk;
        let Some(scrub_every) = self.scrub_every else { return share + leads + walk * 3 + writes * 2 };
        let counts = Duration::from_secs(2 * 60) + page * 2;
        let young = Duration::from_secs(62) + page;
        // A scrub that Clerk's list misled is made again; one behind whose back things happened once more.
        let misled = Duration::from_secs(600).min(scrub_every) * jitter / 10;
        let deletions = (counts + walk * 2 + young) * 2 + misled;
        let hands = if self.hands { scrub_every * jitter / 10 + scrub_every / 4 } else { Duration::ZERO };
        share + leads + walk + writes + deletions + hands
    }
}
