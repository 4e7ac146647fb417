//! A batch that touches every table, and the judgement whether it was written whole or not at all.
#![expect(clippy::expect_used, clippy::panic, reason = "a test helper panics")]

use clerk_sync::{
    mapping::{Row, Value},
    observation::{Flow, Observation},
    rule::{Change, State},
    store::{Entry, FeedEntry, NewDeadLetter, Store, conformance},
    user_id::UserId,
};
use serde_json::json;
use std::sync::Arc;

pub(crate) fn user(id: &str) -> UserId {
    UserId::try_new(id).expect("an id")
}

/// A user all of whose values tell `version`.
pub(crate) fn seen(id: &str, version: i64) -> Observation {
    let mapping = conformance::mapping();
    let name = format!("{id} {version}");
    let json =
        json!({ "id": id, "updated_at": version, "created_at": 1, "username": name, "first_name": name });
    let mapped = mapping.read_user(json.to_string().as_bytes()).expect("readable");
    Observation::present(mapped, &mapping, version, Flow::Webhook)
}

pub(crate) fn gone(id: &str, as_of: i64) -> Observation {
    Observation::gone(user(id), &conformance::mapping(), as_of, Flow::Webhook)
}

/// Whether a row belongs to what stands in the ledger.
pub(crate) fn agree(id: &str, entry: Option<&Entry>, row: Option<&Row>) -> bool {
    match (entry.map(|entry| entry.standing.version), row) {
        (None, None) => true,
        (Some(version), None) => version.state == State::Gone,
        (Some(version), Some(row)) => {
            version.state == State::Present && row[1] == Value::Text(format!("{id} {}", version.updated_at))
        }
        (None, Some(_)) => false,
    }
}

/// The whole feed, whose numbers have neither gap nor repetition.
pub(crate) async fn feed(store: &Arc<dyn Store>) -> Vec<FeedEntry> {
    let page = store.changes(0, 1_000_000).await.expect("the feed is read");
    for (position, entry) in page.entries.iter().enumerate() {
        assert_eq!(entry.number, position as i64 + 1, "a gap or a repetition in the feed");
    }
    assert_eq!(page.last_number, page.entries.len() as i64, "meta counts another number");
    page.entries
}

/// Users of its own, in a database that may hold others'.
#[derive(Debug)]
pub(crate) struct Trial {
    prefix: String,
}

const EACH: usize = 3;

impl Trial {
    /// Writes what stands before the batch: users to change and to delete, and dead letters that it heals.
    pub(crate) async fn prepare(store: &Arc<dyn Store>, prefix: &str) -> Self {
        let trial = Self { prefix: prefix.to_owned() };
        let before: Vec<_> =
            trial.ids("changed").chain(trial.ids("deleted")).map(|id| seen(&id, 1)).collect();
        store.commit(&before).await.expect("written");
        for id in trial.ids("new").chain(trial.ids("changed")) {
            let letter = NewDeadLetter {
                message_id: Some(format!("msg_{id}")),
                event_type: "user.updated".to_owned(),
                user: Some(user(&id)),
                reason: "because".to_owned(),
                mapped: None,
                buried_at: 1,
            };
            store.bury(&letter).await.expect("buried");
        }
        trial
    }

    fn ids(&self, kind: &'static str) -> impl Iterator<Item = String> {
        let prefix = self.prefix.clone();
        (0..EACH).map(move |number| format!("user_{prefix}_{kind}_{number}"))
    }

    pub(crate) fn batch(&self) -> Vec<Observation> {
        let mut batch: Vec<_> = self.ids("new").chain(self.ids("changed")).map(|id| seen(&id, 2)).collect();
        batch.extend(self.ids("deleted").chain(self.ids("stranger")).map(|id| gone(&id, 5)));
        batch
    }

    /// Whether the batch was written. Panics where only a part of it was.
    pub(crate) async fn is_written(&self, store: &Arc<dyn Store>) -> bool {
        let mut signs = Vec::new();
        for id in
            self.ids("new").chain(self.ids("changed")).chain(self.ids("deleted")).chain(self.ids("stranger"))
        {
            let entry = store.entry(&user(&id)).await.expect("the ledger is read");
            let row = store.row(&user(&id)).await.expect("the row is read");
            assert!(agree(&id, entry.as_ref(), row.as_ref()), "{id}: {entry:?}, {row:?}");
            let is_new = entry.is_some_and(|entry| entry.standing.version.as_of >= 2);
            signs.push((format!("ledger of {id}"), is_new));
        }
        let letters = store.dead_letters(0, 1_000_000).await.expect("the letters are read");
        let feed = feed(store).await;
        for id in self.ids("new").chain(self.ids("changed")) {
            let healed = !letters.iter().any(|kept| kept.letter.user == Some(user(&id)));
            signs.push((format!("letter of {id}"), healed));
        }
        for (kind, before, after) in [
            ("new", &[][..], &[Change::Created][..]),
            ("changed", &[Change::Created], &[Change::Created, Change::Updated]),
            ("deleted", &[Change::Created], &[Change::Created, Change::Deleted]),
        ] {
            for id in self.ids(kind) {
                let told: Vec<_> =
                    feed.iter().filter(|entry| entry.user == user(&id)).map(|entry| entry.change).collect();
                assert!(told == before || told == after, "the feed tells of {id}: {told:?}");
                signs.push((format!("feed of {id}"), told == after));
            }
        }
        let written = signs.first().is_some_and(|(_, sign)| *sign);
        if let Some((odd, _)) = signs.iter().find(|(_, sign)| *sign != written) {
            panic!("written: {written}, and yet not the {odd}");
        }
        written
    }

    /// The sender tries again, and all is well.
    pub(crate) async fn retry(&self, store: &Arc<dyn Store>) {
        store.commit(&self.batch()).await.expect("the retry is written");
        assert!(self.is_written(store).await);
    }
}
