//! Who looks for a row of before, what was found, and who gets it; the same for every database.

use super::Linking;
use crate::{
    mapping::{Link, LinkBy, Mapping, Value, quoted},
    observation::Observation,
    store::{
        StoreError, StoreErrorKind,
        judge::{Fit, Held},
        plan::Plan,
    },
    user_id::UserId,
};
use std::collections::{HashMap, HashSet};

/// How many rows hold exactly this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Found {
    /// What they hold, as text.
    pub(in crate::store) text: String,
    /// Rows of nobody.
    pub(in crate::store) free: i64,
    /// Rows of users.
    pub(in crate::store) taken: i64,
}

/// A row of nobody that gets its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct NewLink<'a> {
    pub(in crate::store) user: &'a UserId,
    /// What was looked for, as an index finds it.
    pub(in crate::store) value: &'a Value,
    /// What exactly the row holds, as text.
    pub(in crate::store) text: &'a str,
}

/// A database within the transaction that writes.
pub(in crate::store) trait LinkSource {
    /// Which of these ids are keys of the table.
    async fn keys(&mut self, users: &[&UserId]) -> Result<HashSet<String>, StoreError>;

    /// What rows hold that the column takes for one of these values, and how many. Its collation may take more for equal
    /// than is: so they are told byte by byte. Rows that are marked as deleted are left out.
    async fn find(&mut self, search: &Search<'_>, values: &[&Value]) -> Result<Vec<Found>, StoreError>;

    /// Makes these rows of nobody the users'. Answers with how many.
    async fn give(&mut self, search: &Search<'_>, links: &[NewLink<'_>]) -> Result<u64, StoreError>;
}

/// What would become of each.
pub(in crate::store) async fn foretell(
    source: &mut impl LinkSource,
    search: &mut Search<'_>,
) -> Result<Vec<Option<Linking>>, StoreError> {
    let found = look(source, search).await?;
    Ok(search.judge(&found).0)
}

async fn look(source: &mut impl LinkSource, search: &mut Search<'_>) -> Result<Vec<Found>, StoreError> {
    let keys = source.keys(&search.users()).await?;
    search.leave_out(&keys);
    let values = search.values();
    if values.is_empty() { Ok(Vec::new()) } else { source.find(search, &values).await }
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
    let found = look(source, &mut search).await?;
    let (answers, links) = search.judge(&found);
    if answers.contains(&Some(Linking::Ambiguous)) {
        let column = search.link.column.clone();
        return Err(StoreError::new(StoreErrorKind::Ambiguous { column }, doing, ""));
    }
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
    pub(super) fn new(
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

    /// Of users with what each row is recognized by.
    pub(in crate::store) fn of_users(
        link: Option<&'a Link>,
        fit: &'a Fit,
        users: &'a [(UserId, Option<Box<str>>)],
    ) -> Option<Self> {
        Self::new(link, fit, users.iter().map(|(user, text)| (user, text.as_deref())))
    }

    /// Of the users of a plan who may have no row.
    fn of_plan(link: Option<&'a Link>, fit: &'a Fit, plan: &Plan<'a>) -> Option<Self> {
        let missing = plan.rows.iter().filter(|row| row.may_be_before());
        Self::new(link, fit, missing.map(|row| (row.user, row.link)))
    }

    /// Everyone.
    fn users(&self) -> Vec<&'a UserId> {
        self.seekers.iter().map(|seeker| seeker.user).collect()
    }

    /// Leaves out those whose ids are keys of the table already.
    pub(super) fn leave_out(&mut self, present: &HashSet<String>) {
        for seeker in &mut self.seekers {
            seeker.has_row |= present.contains(seeker.user.as_str());
        }
    }

    /// What is looked for.
    fn values(&self) -> Vec<&Value> {
        self.seekers.iter().filter_map(Seeker::sought).collect()
    }

    /// For each user what became of it, `None` for those who have a row; and what is to be given.
    pub(super) fn judge<'f>(&'f self, found: &'f [Found]) -> (Vec<Option<Linking>>, Vec<NewLink<'f>>) {
        let mut rows: HashMap<String, Vec<&Found>> = HashMap::new();
        for found in found {
            rows.entry(self.compared(&found.text)).or_default().push(found);
        }
        let mut links: Vec<NewLink<'f>> = Vec::new();
        let answers = self.seekers.iter().map(|seeker| {
            let Some(value) = seeker.sought() else {
                let nothing = if seeker.named { Linking::NoRow } else { Linking::Unnamed };
                return (!seeker.has_row).then_some(nothing);
            };
            let rows = rows.get(&self.compared(&text_of(value))).map(Vec::as_slice).unwrap_or_default();
            let (free, taken) = (count(rows, |row| row.free), count(rows, |row| row.taken));
            let row = rows.iter().find(|row| row.free > 0);
            Some(match (row, free) {
                // Clerk's answers of two moments give one value to two users.
                (Some(row), 1) if links.iter().any(|link| link.text == row.text) => Linking::Taken,
                (Some(row), 1) => {
                    links.push(NewLink { user: seeker.user, value, text: &row.text });
                    Linking::Linked
                }
                (Some(_), _) => Linking::Ambiguous,
                (None, _) if taken > 0 => Linking::Taken,
                (None, _) => Linking::NoRow,
            })
        });
        (answers.collect(), links)
    }

    /// What must be the same for two to be one. An app's ids are as they are; of addresses, letters A to Z have no case.
    fn compared(&self, text: &str) -> String {
        match self.link.by {
            LinkBy::ExternalId => text.to_owned(),
            LinkBy::VerifiedEmail => text.to_ascii_lowercase(),
        }
    }
}

fn count(rows: &[&Found], of: fn(&Found) -> i64) -> i64 {
    rows.iter().map(|row| of(row)).sum()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        _ => String::new(),
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
    mapping: &'a Mapping,
}

impl<'a> OwnRow<'a> {
    pub(in crate::store) fn of(wanted: &Observation, mapping: &'a Mapping, fit: &'a Fit) -> Option<Self> {
        let (link, held) = mapping.link().zip(fit.link.as_ref())?;
        let value = held.storage.of_text(wanted.link.as_deref()?)?;
        Some(Self { value, held, column: &link.column, mapping })
    }

    /// ` and not (...)`: that row, as long as the user has none. `same`: the word that compares nulls too. Takes `value`,
    /// then `user`.
    pub(in crate::store) fn excluded(&self, quote: char, same: &str, value: &str, user: &str) -> String {
        let (key, column) = (quoted(&self.mapping.key().name, quote), quoted(self.column, quote));
        let table = self.mapping.table().quoted(quote);
        format!(
            " and not (t.{key} is null and t.{column} {same} {value} \
             and not exists (select 1 from {table} o where o.{key} = {user}))"
        )
    }
}

/// Counts rows of nobody.
pub(in crate::store) fn count_nobodys(mapping: &Mapping, quote: char) -> String {
    let (table, key) = (mapping.table().quoted(quote), quoted(&mapping.key().name, quote));
    format!("select count(*) from {table} where {key} is null")
}

/// ` and deleted_at is null`, where the mapping names such a column: what is marked as deleted is nobody's row of before.
pub(in crate::store) fn unmarked(mapping: &Mapping, quote: char) -> String {
    let name = mapping.deletion().deleted_at.as_deref();
    name.map_or_else(String::new, |name| format!(" and {} is null", quoted(name, quote)))
}

impl Seeker<'_> {
    fn sought(&self) -> Option<&Value> {
        self.value.as_ref().filter(|_| !self.has_row)
    }
}

impl Plan<'_> {
    /// Notes what became of [`Search::of_plan`].
    fn note_links(&mut self, answers: &[Option<Linking>]) {
        let missing = self.rows.iter_mut().filter(|row| row.may_be_before());
        for (row, answer) in missing.zip(answers) {
            row.existed |= *answer == Some(Linking::Linked);
            if let Some(applied) = self.applied.get_mut(row.position) {
                applied.linking = *answer;
            }
        }
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
