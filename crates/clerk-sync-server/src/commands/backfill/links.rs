//! Which rows of before got their users, in words and in JSON.

use super::super::text::line;
use crate::mirror::Mirror;
use clerk_sync::{
    mapping::{Link, LinkBy},
    reconcile::Links,
    store::Linking,
};
use serde_json::{Value, json};

/// So many users of one kind are named in words; JSON names them all.
const MOST_NAMED: usize = 20;

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
    rows_of_nobody: i64,
}

impl Report {
    /// `None` where the mapping links nothing.
    pub(super) async fn new(mirror: &Mirror, links: Links) -> anyhow::Result<Option<Self>> {
        let Some(link) = mirror.engine.mapping().link().cloned() else { return Ok(None) };
        let rows_of_nobody = mirror.reconciler().rows_of_nobody().await?;
        Ok(Some(Self { link, links, rows_of_nobody }))
    }

    pub(super) fn json(&self) -> Value {
        let mut json = json!({
            "by": self.link.by.name(),
            "column": self.link.column,
            "rows_of_nobody": self.rows_of_nobody,
            "users": self.links.left().iter().map(|(user, linking)| {
                json!({ "user_id": user.as_str(), "linking": linking.name() })
            }).collect::<Vec<_>>(),
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
        let (is, will) = match tense {
            Tense::Past => ("were linked to", "are"),
            Tense::Future => ("would be linked to", "would be"),
        };
        let (column, what) = (&self.link.column, self.what());
        let mut lines = vec![format!(
            "{} users {is} the row that was there before, by {what} in the column {column}",
            self.links.count(Linking::Linked)
        )];
        for (linking, text) in [
            (Linking::Unnamed, format!("have no {what}: new rows")),
            (Linking::NoRow, "name a row that is not there: new rows".to_owned()),
            (Linking::Taken, "name a row that has another user: new rows".to_owned()),
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
        if self.rows_of_nobody > 0 {
            let left = match tense {
                Tense::Past => "rows have no user at Clerk",
                Tense::Future => "rows have no user yet",
            };
            lines.push(format!("{} {left}", self.rows_of_nobody));
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
        let users = self.links.left().iter().filter(|(_, of)| *of == linking);
        let named: Vec<&str> = users.take(MOST_NAMED).map(|(user, _)| user.as_str()).collect();
        let more = count.saturating_sub(named.len() as u64);
        match (named.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => format!(": {}", named.join(" ")),
            (false, more) => format!(": {} and {more} more, see --json", named.join(" ")),
        }
    }
}
