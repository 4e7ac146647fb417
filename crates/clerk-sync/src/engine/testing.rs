//! Doubles and a rig for the engine's tests.

mod fake_clerk;
mod gated_store;
mod rig;

pub(crate) use fake_clerk::{Date, FakeClerk};
pub(crate) use gated_store::{Fault, GatedStore};
pub(crate) use rig::Rig;

use crate::{
    mapping::{Mapping, MappingSpec, Row, Value},
    observation::{Flow, Observation},
    user_id::UserId,
};
use serde_json::json;
use std::sync::Arc;

/// The moment at which tests begin, Unix ms.
pub(crate) const NOON: i64 = 1_767_268_800_000;
pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// The instance that tests are bound to.
pub(crate) const INSTANCE: &str = "ins_ours";

pub(crate) fn user(id: &str) -> UserId {
    UserId::try_new(id).expect("an id")
}

/// The default columns.
pub(crate) fn mapping() -> Arc<Mapping> {
    Arc::new(Mapping::try_new(MappingSpec::default()).expect("a mapping"))
}

/// A user as Clerk shows it, made a day before noon.
pub(crate) fn person(id: &str, updated_at: i64, username: &str) -> serde_json::Value {
    json!({ "id": id, "object": "user", "username": username, "created_at": NOON - 24 * HOUR, "updated_at": updated_at })
}

/// The same, made at `created_at`.
pub(crate) fn person_since(created_at: i64, id: &str, updated_at: i64, username: &str) -> serde_json::Value {
    let mut person = person(id, updated_at, username);
    person["created_at"] = created_at.into();
    person
}

/// The body of a webhook of ours.
pub(crate) fn event(event_type: &str, timestamp: i64, data: &serde_json::Value) -> Vec<u8> {
    let body = json!({
        "object": "event", "type": event_type, "instance_id": INSTANCE, "timestamp": timestamp, "data": data,
    });
    body.to_string().into_bytes()
}

/// `user.updated` of a user that looks so, sent at `timestamp`.
pub(crate) fn updated(id: &str, updated_at: i64, timestamp: i64, username: &str) -> Vec<u8> {
    event("user.updated", timestamp, &person(id, updated_at, username))
}

/// `user.deleted`.
pub(crate) fn deleted(id: &str, timestamp: i64) -> Vec<u8> {
    event("user.deleted", timestamp, &json!({ "id": id, "object": "user", "deleted": true }))
}

/// A user seen by a webhook.
pub(crate) fn present(id: &str, updated_at: i64, as_of: i64, username: &str) -> Observation {
    let mapping = mapping();
    let mapped =
        mapping.read_user(person(id, updated_at, username).to_string().as_bytes()).expect("readable");
    Observation::present(mapped, &mapping, as_of, Flow::Webhook)
}

/// A deletion seen by a webhook.
pub(crate) fn gone(id: &str, as_of: i64) -> Observation {
    Observation::gone(user(id), &mapping(), as_of, Flow::Webhook)
}

/// The user name in a row of the default columns.
pub(crate) fn username(row: &Row) -> String {
    match &row[2] {
        Value::Text(text) => text.clone(),
        other => panic!("a user name, not {other:?}"),
    }
}

/// Runs a future on a runtime of its own, for property tests.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Lets other tasks of this thread run until `true`. Everything in these tests happens in memory and on one thread, so
/// what does not come about within some thousand turns never will.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came about: {what}");
}

/// Lets every other task of this thread run as far as it gets.
pub(crate) async fn quiet() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
