//! One user in Clerk and in the table, compared. Pure.

use crate::{
    mapping::{MappedUser, Mapping, Row},
    rule::State,
    store::Stored,
    user_id::UserId,
};

/// How young what stands may be for an older list to say nothing against it, ms.
pub(super) const SETTLED_MS: i64 = 10 * 60 * 1_000;

/// In which way Clerk and the table differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Clerk has the user, the table does not.
    Missing,
    /// The row's values are not Clerk's.
    Differs,
    /// The table has the user, Clerk does not.
    Surplus,
    /// The table has the user, Clerk's list does not, as is so of more users than may be deleted: none of them is asked for.
    Held,
    /// Clerk has the user, and it was deleted here: only `sync --force` brings it back.
    Alive,
}

impl DifferenceKind {
    /// The name in answers to programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Surplus => "surplus",
            Self::Held => "held",
            Self::Alive => "alive",
        }
    }
}

/// A difference between Clerk and the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Whose.
    pub user: UserId,
    /// In which way.
    pub kind: DifferenceKind,
    /// The row in the table, if there is one.
    pub stored: Option<Row>,
    /// The row as Clerk has it, if Clerk has the user.
    pub clerk: Option<Row>,
}

impl Difference {
    /// The mapped columns whose values differ; all of them where one side has no row.
    pub fn columns<'a>(&'a self, mapping: &'a Mapping) -> Vec<&'a str> {
        let differs = |position: usize| match (&self.stored, &self.clerk) {
            (Some(stored), Some(clerk)) => stored.get(position) != clerk.get(position),
            _ => true,
        };
        let columns = mapping.columns().iter().enumerate();
        columns
            .filter(|(i, column)| differs(*i) && !column.source.is_volatile())
            .map(|(_, column)| column.name.as_str())
            .collect()
    }
}

/// What a comparison leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing.
    Same,
    /// Write what the list says. `restores`: though the ledger says that the table has it.
    Write {
        restores: bool,
        /// Whether a reader of the table would see a difference.
        visible: bool,
    },
    /// The list is older than the ledger, and yet something is wrong: ask for this user. `restores`: the row is not what
    /// the ledger says.
    Read { restores: bool },
    /// Deleted here, alive there.
    Alive {
        /// Whether the deletion is so old that no list can lag behind it; otherwise the user itself says more.
        settled: bool,
    },
}

/// Compares a user of a list of Clerk's, as of `date_ms`, with what is stored of it.
pub(super) fn compare(
    user: &MappedUser,
    date_ms: Option<i64>,
    stored: Option<&Stored>,
    mapping: &Mapping,
) -> Finding {
    let Some(stored) = stored else { return Finding::Write { restores: false, visible: true } };
    let row_digest = stored.row.as_ref().map(|row| mapping.digest(row));
    let visible = row_digest != Some(user.digest);
    let Some(entry) = stored.entry else { return Finding::Write { restores: false, visible } };
    let standing = entry.standing.version;
    let date = date_ms.unwrap_or(user.updated_at);
    match standing.state {
        // A list that may be older than the deletion says nothing about it, and lists lag behind.
        State::Gone if date > standing.as_of => {
            return Finding::Alive { settled: date - standing.as_of > SETTLED_MS };
        }
        State::Gone => return Finding::Same,
        State::Provisional => return Finding::Write { restores: false, visible: true },
        State::Present => {}
    }
    let updated_at = crate::doubt::believable_updated_at(user.updated_at, date);
    let comparable = entry.standing.fingerprint == mapping.fingerprint();
    if updated_at < standing.updated_at {
        let restores = row_digest.is_none() || (comparable && row_digest != Some(standing.digest));
        let contradicts = date - standing.as_of > SETTLED_MS;
        return if restores || contradicts { Finding::Read { restores } } else { Finding::Same };
    }
    let says_equal = updated_at == standing.updated_at && comparable && user.digest == standing.digest;
    let undated = entry.created_at.is_none() && user.created_at.is_some();
    match (says_equal, visible, undated) {
        (true, false, false) => Finding::Same,
        // Also where the list is newer: a change of nothing that is mapped would write no row.
        _ => Finding::Write { restores: visible, visible },
    }
}

#[cfg(test)]
mod tests;
