//! Which events are sent, in which order, and what each user must look like afterwards.

use std::ops::Range;

use crate::options::{Mode, SendOptions};

/// Users that the updates of `--mode updated` go round over: many more than connections, so that no two
/// updates of one user are ever under way together and receivers without ordering are judged fairly too.
const UPDATED_USERS: u32 = 20_000;
/// How many users lie between a user's creation and its update in `--mode mixed`, for the same reason.
const MIXED_DISTANCE: u32 = 2_000;

/// One event: the state of a user after `version` changes; version 0 is `user.created`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) user: u32,
    pub(crate) version: u32,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) events: Vec<Event>,
    warmup: usize,
    pub(crate) users: u32,
}

impl Plan {
    pub(crate) fn new(options: &SendOptions) -> Self {
        Self::of(options.mode, options.warmup, options.events)
    }

    fn of(mode: Mode, warmup: u32, events: u32) -> Self {
        let warmup = if mode == Mode::Updated { UPDATED_USERS.min(events).max(1) } else { warmup };
        let created = (0..warmup).map(|user| Event { user, version: 0 });
        let (measured, users): (Vec<Event>, u32) = match mode {
            Mode::Created => {
                ((warmup..warmup + events).map(|user| Event { user, version: 0 }).collect(), warmup + events)
            }
            Mode::Updated => {
                ((0..events).map(|n| Event { user: n % warmup, version: 1 + n / warmup }).collect(), warmup)
            }
            Mode::Mixed => {
                let mut next = warmup;
                let mut measured = Vec::with_capacity(events as usize);
                for n in 0..events {
                    match next.checked_sub(MIXED_DISTANCE) {
                        Some(earlier) if n % 2 == 1 => measured.push(Event { user: earlier, version: 1 }),
                        _ => {
                            measured.push(Event { user: next, version: 0 });
                            next += 1;
                        }
                    }
                }
                (measured, next)
            }
        };
        Self { events: created.chain(measured).collect(), warmup: warmup as usize, users }
    }

    pub(crate) fn warmup(&self) -> Range<usize> {
        0..self.warmup
    }

    pub(crate) fn measured(&self) -> Range<usize> {
        self.warmup..self.events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn versions_rise(plan: &Plan) {
        let mut last: HashMap<u32, u32> = HashMap::new();
        for event in &plan.events {
            let expected = last.get(&event.user).map_or(0, |version| version + 1);
            assert_eq!(event.version, expected, "{event:?}");
            last.insert(event.user, event.version);
        }
        assert_eq!(last.len(), plan.users as usize);
    }

    #[test]
    fn every_mode_sends_each_users_versions_in_order() {
        for mode in [Mode::Created, Mode::Updated, Mode::Mixed] {
            for (warmup, events) in [(0, 10), (100, 50_000), (5_000, 9_001)] {
                let plan = Plan::of(mode, warmup, events);
                assert_eq!(plan.measured().len(), events as usize);
                versions_rise(&plan);
            }
        }
    }
}
