//! People who sign up or prove who they are.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::check::{check_email, check_password, check_username};
use crate::state::edit::Edit;
use crate::state::session::Session;
use crate::state::user::{ATTEMPTS, User};
use crate::state::user_draft::{NewUser, UserChange};
use crate::webhook::HttpRequest;

/// The longest name that is taken, in characters.
const MAX_NAME: usize = 256;

/// What somebody says of themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registration {
    pub(crate) email: String,
    /// Whether the address counts as proved by a code.
    pub(crate) verified: bool,
    pub(crate) password: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) unsafe_metadata: Map<String, Value>,
}

impl Registration {
    fn check(&self) -> Result<(), Refusal> {
        check_email(&self.email)?;
        self.password.as_deref().map(check_password).transpose()?;
        self.username.as_deref().map(check_username).transpose()?;
        let texts = [
            ("email_address", Some(&self.email)),
            ("first_name", self.first_name.as_ref()),
            ("last_name", self.last_name.as_ref()),
            ("password", self.password.as_ref()),
            ("locale", self.locale.as_ref()),
        ];
        for (name, text) in texts {
            if text.is_some_and(|text| text.chars().count() > MAX_NAME) {
                let long = format!("{name} must not have more than {MAX_NAME} characters.");
                let refusal = Refusal::new(422, "form_param_max_length_exceeded", "is too long", long);
                return Err(refusal.about(name));
            }
        }
        Ok(())
    }

    fn draft(self) -> NewUser {
        let draft = NewUser::new();
        let mut draft =
            if self.verified { draft.email(self.email) } else { draft.unverified_email(self.email) };
        let Self { password, first_name, last_name, username, locale, .. } = self;
        draft.edits.extend(password.map(|password| Edit::Password(Some(password))));
        for edit in [
            first_name.map(|name| Edit::FirstName(Some(name))),
            last_name.map(|name| Edit::LastName(Some(name))),
            username.map(|name| Edit::Username(Some(name))),
            locale.map(|locale| Edit::Locale(Some(locale))),
        ] {
            draft.edits.extend(edit);
        }
        draft.unsafe_metadata(Value::Object(self.unsafe_metadata))
    }
}

impl Core {
    /// Makes a user and signs it in on a browser.
    pub(crate) fn sign_up(
        &self,
        browser: &str,
        registration: Registration,
        request: &HttpRequest,
    ) -> Result<(Arc<User>, Session), Refusal> {
        registration.check()?;
        let user = self.create_user(registration.draft(), request)?;
        let session = self.sign_in(browser, &user.id, request)?;
        Ok((user, session))
    }

    /// The user who has this e-mail address or user name.
    pub(crate) fn identified(&self, identifier: &str) -> Result<Arc<User>, Refusal> {
        let world = self.read();
        let users = &world.users;
        let holder = users.holder_of_email(identifier).or_else(|| users.holder_of_username(identifier));
        holder.cloned().ok_or_else(|| {
            let long = "Couldn't find your account: nobody here has this e-mail address or user name.";
            Refusal::new(422, "form_identifier_not_found", "is invalid", long).about("identifier")
        })
    }

    /// Refuses a wrong password and counts it; too many lock the account.
    pub(crate) fn check_typed_password(
        &self,
        user: &User,
        typed: &str,
        request: &HttpRequest,
    ) -> Result<(), Refusal> {
        if user.password.as_ref().is_some_and(|password| password.matches(typed)) {
            return Ok(());
        }
        let attempts = user.failed_attempts.saturating_add(1);
        let mut edits = vec![Edit::FailedAttempts(attempts)];
        if attempts >= ATTEMPTS {
            edits.push(Edit::Locked(true));
        }
        self.update_user(&user.id, UserChange { edits }, request)?;
        let long = "Password is incorrect. Try again, or use another method.";
        Err(Refusal::new(422, "form_password_incorrect", "is incorrect", long).about("password"))
    }

    /// The user a sign-in token of the Backend API opens the door for, once.
    pub(crate) async fn redeem_ticket(&self, ticket: &str) -> Result<String, Refusal> {
        let claims = self.keys.open(ticket).await.unwrap_or_default();
        let expired = claims["exp"].as_i64().is_none_or(|exp| exp * 1_000 <= self.now_ms());
        let user_id = claims["sub"].as_str().filter(|_| claims["st"] == "sign_in_token" && !expired);
        let id = claims["sid"].as_str().unwrap_or_default();
        match user_id {
            Some(user_id) if self.write().used_tickets.insert(id.to_owned()) => Ok(user_id.to_owned()),
            _ => {
                let long = "The ticket is invalid, was used already, or has expired.";
                Err(Refusal::new(400, "ticket_invalid", "is invalid", long).about("ticket"))
            }
        }
    }
}
