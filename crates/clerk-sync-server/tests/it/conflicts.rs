//! A unique e-mail address in the user's table, through every way in.

mod by_itself;
mod people;
mod webhooks;

use crate::harness::{Clerk, Database, Setup, Signed, now_ms};
use clerk_emulator::{NewUser, UserChange};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A users table that takes each address once.
async fn unique(setup: &Setup, database: &Database) {
    setup.output(&["migrate"]).await;
    database.run("create unique index users_by_email on users (email)").await;
}

/// A user who has been in Clerk for an hour; no event is sent.
fn user(clerk: &Clerk, id: &str, email: &str) {
    let made = now_ms() - HOUR_MS;
    let user = NewUser::new().id(id).email(email).first_name(id).created_at(made).updated_at(made);
    clerk.create_user(user).unwrap();
}

/// Somebody's address changes in Clerk, and the old one is free; no event is sent.
fn change(clerk: &Clerk, id: &str, from: &str, to: &str) {
    let change = UserChange::new().email(to).primary_email(to).remove_email(from);
    clerk.update_user(id, change).unwrap();
}

/// The event of a user's last change.
fn event(clerk: &Clerk, event_type: &str, id: &str) -> Signed {
    let json = clerk.user(id).expect("a user");
    let updated_at = json["updated_at"].as_i64().expect("a moment");
    Signed::new(&format!("msg_{id}_{updated_at}"), clerk.event_at(event_type, &json, updated_at).to_string())
}

/// Addresses by user.
async fn emails(database: &Database) -> BTreeMap<String, String> {
    let rows = database.select(&["clerk_id", "email"], "from users").await;
    rows.into_iter()
        .map(|mut row| (row[0].take().expect("an id"), row[1].take().unwrap_or_default()))
        .collect()
}

fn expected<const N: usize>(emails: [(&str, &str); N]) -> BTreeMap<String, String> {
    emails.into_iter().map(|(id, email)| (id.to_owned(), email.to_owned())).collect()
}
