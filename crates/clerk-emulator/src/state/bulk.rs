//! Users by the million: plausible, all different, and small in memory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::id::IdSource;

use super::user::{Identifier, Metadata, User, Verification, day_of, document};

const FIRST_NAMES: [&str; 16] = [
    "Ada",
    "Grace",
    "Alan",
    "Edsger",
    "Barbara",
    "Donald",
    "Frances",
    "Ken",
    "Radia",
    "Dennis",
    "Margaret",
    "Tony",
    "Katherine",
    "Linus",
    "Sophie",
    "José",
];
const LAST_NAMES: [&str; 15] = [
    "Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Thompson", "Perlman", "Ritchie",
    "Hamilton", "Hoare", "Johnson", "Wilson", "Müller",
];
/// Documents that many users have together; one each would be half of the memory.
const DOCUMENTS: u64 = 64;

/// Many users to be made at once.
///
/// ```
/// use clerk_emulator::BulkUsers;
///
/// let mut crowd = BulkUsers::new(1_000_000);
/// crowd.created_at_from = Some(1_767_225_600_000);
/// crowd.created_at_step_ms = 250;
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BulkUsers {
    /// How many, at most [`BulkUsers::MOST`].
    pub count: u32,
    /// `created_at` of the first, in milliseconds; now unless said otherwise.
    #[serde(default)]
    pub created_at_from: Option<i64>,
    /// How much later each next one was created; 0 puts all into one millisecond.
    #[serde(default = "one")]
    pub created_at_step_ms: i64,
    /// Their addresses are `{prefix}{number}@example.com`; the numbers go on over calls.
    #[serde(default = "prefix")]
    pub prefix: String,
}

fn one() -> i64 {
    1
}

fn prefix() -> String {
    "user".to_owned()
}

impl BulkUsers {
    /// More in one call are a mistake.
    pub const MOST: u32 = 5_000_000;

    /// So many, created now, one in each millisecond.
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self { count, created_at_from: None, created_at_step_ms: one(), prefix: prefix() }
    }
}

/// Makes them one by one.
#[derive(Debug)]
pub(crate) struct Maker {
    documents: Vec<Metadata>,
}

impl Maker {
    pub(crate) fn new() -> Self {
        Self { documents: (0..DOCUMENTS).map(documents).collect() }
    }

    /// The user of this number. Only identifiers are random; everything else follows from the number.
    pub(crate) fn user(&self, number: u64, address: String, created_at: i64, ids: &mut IdSource) -> User {
        let mut user = User::blank(ids.make("user", created_at).into(), created_at);
        let id = ids.make("idn", created_at);
        user.primary_email_address_id = Some(id.clone());
        user.email_addresses = vec![Identifier {
            id,
            value: address,
            verification: Verification::Code,
            reserved: false,
            created_at,
            updated_at: created_at,
        }];
        user.first_name = Some((*pick(&FIRST_NAMES, number)).to_owned());
        user.last_name = Some((*pick(&LAST_NAMES, number)).to_owned());
        if number.is_multiple_of(4) {
            let source =
                format!(r#"{{"type":"proxy","src":"https://images.clerk.dev/uploaded/img_{number}"}}"#);
            user.image_url = Some(format!("https://img.clerk.com/{}", STANDARD_NO_PAD.encode(source)));
        }
        user.metadata = pick(&self.documents, number).clone();
        user.last_sign_in_at = Some(created_at);
        user.last_active_at = Some(day_of(created_at));
        user
    }
}

fn pick<T>(list: &[T], number: u64) -> &T {
    &list[(number % list.len() as u64) as usize]
}

fn documents(number: u64) -> Metadata {
    let map = |value: Value| document(value.as_object().unwrap_or(&Map::new()));
    let plan = ["free", "team", "business", "enterprise"][(number % 4) as usize];
    Metadata {
        public: map(json!({
            "plan": plan,
            "seats": number * 3 + 1,
            "features": ["exports", "audit-log", "single-sign-on", "priority-support"],
            "locale": if number.is_multiple_of(3) { "de-DE" } else { "en-GB" },
            "theme": { "name": "high-contrast", "accent": format!("#{:06x}", number * 260_417), "density": "comfortable" },
            "notifications": { "mentions": true, "digest": "weekly", "channels": ["e-mail", "browser", "phone"], "quiet_from": "20:00" },
            "address": { "street": "Marktplatz 1", "city": "Bremen", "country": "DE", "postal_code": format!("{:05}", 28_000 + number) },
            "roles": ["member", "reviewer", "billing"],
            "onboarding": { "finished": true, "steps": ["profile", "team", "invoice-address", "first-project"] },
        })),
        private: map(json!({
            "billing": { "customer": format!("cus_{number:014}"), "currency": "EUR", "reference": "invoice by e-mail" },
            "crm": { "owner": "north-2", "score": number, "campaign": "autumn-newsletter" },
        })),
        unsafe_: map(
            json!({ "newsletter": true, "referrer": "https://www.example.com/welcome?from=search" }),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_users() {
        let make = |number| {
            let address = format!("user{number}@example.com");
            Maker::new().user(number, address, 1_000, &mut IdSource::new(3))
        };
        assert_eq!(make(5).id, make(5).id);
        assert_eq!(make(5).first_name.as_deref(), Some("Donald"));
        assert_ne!(make(5).last_name, make(6).last_name);
    }
}
