//! Which rows of before got their users, in words and in JSON.

use super::super::text::line;
use crate::mirror::Mirror;
use clerk_sync::{
    mapping::{Link, LinkBy},
    reconcile::Links,
    store::Linking,
    user_id::UserId,
};
use serde_json::{Value, json};

/// So many users of one kind are named in words; JSON names ten thousand.
const FEW: usize = 20;

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    /// It was.
    Past,
    /// It would be.
    Future,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Report {
    link: Link,
    links: Links,
    /// `None` where the database did not count them in time.
    rows_of_nobody: Option<i64>,
}

impl Report {
    /// `None` where the mapping links nothing.
    pub(super) async fn new(mirror: &Mirror, links: Links) -> Option<Self> {
        let link = mirror.engine.mapping().link().cloned()?;
        let counted = mirror.reconciler().rows_of_nobody().await;
        let rows_of_nobody = counted
            .inspect_err(|error| tracing::warn!(%error, "rows that have no user were not counted"))
            .ok();
        Some(Self { link, links, rows_of_nobody })
    }

    pub(super) fn json(&self) -> Value {
        let users = Linking::ALL.into_iter().flat_map(|linking| {
            let named = self.links.left(linking).iter();
            named.map(move |user| json!({ "user_id": user.as_str(), "linking": linking.name() }))
        });
        let users: Vec<Value> = users.collect();
        let mut json = json!({
            "by": self.link.by.name(),
            "column": self.link.column,
            "rows_of_nobody": self.rows_of_nobody,
            "users": users,
        });
        for linking in Linking::ALL {
            json[linking.name()] = self.links.count(linking).into();
        }
        json
    }

    pub(super) fn tell(&self, tense: Tense) {
        for text in self.lines(tense) {
            line(text);
        }
    }

    fn lines(&self, tense: Tense) -> Vec<String> {
        let (is, will, new) = match tense {
            Tense::Past => ("were linked to", "are", "new rows"),
            Tense::Future => ("would be linked to", "would be", "new rows, where the table takes them"),
        };
        let (column, what) = (&self.link.column, self.what());
        let mut lines = vec![format!(
            "{} users {is} the row that was there before, by {what} in the column {column}",
            self.links.count(Linking::Linked)
        )];
        for (linking, text) in [
            (Linking::Unnamed, format!("have no {what}: {new}")),
            (Linking::NoRow, format!("name a row that is not there: {new}")),
            (Linking::Taken, format!("name a row that has another user: {new}")),
            (
                Linking::Ambiguous,
                format!(
                    "name several rows and {will} refused: keep one row of each, or write the user's id into the right one"
                ),
            ),
        ] {
            let count = self.links.count(linking);
            if count > 0 {
                lines.push(format!("{count} users {text}{}", self.named(linking, count)));
            }
        }
        if let Some(rows) = self.rows_of_nobody.filter(|rows| *rows > 0) {
            let left = match tense {
                Tense::Past => "rows have no user at Clerk",
                Tense::Future => "rows have no user yet",
            };
            lines.push(format!("{rows} {left}"));
        }
        lines
    }

    fn what(&self) -> &'static str {
        match self.link.by {
            LinkBy::ExternalId => "external_id",
            LinkBy::VerifiedEmail => "verified e-mail address",
        }
    }

    /// `: user_1 user_2 ...`
    fn named(&self, linking: Linking, count: u64) -> String {
        let users = self.links.left(linking).iter();
        let named: Vec<&str> = users.take(FEW).map(UserId::as_str).collect();
        let more = count.saturating_sub(named.len() as u64);
        match (named.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => format!(": {}", named.join(" ")),
            (false, more) => format!(": {} and {more} more, see --json", named.join(" ")),
        }
    }
}
