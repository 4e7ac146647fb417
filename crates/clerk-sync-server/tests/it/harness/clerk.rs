//! An emulated Clerk that sends nothing by itself unless told to, and the events that the tests sign themselves.

use super::now_ms;
use bytes::Bytes;
use clerk_emulator::{Emulator, EmulatorConfig, Fault, FaultKind, Handle};
use serde_json::{Value, json};
use std::ops::Deref;
use svix::webhooks::Webhook;
use tokio::net::TcpListener;

/// What the tests sign with, unless they are about something else.
pub(crate) const SIGNING_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

pub(crate) struct Clerk {
    emulator: Emulator,
}

impl Clerk {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut EmulatorConfig)) -> Self {
        let mut config = EmulatorConfig::dev(7);
        config.requests_per_10s = Some(10_000);
        config.time_scale = 1_000.0;
        config.webhook_secrets = vec![SIGNING_SECRET.to_owned()];
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { emulator: Emulator::start(config, listener).unwrap() }
    }

    /// An event's body as this instance would send it now.
    pub(crate) fn event(&self, event_type: &str, data: &Value) -> Value {
        self.event_at(event_type, data, now_ms())
    }

    pub(crate) fn event_at(&self, event_type: &str, data: &Value, timestamp: i64) -> Value {
        envelope(&self.config().instance_id, event_type, data, timestamp)
    }

    pub(crate) fn created(&self, person: &Person) -> Signed {
        self.about("user.created", person)
    }

    /// An event of exactly so many bytes; the filling is in a field that nobody maps.
    pub(crate) fn created_of(&self, id: &str, bytes: usize) -> Signed {
        let mut data = Person::new(id).json();
        data["public_metadata"]["filling"] = "".into();
        let short = self.event("user.created", &data).to_string();
        data["public_metadata"]["filling"] = "x".repeat(bytes - short.len()).into();
        let body = self.event("user.created", &data).to_string();
        assert_eq!(body.len(), bytes);
        Signed::new("msg_1", body)
    }

    pub(crate) fn updated(&self, person: &Person) -> Signed {
        self.about("user.updated", person)
    }

    /// An event sent at the moment of the person's last change.
    pub(crate) fn about(&self, event_type: &str, person: &Person) -> Signed {
        let event = self.event_at(event_type, &person.json(), person.updated_at);
        Signed::new(&message_id(&person.id, person.updated_at), event.to_string())
    }

    pub(crate) fn deleted(&self, id: &str, timestamp: i64) -> Signed {
        let data = json!({"object": "user", "id": id, "deleted": true});
        let event = self.event_at("user.deleted", &data, timestamp);
        Signed::new(&message_id(id, timestamp), event.to_string())
    }

    /// An event about a person whose data nobody can read: only Clerk can say how the user looks.
    pub(crate) fn unreadable(&self, id: &str) -> Signed {
        let data = json!({"object": "user", "id": id, "updated_at": "yesterday"});
        Signed::new(&message_id(id, now_ms()), self.event("user.updated", &data).to_string())
    }

    /// Answers whoever reads this person so, whatever is true. Returns the fault's number.
    pub(crate) fn shows(&self, person: &Person) -> u64 {
        self.shows_json(&person.id, person.json())
    }

    pub(crate) fn shows_json(&self, id: &str, body: Value) -> u64 {
        let answer = FaultKind::UserAnswer { status: 200, code: None, body: Some(body) };
        self.add_fault(Fault::new(answer).user(id))
    }

    pub(crate) async fn stop(self) {
        self.emulator.shutdown().await;
    }
}

fn message_id(user: &str, moment: i64) -> String {
    format!("msg_{user}_{moment}")
}

pub(crate) fn envelope(instance: &str, event_type: &str, data: &Value, timestamp: i64) -> Value {
    json!({
        "data": data,
        "event_attributes": {"http_request": {"client_ip": "203.0.113.24", "user_agent": "Mozilla/5.0"}},
        "instance_id": instance,
        "object": "event",
        "timestamp": timestamp,
        "type": event_type,
    })
}

impl Deref for Clerk {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.emulator
    }
}

/// A user in the shape in which Clerk tells of one.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl Person {
    /// Made an hour ago, by Clerk's clock.
    pub(crate) fn new(id: &str) -> Self {
        let made = now_ms() - 3_600_000;
        Self {
            id: id.to_owned(),
            email: format!("{id}@example.com"),
            first_name: "Ada".to_owned(),
            created_at: made,
            updated_at: made,
        }
    }

    /// The same person after a change.
    pub(crate) fn then(&self, first_name: &str) -> Self {
        Self { first_name: first_name.to_owned(), updated_at: self.updated_at + 1_000, ..self.clone() }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "user",
            "username": null,
            "first_name": self.first_name,
            "last_name": "Lovelace",
            "image_url": format!("https://img.clerk.com/{}", self.id),
            "has_image": false,
            "primary_email_address_id": "idn_1",
            "primary_phone_number_id": null,
            "primary_web3_wallet_id": null,
            "email_addresses": [{
                "id": "idn_1",
                "object": "email_address",
                "email_address": self.email,
                "verification": {"status": "verified", "strategy": "email_code"},
                "linked_to": [],
            }],
            "phone_numbers": [],
            "web3_wallets": [],
            "external_accounts": [],
            "public_metadata": {},
            "private_metadata": {},
            "unsafe_metadata": {},
            "banned": false,
            "locked": false,
            "last_sign_in_at": null,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }
}

/// A delivery: a body and the headers that make a receiver accept it.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Signed {
    /// Signed now with the tests' secret.
    pub(crate) fn new(id: &str, body: impl Into<Bytes>) -> Self {
        Self::with(SIGNING_SECRET, id, now_ms() / 1_000, body)
    }

    pub(crate) fn with(secret: &str, id: &str, timestamp: i64, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let signature = Webhook::new(secret).unwrap().sign(id, timestamp, &body).unwrap();
        let headers = [("svix-id", id.to_owned()), ("svix-timestamp", timestamp.to_string())];
        let headers = headers.into_iter().chain([("svix-signature", signature)]);
        Self { headers: headers.map(|(name, value)| (name.to_owned(), value)).collect(), body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap()
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }
}
