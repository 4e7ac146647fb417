//! The builders with which Rust code describes a user or a change to one.

use serde_json::{Map, Value};

use super::edit::{Document, Edit};
use super::user::Verification;
use super::user_body::Kind;

/// A user to be made. Everything is optional; the first address of each kind becomes primary.
///
/// ```
/// use clerk_emulator::NewUser;
///
/// let ada = NewUser::new().email("ada@example.com").first_name("Ada").public_metadata(serde_json::json!({ "plan": "pro" }));
/// ```
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    pub(crate) edits: Vec<Edit>,
    pub(crate) id: Option<String>,
}

/// A change to a user. Whatever is not named stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub(crate) edits: Vec<Edit>,
}

macro_rules! shared_setters {
    () => {
        fn edit(mut self, edit: Edit) -> Self {
            self.edits.push(edit);
            self
        }

        fn add(self, kind: Kind, value: impl Into<String>, verification: Verification) -> Self {
            let value = value.into();
            self.edit(Edit::Add { kind, value, verification, reserved: false, primary: false })
        }

        /// Adds a verified e-mail address.
        #[must_use]
        pub fn email(self, address: impl Into<String>) -> Self {
            self.add(Kind::Email, address, Verification::Code)
        }

        /// Adds an e-mail address that is not verified.
        #[must_use]
        pub fn unverified_email(self, address: impl Into<String>) -> Self {
            self.add(Kind::Email, address, Verification::Unverified)
        }

        /// Adds a verified phone number.
        #[must_use]
        pub fn phone(self, number: impl Into<String>) -> Self {
            self.add(Kind::Phone, number, Verification::Code)
        }

        /// Adds a verified wallet.
        #[must_use]
        pub fn wallet(self, address: impl Into<String>) -> Self {
            self.add(Kind::Wallet, address, Verification::Code)
        }

        /// Adds an account at another provider, as the Backend API shows it.
        #[must_use]
        pub fn external_account(self, account: Value) -> Self {
            self.edit(Edit::ExternalAccount(account))
        }

        /// Sets the user name.
        #[must_use]
        pub fn username(self, name: impl Into<String>) -> Self {
            self.edit(Edit::Username(Some(name.into())))
        }

        /// Sets the first name.
        #[must_use]
        pub fn first_name(self, name: impl Into<String>) -> Self {
            self.edit(Edit::FirstName(Some(name.into())))
        }

        /// Sets the last name.
        #[must_use]
        pub fn last_name(self, name: impl Into<String>) -> Self {
            self.edit(Edit::LastName(Some(name.into())))
        }

        /// Sets the app's own identifier of the user.
        #[must_use]
        pub fn external_id(self, id: impl Into<String>) -> Self {
            self.edit(Edit::ExternalId(Some(id.into())))
        }

        /// Sets the password.
        #[must_use]
        pub fn password(self, password: impl Into<String>) -> Self {
            self.edit(Edit::Password(Some(password.into())))
        }

        /// Sets an uploaded picture.
        #[must_use]
        pub fn image_url(self, url: impl Into<String>) -> Self {
            self.edit(Edit::Image(Some(url.into())))
        }

        /// Replaces the public metadata; anything but an object empties it.
        #[must_use]
        pub fn public_metadata(self, value: Value) -> Self {
            self.edit(Edit::SetMetadata { document: Document::Public, value: object(value) })
        }

        /// Replaces the private metadata; anything but an object empties it.
        #[must_use]
        pub fn private_metadata(self, value: Value) -> Self {
            self.edit(Edit::SetMetadata { document: Document::Private, value: object(value) })
        }

        /// Replaces the metadata a browser may write; anything but an object empties it.
        #[must_use]
        pub fn unsafe_metadata(self, value: Value) -> Self {
            self.edit(Edit::SetMetadata { document: Document::Unsafe, value: object(value) })
        }

        /// Bans or unbans.
        #[must_use]
        pub fn banned(self, banned: bool) -> Self {
            self.edit(Edit::Banned(banned))
        }

        /// Locks for an hour, or unlocks.
        #[must_use]
        pub fn locked(self, locked: bool) -> Self {
            self.edit(Edit::Locked(locked))
        }

        /// Sets the last sign-in, which does not move `updated_at`.
        #[must_use]
        pub fn last_sign_in_at(self, at_ms: i64) -> Self {
            self.edit(Edit::LastSignInAt(Some(at_ms)))
        }

        /// Sets the last activity, which is kept to the day and does not move `updated_at`.
        #[must_use]
        pub fn last_active_at(self, at_ms: i64) -> Self {
            self.edit(Edit::LastActiveAt(Some(at_ms)))
        }

        /// Sets `created_at`.
        #[must_use]
        pub fn created_at(self, at_ms: i64) -> Self {
            self.edit(Edit::CreatedAt(at_ms))
        }

        /// Forces `updated_at`, also to the past or to the future, which Clerk should never do.
        #[must_use]
        pub fn updated_at(self, at_ms: i64) -> Self {
            self.edit(Edit::UpdatedAt(at_ms))
        }
    };
}

impl NewUser {
    /// A user without anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes this id instead of a made-up one.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    shared_setters!();
}

impl UserChange {
    /// A change of nothing, which still counts as one: `updated_at` moves and an event is sent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    shared_setters!();

    /// Takes the first name away.
    #[must_use]
    pub fn no_first_name(self) -> Self {
        self.edit(Edit::FirstName(None))
    }

    /// Takes the last name away.
    #[must_use]
    pub fn no_last_name(self) -> Self {
        self.edit(Edit::LastName(None))
    }

    /// Takes the user name away.
    #[must_use]
    pub fn no_username(self) -> Self {
        self.edit(Edit::Username(None))
    }

    /// Makes an address that the user has the primary one.
    #[must_use]
    pub fn primary_email(self, address: impl Into<String>) -> Self {
        self.edit(Edit::Primary { kind: Kind::Email, which: Some(address.into()) })
    }

    /// Takes an e-mail address away; if it was primary, the next one becomes it.
    #[must_use]
    pub fn remove_email(self, address: impl Into<String>) -> Self {
        self.edit(Edit::Remove { kind: Kind::Email, which: address.into() })
    }

    /// Merges into the public metadata; `null` deletes a key.
    #[must_use]
    pub fn merge_public_metadata(self, value: Value) -> Self {
        self.edit(Edit::MergeMetadata { document: Document::Public, value: object(value) })
    }

    /// Counts failed sign-ins, which does not move `updated_at`.
    #[must_use]
    pub fn failed_attempts(self, attempts: u32) -> Self {
        self.edit(Edit::FailedAttempts(attempts))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
