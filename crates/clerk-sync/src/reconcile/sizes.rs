//! How much is done at once, in one place, so that tests can make everything small.

/// See the module. What runs in earnest is the default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sizes {
    /// Users on a page of Clerk's list; at most [`crate::clerk::MAX_PAGE`].
    pub(super) page: u16,
    /// Rows that two pages of a catch-up have in common; fewer than a page holds.
    pub(super) overlap: usize,
    /// Pages of a catch-up with something new in them; an import is better at more.
    pub(super) new_pages: u32,
    /// How far below the last pass's `Date` a catch-up looks again, ms: Clerk's lists may lag behind.
    pub(super) lag_ms: i64,
    /// How far before its place a walk begins a page by time, ms: users of one millisecond may lie on two pages, and
    /// whether Clerk's filter includes the moment itself is not known.
    pub(super) reach_back_ms: i64,
    /// Ids that a scrub looks up in the database together.
    pub(super) at_once: u32,
    /// Suspects that Clerk is asked about at once; at most 100.
    pub(super) suspects: usize,
    /// Fewer users than this are not worth another window of an import.
    pub(super) window: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            page: crate::clerk::MAX_PAGE,
            overlap: 10,
            new_pages: 20,
            lag_ms: super::record::LAG_MS,
            reach_back_ms: 1,
            at_once: 1_000,
            suspects: 100,
            window: 2_000,
        }
    }
}
