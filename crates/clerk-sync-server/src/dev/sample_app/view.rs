//! What the page shows, ready to be shown: the page and its script only put these texts in their places.

use serde::Serialize;

use super::follow::Trouble;
use super::log::Line;

/// The whole state.
#[derive(Clone, Debug, Serialize)]
pub(super) struct View {
    /// Another number means another start of the program.
    pub(super) run: i64,
    /// One sentence about how equal the two sides are.
    pub(super) summary: String,
    pub(super) all_in_sync: bool,
    /// Why rows cannot be shown.
    pub(super) problem: Option<String>,
    /// The table's name.
    pub(super) table: String,
    /// Newest first.
    pub(super) pairs: Vec<Pair>,
    /// What is not shown because there is too much.
    pub(super) more: Option<String>,
    pub(super) armed: Option<Trouble>,
    /// The same in words.
    pub(super) armed_words: Option<String>,
    /// Webhooks that were dropped or given up.
    pub(super) lost: usize,
    /// The name of the next made-up user.
    pub(super) suggestion: &'static str,
    /// Newest first.
    pub(super) log: Vec<Line>,
}

/// A user in Clerk, or its row, or both.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Pair {
    pub(super) id: String,
    pub(super) clerk: Option<Side>,
    pub(super) row: Option<Row>,
    pub(super) sync: Parity,
    /// The same in words.
    pub(super) label: &'static str,
    /// Which flow wrote the row last, such as `webhook`.
    pub(super) flow: Option<String>,
    /// How long that took.
    pub(super) took: Option<String>,
    /// What to tell the user themselves about their row.
    pub(super) own: String,
    /// Why the two differ, as far as it is known.
    pub(super) cause: Option<String>,
    /// Whether it is about to be set right.
    pub(super) waiting: bool,
}

/// One side as people read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Side {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) initials: String,
    /// Which of eight colours it has.
    pub(super) hue: u8,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) side: Side,
    pub(super) name_differs: bool,
    pub(super) email_differs: bool,
    pub(super) columns: Vec<ColumnView>,
}

/// A column of a row.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ColumnView {
    pub(super) name: String,
    /// `None`: null.
    pub(super) value: Option<String>,
    /// Whether Clerk says otherwise.
    pub(super) differs: bool,
}

/// How equal the two sides of a pair are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Parity {
    InSync,
    Behind,
    Missing,
    OnlyInTable,
    #[default]
    Unknown,
}

impl Parity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Behind => "behind",
            Self::Missing => "missing",
            Self::OnlyInTable => "only_in_table",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Behind => "behind",
            Self::Missing => "row missing",
            Self::OnlyInTable => "only in table",
            Self::Unknown => "not known",
        }
    }
}
