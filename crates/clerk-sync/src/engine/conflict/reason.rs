//! Why a unique value does not move, in words without values; and who has to change before it is worth another try.

use crate::{
    mapping::{Mapping, ReadError, Value},
    observation::Observation,
    store::{Holder, StoreError, StoreErrorKind},
    user_id::UserId,
};

/// Stands before the list of those who hold what a refused user wants.
const HELD_BY: &str = "held by [";

/// See the module.
#[derive(Debug)]
pub(super) enum Reason {
    /// Clerk gives one value to two users.
    Twice(Holder),
    /// Each user may have its value, and the database still refuses to move them.
    Immovable(Holder),
    /// More users than are written together.
    TooMany(Holder),
    /// A row of nobody in Clerk holds it.
    Stranger(Holder),
    /// Clerk's answer about who holds it cannot be mapped.
    Unreadable(Vec<UserId>, ReadError),
}

impl Reason {
    /// Who has to change first: the one who is in the way, and the `others` of the set.
    pub(super) fn holders(&self, others: impl Iterator<Item = UserId>) -> Vec<UserId> {
        let mut holders: Vec<UserId> = match self {
            Self::Twice(holder)
            | Self::Immovable(holder)
            | Self::TooMany(holder)
            | Self::Stranger(holder) => holder.user.iter().cloned().collect(),
            Self::Unreadable(users, _) => users.clone(),
        };
        for user in others {
            if !holders.contains(&user) {
                holders.push(user);
            }
        }
        holders
    }

    /// The error to keep, which [`holders_in`] reads again.
    pub(super) fn explain(&self, holders: &[UserId]) -> StoreError {
        let columns = |holder: &Holder| holder.columns.join(", ");
        let (constraint, what) = match self {
            Self::Twice(holder) => (
                Some(holder.constraint.clone()),
                format!(
                    "Clerk gives one value of {} to two users: change it for one of them in Clerk",
                    columns(holder)
                ),
            ),
            Self::Immovable(holder) => (
                Some(holder.constraint.clone()),
                format!(
                    "values of {} change places, for which the database must let them be null for a moment: \
                     is there a NOT NULL? A row whose deletion is held back gives them up with clerk-sync deletions run",
                    columns(holder)
                ),
            ),
            Self::TooMany(holder) => (
                Some(holder.constraint.clone()),
                format!(
                    "values of {} move among more than {} users at once: try again once the others have changed",
                    columns(holder),
                    super::MOST
                ),
            ),
            Self::Stranger(holder) => (
                Some(holder.constraint.clone()),
                format!(
                    "a row of nobody at Clerk holds the value of {}: change that row, or write the user's Clerk id into it if it \
                     is the user's",
                    columns(holder)
                ),
            ),
            Self::Unreadable(_, error) => {
                (None, format!("Clerk's answer about who holds a unique value cannot be mapped: {error}"))
            }
        };
        let ids: Vec<&str> = holders.iter().map(UserId::as_str).collect();
        let detail = if ids.is_empty() { what } else { format!("{what}; {HELD_BY}{}]", ids.join(" ")) };
        StoreError::new(StoreErrorKind::Rejected { constraint }, "writing users", detail)
    }
}

/// Who holds what the user of a dead letter wants; empty where it is about something else.
pub(super) fn holders_in(reason: &str) -> Vec<UserId> {
    let list = reason.split_once(HELD_BY).and_then(|(_, rest)| rest.split_once("]"));
    let ids = list.into_iter().flat_map(|(ids, _)| ids.split(' '));
    ids.filter_map(|id| UserId::try_new(id).ok()).collect()
}

/// Whether Clerk says that both have an equal value. Loosely, for the database may ignore case.
pub(super) fn is_given_twice(
    mapping: &Mapping,
    one: &Observation,
    other: &Observation,
    holder: &Holder,
) -> bool {
    let (Some(one), Some(other)) = (&one.row, &other.row) else { return false };
    let loose = |value: &Value| match value {
        Value::Text(text) => Value::Text(text.trim_end().to_lowercase()),
        value => value.clone(),
    };
    let columns = mapping.columns().iter().enumerate();
    let named = columns.filter(|(_, column)| holder.columns.contains(&column.name));
    let mut values = named.filter_map(|(position, _)| one.get(position).zip(other.get(position)));
    values.any(|(one, other)| *one != Value::Null && loose(one) == loose(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::try_new(id).expect("an id")
    }

    #[test]
    fn who_is_in_the_way_can_be_read_from_the_reason() {
        let holder = Holder {
            user: Some(user("user_1")),
            constraint: "users_by_email".to_owned(),
            columns: vec!["email".to_owned()],
        };
        let reason = Reason::Twice(holder);
        let holders = reason.holders([user("user_2"), user("user_1")].into_iter());
        assert_eq!(holders, [user("user_1"), user("user_2")]);
        let told = reason.explain(&holders).to_string();
        assert!(
            told.contains("(constraint users_by_email): Clerk gives one value of email to two users"),
            "{told}"
        );
        assert_eq!(holders_in(&told), holders);
        assert_eq!(holders_in("the database refused the row (constraint held_by)"), []);
    }
}
