//! Who the users are, as far as Clerk has told: a deletion names nobody.

use std::collections::HashMap;

use serde_json::Value;

/// More people than this are forgotten at once; their lines then show ids.
const MAX_PEOPLE: usize = 5_000;

#[derive(Debug, Default)]
pub(super) struct People(HashMap<String, Person>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    /// First and last name; empty if there is none.
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) created_at: i64,
}

impl Person {
    /// Reads a user as Clerk shows it.
    pub(super) fn read(user: &Value) -> Self {
        let text = |field: &str| user[field].as_str().unwrap_or_default();
        let name = format!("{} {}", text("first_name"), text("last_name")).trim().to_owned();
        let primary = &user["primary_email_address_id"];
        let addresses = user["email_addresses"].as_array().map(Vec::as_slice).unwrap_or_default();
        let address = addresses.iter().find(|address| address["id"] == *primary);
        let email = address.and_then(|address| address["email_address"].as_str()).map(str::to_owned);
        Self { name, email, created_at: user["created_at"].as_i64().unwrap_or_default() }
    }
}

impl People {
    /// Remembers a user, unless `user` is what an event tells of a deletion.
    pub(super) fn learn(&mut self, user: &Value) {
        let Some(id) = user["id"].as_str() else { return };
        if user["deleted"] == true {
            return;
        }
        if self.0.len() >= MAX_PEOPLE {
            self.0.clear();
        }
        self.0.insert(id.to_owned(), Person::read(user));
    }

    /// What to call a user in a sentence.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        let Some(person) = self.0.get(id) else { return id };
        match &person.email {
            _ if !person.name.is_empty() => &person.name,
            Some(email) => email,
            None => id,
        }
    }

    /// When a user was made in Clerk.
    pub(super) fn created_at(&self, id: &str) -> Option<i64> {
        self.0.get(id).map(|person| person.created_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deletion_does_not_take_the_name_away() {
        let mut people = People::default();
        people.learn(&json!({ "id": "user_1", "first_name": "Ada", "last_name": null, "created_at": 5 }));
        people.learn(&json!({ "id": "user_1", "deleted": true }));
        assert_eq!(people.name("user_1"), "Ada");
        assert_eq!(people.created_at("user_1"), Some(5));
        assert_eq!(people.name("user_2"), "user_2");
    }

    #[test]
    fn who_has_no_name_goes_by_the_address() {
        let mut people = People::default();
        people.learn(&json!({
            "id": "user_1",
            "primary_email_address_id": "idn_2",
            "email_addresses": [
                { "id": "idn_1", "email_address": "old@example.com" },
                { "id": "idn_2", "email_address": "ada@example.com" },
            ],
        }));
        assert_eq!(people.name("user_1"), "ada@example.com");
    }
}
