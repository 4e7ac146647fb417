//! Rows that were there before: which user each belongs to.
//!
//! Only where a user has no row yet, and within the transaction that writes it: the row gets the user's id, and is the
//! user's row from then on. A row that has an id is never touched, and a choice between two rows is never made.

use super::StoreError;
use crate::user_id::UserId;
use async_trait::async_trait;

/// What became of the search for a user's row of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Linking {
    /// A row is the user's.
    Linked,
    /// Clerk does not say what to look for.
    Unnamed,
    /// No row holds what was looked for.
    NoRow,
    /// The row that holds it belongs to another user.
    Taken,
    /// Several rows hold it that belong to nobody. The user is refused, until there is one.
    Ambiguous,
}

impl Linking {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Linked, Self::Unnamed, Self::NoRow, Self::Taken, Self::Ambiguous];

    /// The name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Unnamed => "unnamed",
            Self::NoRow => "no_row",
            Self::Taken => "taken",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// The part of a store that knows rows without a user.
#[async_trait]
pub trait RowsBefore {
    /// What would become of these users, each with what its row is recognized by. `None` for those who have a row, and
    /// for all where the mapping links nothing. Writes nothing.
    async fn foretell_links(
        &self,
        users: &[(UserId, Option<Box<str>>)],
    ) -> Result<Vec<Option<Linking>>, StoreError> {
        Ok(vec![None; users.len()])
    }

    /// Rows of the users table that belong to no user. Counts, and so is not free on large tables.
    async fn rows_of_nobody(&self) -> Result<i64, StoreError> {
        Ok(0)
    }
}

#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(super) use sql::{Found, LinkSource, OwnRow, Search, foretell, link};

/// What the databases have in common here.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod sql {
    use super::Linking;
    use crate::{
        mapping::{Link, Mapping, Value, quoted},
        observation::Observation,
        store::{
            StoreError, StoreErrorKind,
            judge::{Fit, Held},
            plan::Plan,
        },
        user_id::UserId,
    };
    use std::collections::{HashMap, HashSet};

    /// How many rows hold one of the values that were looked for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub(in crate::store) struct Found {
        /// Which value.
        pub(in crate::store) value: i64,
        /// Rows of nobody.
        pub(in crate::store) free: i64,
        /// Rows of users.
        pub(in crate::store) taken: i64,
    }

    /// A database within the transaction that writes.
    pub(in crate::store) trait LinkSource {
        /// Which of these ids are keys of the table.
        async fn keys(&mut self, users: &[&UserId]) -> Result<HashSet<String>, StoreError>;

        /// The rows that hold these values. Values that no row holds may be left out.
        async fn find(&mut self, search: &Search<'_>, values: &[&Value]) -> Result<Vec<Found>, StoreError>;

        /// Makes rows of nobody that hold these values the users'. Answers with how many.
        async fn give(&mut self, search: &Search<'_>, links: &[(&UserId, &Value)])
        -> Result<u64, StoreError>;
    }

    /// What would become of each.
    pub(in crate::store) async fn foretell(
        source: &mut impl LinkSource,
        search: &mut Search<'_>,
    ) -> Result<Vec<Option<Linking>>, StoreError> {
        search.leave_out(&source.keys(&search.users()).await?);
        let values = search.values();
        let found = if values.is_empty() { Vec::new() } else { source.find(search, &values).await? };
        Ok(search.judge(&found))
    }

    /// Gives rows of before to users of the plan who have none.
    ///
    /// # Errors
    /// [`StoreErrorKind::Ambiguous`] where several rows could be one user's.
    pub(in crate::store) async fn link(
        source: &mut impl LinkSource,
        link: Option<&Link>,
        fit: &Fit,
        plan: &mut Plan<'_>,
        doing: &'static str,
    ) -> Result<(), StoreError> {
        let Some(mut search) = Search::of_plan(link, fit, plan) else { return Ok(()) };
        let answers = foretell(source, &mut search).await?;
        if answers.contains(&Some(Linking::Ambiguous)) {
            let column = search.link.column.clone();
            return Err(StoreError::new(StoreErrorKind::Ambiguous { column }, doing, ""));
        }
        let links = search.links(&answers);
        if !links.is_empty() && source.give(&search, &links).await? != links.len() as u64 {
            return Err(StoreError::new(StoreErrorKind::Contended, doing, "a row of before got its user"));
        }
        plan.note_links(&answers);
        Ok(())
    }

    /// Users who look for their rows.
    #[derive(Debug)]
    pub(in crate::store) struct Search<'a> {
        /// Where the table holds what tells whose row it is.
        pub(in crate::store) link: &'a Link,
        /// How.
        pub(in crate::store) held: &'a Held,
        seekers: Vec<Seeker<'a>>,
    }

    #[derive(Debug)]
    struct Seeker<'a> {
        user: &'a UserId,
        /// Whether Clerk says what to look for.
        named: bool,
        /// The same as the column would hold it; `None` where it cannot.
        value: Option<Value>,
        has_row: bool,
    }

    impl<'a> Search<'a> {
        /// `None` where the mapping links nothing, or nobody looks for a row.
        pub(in crate::store) fn new(
            link: Option<&'a Link>,
            fit: &'a Fit,
            users: impl Iterator<Item = (&'a UserId, Option<&'a str>)>,
        ) -> Option<Self> {
            let (link, held) = link.zip(fit.link.as_ref())?;
            let seekers = users.map(|(user, text)| Seeker {
                user,
                named: text.is_some(),
                value: text.and_then(|text| held.storage.of_text(text)),
                has_row: false,
            });
            let seekers: Vec<_> = seekers.collect();
            (!seekers.is_empty()).then_some(Self { link, held, seekers })
        }

        /// Of the users of a plan who have no row as far as is known.
        pub(in crate::store) fn of_plan(
            link: Option<&'a Link>,
            fit: &'a Fit,
            plan: &Plan<'a>,
        ) -> Option<Self> {
            let missing = plan.rows.iter().filter(|row| row.is_missing);
            Self::new(link, fit, missing.map(|row| (row.user, row.link)))
        }

        /// Everyone.
        pub(in crate::store) fn users(&self) -> Vec<&'a UserId> {
            self.seekers.iter().map(|seeker| seeker.user).collect()
        }

        /// Leaves out those whose ids are keys of the table already.
        pub(in crate::store) fn leave_out(&mut self, present: &HashSet<String>) {
            for seeker in &mut self.seekers {
                seeker.has_row |= present.contains(seeker.user.as_str());
            }
        }

        /// What is looked for, in the order that [`Found::value`] counts.
        pub(in crate::store) fn values(&self) -> Vec<&Value> {
            self.seekers.iter().filter_map(Seeker::sought).collect()
        }

        /// For each user what became of it; `None` for those who have a row.
        pub(in crate::store) fn judge(&self, found: &[Found]) -> Vec<Option<Linking>> {
            let found: HashMap<i64, Found> = found.iter().map(|found| (found.value, *found)).collect();
            let (mut number, mut given) = (0, HashSet::new());
            let mut answers = Vec::with_capacity(self.seekers.len());
            for seeker in &self.seekers {
                let Some(value) = seeker.sought() else {
                    let nothing = if seeker.named { Linking::NoRow } else { Linking::Unnamed };
                    answers.push((!seeker.has_row).then_some(nothing));
                    continue;
                };
                let Found { free, taken, .. } = found.get(&number).copied().unwrap_or_default();
                number += 1;
                answers.push(Some(match (free, taken) {
                    (1, _) if given.insert(value) => Linking::Linked,
                    // Clerk's answers of two moments give one value to two users.
                    (1, _) => Linking::Taken,
                    (2.., _) => Linking::Ambiguous,
                    (_, 1..) => Linking::Taken,
                    _ => Linking::NoRow,
                }));
            }
            answers
        }

        /// Who gets the row that holds which value.
        pub(in crate::store) fn links(&self, answers: &[Option<Linking>]) -> Vec<(&'a UserId, &Value)> {
            let linked = self.seekers.iter().zip(answers);
            let linked = linked.filter(|(_, answer)| **answer == Some(Linking::Linked));
            linked.filter_map(|(seeker, _)| Some((seeker.user, seeker.value.as_ref()?))).collect()
        }
    }

    /// The row of nobody that linking would make a user's own.
    #[derive(Debug)]
    pub(in crate::store) struct OwnRow<'a> {
        /// What it holds.
        pub(in crate::store) value: Value,
        /// How.
        #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "others take a value as it is"))]
        pub(in crate::store) held: &'a Held,
        column: &'a str,
        key: &'a str,
    }

    impl<'a> OwnRow<'a> {
        pub(in crate::store) fn of(wanted: &Observation, mapping: &'a Mapping, fit: &'a Fit) -> Option<Self> {
            let (link, held) = mapping.link().zip(fit.link.as_ref())?;
            let value = held.storage.of_text(wanted.link.as_deref()?)?;
            Some(Self { value, held, column: &link.column, key: &mapping.key().name })
        }

        /// ` and not (key is null and column = value)`; `same`: the word that compares nulls too.
        pub(in crate::store) fn excluded(&self, quote: char, same: &str, value: &str) -> String {
            let (key, column) = (quoted(self.key, quote), quoted(self.column, quote));
            format!(" and not (t.{key} is null and t.{column} {same} {value})")
        }
    }

    impl Seeker<'_> {
        fn sought(&self) -> Option<&Value> {
            self.value.as_ref().filter(|_| !self.has_row)
        }
    }

    impl Plan<'_> {
        /// Notes what became of [`Search::of_plan`].
        pub(in crate::store) fn note_links(&mut self, answers: &[Option<Linking>]) {
            let missing = self.rows.iter_mut().filter(|row| row.is_missing);
            for (row, answer) in missing.zip(answers) {
                row.existed |= *answer == Some(Linking::Linked);
                if let Some(applied) = self.applied.get_mut(row.position) {
                    applied.linking = *answer;
                }
            }
        }
    }
}

/// Statements over several values for databases without array parameters. They look through the table once, even where no
/// index helps.
#[cfg(any(feature = "mysql", feature = "sqlite"))]
pub(super) mod by_case {
    use crate::store::multirow::placeholders;

    fn cases(column: &str, values: usize, then: impl Fn(usize) -> String) -> String {
        let cases = (0..values).map(|place| format!(" when {column} = ? then {}", then(place)));
        format!("case{} end", cases.collect::<String>())
    }

    /// Answers with a value's place, rows of nobody, rows of users. Takes the values twice.
    pub(in crate::store) fn find(table: &str, key: &str, column: &str, values: usize) -> String {
        format!(
            "select {}, count(*) - count({key}), count({key}) from {table} where {column} in ({}) group by 1",
            cases(column, values, |place| place.to_string()),
            placeholders(values)
        )
    }

    /// Takes each value with its user, then the values.
    pub(in crate::store) fn give(table: &str, key: &str, column: &str, values: usize) -> String {
        format!(
            "update {table} set {key} = {} where {key} is null and {column} in ({})",
            cases(column, values, |_| "?".to_owned()),
            placeholders(values)
        )
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests;
