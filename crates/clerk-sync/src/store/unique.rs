//! Values that only one row may hold: who holds them, and how they move in one transaction.

use super::{Applied, StoreError};
use crate::{observation::Observation, user_id::UserId};
use async_trait::async_trait;

/// Somebody's row that holds a value which another row wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Whose row it is; `None` if its key cannot be a Clerk id.
    pub user: Option<UserId>,
    /// The unique index or constraint.
    pub constraint: String,
    /// The mapped columns that it is about.
    pub columns: Vec<String>,
}

/// The part of a store that knows unique columns. Asked only after a row was refused.
#[async_trait]
pub trait UniqueValues {
    /// Other rows that hold a value which the observed row takes in a unique index of the users table; none for a user who
    /// is gone. A row of nobody that linking would make the user's own is not another one. What is unique is read from the
    /// database each time: people add and drop indexes. May name a row too many where an index cannot be compared
    /// exactly, and leaves out indexes that it cannot understand.
    async fn holders(&self, wanted: &Observation) -> Result<Vec<Holder>, StoreError>;

    /// Writes like [`super::Store::commit`], for users whose unique values move among each other. In one transaction, rows
    /// to be deleted go first, then those to be written give up what is unique and may be null, then all get their final
    /// values. Where rows outlive their users, those of users who are gone give it up for good.
    ///
    /// # Errors
    /// As [`super::Store::commit`]. Where others refer to a row that is to be deleted, there is no way out here: its user is
    /// committed alone, and the set then moved without deleting that row again.
    async fn commit_moving(&self, set: &[Observation]) -> Result<Vec<Applied>, StoreError>;
}

/// Rows asked for in one index. One is enough where it can be compared exactly, and more than a set may have is too many.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) const MOST_HOLDERS: usize = 9;

/// What the databases have in common here.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) mod sql {
    use super::{super::plan::Plan, Holder};
    use crate::{
        mapping::{Mapping, quoted},
        observation::Observation,
        rule::State,
        user_id::UserId,
    };
    use std::collections::BTreeSet;

    /// Position of a mapped column.
    pub(in crate::store) fn position(mapping: &Mapping, name: &str) -> Option<usize> {
        mapping.columns().iter().position(|column| column.name == name)
    }

    /// Mapped columns whose values an index may be made of, if it does not say.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(in crate::store) fn plain_columns(mapping: &Mapping) -> impl Iterator<Item = usize> {
        let columns = mapping.columns().iter().enumerate();
        let plain = columns.filter(|(_, column)| {
            !matches!(column.kind, crate::mapping::Kind::Json | crate::mapping::Kind::Timestamp)
        });
        plain.map(|(position, _)| position).filter(|position| *position != mapping.key_position())
    }

    /// `update users set a = null, b = null where key`; `None` where there is nothing to give up.
    fn vacate(mapping: &Mapping, columns: &BTreeSet<usize>, quote: char) -> Option<String> {
        let columns = columns.iter().filter(|position| **position != mapping.key_position());
        let set: Vec<String> = columns
            .filter_map(|position| mapping.columns().get(*position))
            .map(|column| format!("{} = null", quoted(&column.name, quote)))
            .collect();
        let (table, key) = (mapping.table().quoted(quote), quoted(&mapping.key().name, quote));
        (!set.is_empty()).then(|| format!("update {table} set {} where {key}", set.join(", ")))
    }

    /// Columns that are unique and may be null for a moment.
    #[derive(Debug, Default)]
    pub(in crate::store) struct Vacant {
        /// Of rows that get their final values afterwards: all that an index may be made of.
        pub(in crate::store) written: BTreeSet<usize>,
        /// Of rows that stay though their users are gone: only what an index names, for nothing gives it back.
        pub(in crate::store) kept: BTreeSet<usize>,
    }

    impl Vacant {
        /// What is given up, and by whom: the statement up to the comparison of the key, and users.
        pub(in crate::store) fn statements<'a>(
            &self,
            mapping: &Mapping,
            set: &'a [Observation],
            plan: &Plan<'a>,
            quote: char,
        ) -> Vec<(String, Vec<&'a UserId>)> {
            let written: Vec<&UserId> = plan.rows.iter().map(|planned| planned.user).collect();
            // Of a row that was deleted just now there is nothing left to give up.
            let gone = set.iter().zip(&plan.applied).filter(|(_, applied)| {
                applied.standing.is_some_and(|standing| standing.state == State::Gone)
            });
            let gone: BTreeSet<&UserId> = gone.map(|(observation, _)| &observation.user).collect();
            let kept = gone.into_iter().filter(|user| !written.contains(user)).collect();
            let each = [(&self.written, written), (&self.kept, kept)].into_iter();
            each.filter(|(_, users)| !users.is_empty())
                .filter_map(|(columns, users)| Some((vacate(mapping, columns, quote)?, users)))
                .collect()
        }
    }

    /// A row that was found by its key. Rows that are not of Clerk's users may have none.
    pub(in crate::store) fn holder(
        mapping: &Mapping,
        key: Option<&str>,
        constraint: &str,
        columns: &[usize],
    ) -> Holder {
        let names = columns.iter().filter_map(|position| mapping.columns().get(*position));
        Holder {
            user: key.and_then(|key| UserId::try_new(key).ok()),
            constraint: constraint.to_owned(),
            columns: names.map(|column| column.name.clone()).collect(),
        }
    }
}
