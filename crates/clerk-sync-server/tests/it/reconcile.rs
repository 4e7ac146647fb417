//! Flow E: import, catch-up, scrub, by hand and by themselves.

mod command;
mod healing;
mod kills;
mod sharing;

use crate::harness::{Clerk, Database, now_ms};
use clerk_emulator::BulkUsers;
use std::collections::BTreeMap;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Users who have been there for a day, so that their absence counts at once. Answers their ids.
fn crowd(clerk: &Clerk, count: u32) -> Vec<String> {
    let mut crowd = BulkUsers::new(count);
    crowd.created_at_from = Some(now_ms() - DAY_MS);
    crowd.created_at_step_ms = 1;
    clerk.bulk_users(&crowd).unwrap();
    ids(clerk)
}

/// Everyone's id, in the order of ids.
fn ids(clerk: &Clerk) -> Vec<String> {
    clerk_users(clerk).into_keys().collect()
}

/// First names by user, as Clerk has them.
fn clerk_users(clerk: &Clerk) -> BTreeMap<String, String> {
    let text = |user: &serde_json::Value, field: &str| user[field].as_str().unwrap_or_default().to_owned();
    clerk.users().iter().map(|user| (text(user, "id"), text(user, "first_name"))).collect()
}

/// The table against Clerk, by id and first name.
async fn assert_equal(clerk: &Clerk, database: &Database) {
    let (table, users) = (database.users().await, clerk_users(clerk));
    let differs = users.iter().filter(|(id, name)| table.get(*id) != Some(name)).count();
    assert_eq!((differs, table.len()), (0, users.len()), "differences, and users in all");
}
