//! The body of an event: an e-mail sign-up as Clerk describes it, about 2.6 kB.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use crate::ids::{Series, ksuid};
use crate::plan::Event;

const FIRST_NAMES: [&str; 8] = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Niklaus", "Radia"];
const LAST_NAMES: [&str; 7] = ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Knuth", "Allen", "Perlman"];

/// What all bodies of one run share.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) instance_id: &'a str,
    pub(crate) seed: u64,
    /// When the first user signed up, in milliseconds.
    pub(crate) start_ms: u64,
}

impl Writer<'_> {
    pub(crate) fn user_id(&self, user: u32) -> String {
        let seconds = self.created_ms(user) / 1000;
        format!("user_{}", ksuid(seconds, Series::User, self.seed, user.into()))
    }

    pub(crate) fn email(event: Event) -> String {
        let (first, last) = names(event.user);
        let name = format!("{}.{}.{}", first.to_lowercase(), last.to_lowercase(), event.user);
        match event.version {
            0 => format!("{name}@example.com"),
            version => format!("{name}.v{version}@example.com"),
        }
    }

    /// Users sign up 5 ms apart.
    fn created_ms(&self, user: u32) -> u64 {
        self.start_ms + u64::from(user) * 5
    }

    pub(crate) fn write(&self, event: Event) -> String {
        let Event { user, version } = event;
        let (first, last) = names(user);
        let id = self.user_id(user);
        let email = Self::email(event);
        let instance = self.instance_id;
        let created = self.created_ms(user);
        let identified = created - 40;
        let expires = identified + 600_000;
        let updated = created + u64::from(version) * 1000;
        let stamp = updated + 12;
        let kind = if version == 0 { "created" } else { "updated" };
        let identification = ksuid(created / 1000, Series::Identification, self.seed, user.into());
        let (a, b) = (&first[..1], &last[..1]);
        let image = STANDARD_NO_PAD
            .encode(format!(r#"{{"type":"default","iid":"{instance}","rid":"{id}","initials":"{a}{b}"}}"#));
        format!(
            r#"{{
  "data": {{
    "id": "{id}",
    "object": "user",
    "external_id": null,
    "primary_email_address_id": "idn_{identification}",
    "primary_phone_number_id": null,
    "primary_web3_wallet_id": null,
    "username": null,
    "first_name": "{first}",
    "last_name": "{last}",
    "locale": null,
    "profile_image_url": "https://img.clerk.com/{image}",
    "image_url": "https://img.clerk.com/{image}",
    "has_image": false,
    "public_metadata": {{}},
    "private_metadata": {{}},
    "unsafe_metadata": {{}},
    "email_addresses": [
      {{
        "id": "idn_{identification}",
        "object": "email_address",
        "email_address": "{email}",
        "reserved": false,
        "verification": {{
          "object": "verification_otp",
          "status": "verified",
          "strategy": "email_code",
          "attempts": 1,
          "expire_at": {expires}
        }},
        "linked_to": [],
        "matches_sso_connection": false,
        "created_at": {identified},
        "updated_at": {identified}
      }}
    ],
    "phone_numbers": [],
    "web3_wallets": [],
    "passkeys": [],
    "password_enabled": true,
    "two_factor_enabled": false,
    "totp_enabled": false,
    "backup_code_enabled": false,
    "mfa_enabled_at": null,
    "mfa_disabled_at": null,
    "password_last_updated_at": {created},
    "external_accounts": [],
    "saml_accounts": [],
    "enterprise_accounts": [],
    "last_sign_in_at": {created},
    "banned": false,
    "locked": false,
    "deprovisioned": false,
    "lockout_expires_in_seconds": null,
    "verification_attempts_remaining": 100,
    "created_at": {created},
    "updated_at": {updated},
    "delete_self_enabled": true,
    "create_organization_enabled": true,
    "last_active_at": {created},
    "legal_accepted_at": null,
    "bypass_client_trust": false
  }},
  "event_attributes": {{
    "http_request": {{
      "client_ip": "203.0.113.24",
      "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    }}
  }},
  "instance_id": "{instance}",
  "object": "event",
  "timestamp": {stamp},
  "type": "user.{kind}"
}}
"#
        )
    }
}

fn names(user: u32) -> (&'static str, &'static str) {
    let user = user as usize;
    (FIRST_NAMES[user % FIRST_NAMES.len()], LAST_NAMES[user % LAST_NAMES.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_body_is_an_event_of_the_usual_size() {
        let writer =
            Writer { instance_id: "ins_3CkvDYqS7JhOZft7H0UHkPMC1DK", seed: 1, start_ms: 1_767_225_600_000 };
        let body = writer.write(Event { user: 8, version: 2 });
        let event: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(event["type"], "user.updated");
        assert_eq!(event["data"]["id"], writer.user_id(8));
        assert_eq!(event["data"]["email_addresses"][0]["email_address"], "ada.hopper.8.v2@example.com");
        assert_eq!(event["data"]["updated_at"], 1_767_225_602_040_u64);
        assert!((2_500..2_700).contains(&body.len()), "{}", body.len());
    }
}
