//! The last things that happened, for people.

use std::collections::VecDeque;

use serde::Serialize;

/// Lines shown.
pub(super) const LINES: usize = 30;

/// One thing that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// Counts up.
    pub(super) key: u64,
    /// When, Unix ms.
    pub(super) at_ms: i64,
    /// The event, such as `user.updated`, if it is known.
    pub(super) event: Option<String>,
    /// Whom it concerns.
    pub(super) who: String,
    /// What came of it.
    pub(super) outcome: String,
    /// From Clerk's change to the commit.
    pub(super) took: Option<String>,
    pub(super) tone: Tone,
}

/// How good it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tone {
    Good,
    Waiting,
    Bad,
    #[default]
    Quiet,
}

impl Tone {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    lines: VecDeque<Line>,
    given: u64,
}

impl Log {
    /// Adds lines in the order of their times and numbers them.
    pub(super) fn add(&mut self, mut lines: Vec<Line>) {
        lines.sort_by_key(|line| line.at_ms);
        for mut line in lines {
            self.given += 1;
            line.key = self.given;
            self.lines.push_front(line);
        }
        self.lines.truncate(LINES);
    }

    /// Newest first.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.lines.iter().cloned().collect()
    }
}
