//! What a person can do on the page.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use clerk_emulator::{NewUser, Refusal};
use serde_json::{Value, json};

use super::Sample;
use super::follow;
use super::names;
use super::snapshot::is_lost;
use super::submission::{Fields, Submission, Trouble};

const MAX_NAME: usize = 100;
const MAX_EMAIL: usize = 254;
/// Addresses tried for users of one name.
const MAX_NAMESAKES: usize = 1_000;
const DELAY_MS: u64 = 3_000;
const MAX_DELAY_MS: u64 = 60_000;

pub(super) async fn create(State(sample): State<Arc<Sample>>, submission: Submission) -> Response {
    let done = sample.create(submission.fields).await;
    sample.answer(submission.sender, done).await
}

pub(super) async fn rename(
    State(sample): State<Arc<Sample>>,
    Path(id): Path<String>,
    submission: Submission,
) -> Response {
    let done = sample.rename(&id, &submission.fields);
    sample.answer(submission.sender, done).await
}

pub(super) async fn delete(
    State(sample): State<Arc<Sample>>,
    Path(id): Path<String>,
    submission: Submission,
) -> Response {
    let done = sample.delete(&id);
    sample.answer(submission.sender, done).await
}

pub(super) async fn form(
    State(sample): State<Arc<Sample>>,
    Path(id): Path<String>,
    submission: Submission,
) -> Response {
    let done = match submission.fields.action.as_deref() {
        Some("rename") => sample.rename(&id, &submission.fields),
        Some("delete") => sample.delete(&id),
        _ => Err(Trouble::new(StatusCode::BAD_REQUEST, "The action must be rename or delete.")),
    };
    sample.answer(submission.sender, done).await
}

pub(super) async fn drop_next(State(sample): State<Arc<Sample>>, submission: Submission) -> Response {
    let done = sample.arm(Some(follow::Trouble::Drop)).await;
    sample.answer(submission.sender, Ok(done)).await
}

pub(super) async fn delay_next(State(sample): State<Arc<Sample>>, submission: Submission) -> Response {
    let done = match submission.fields.ms.unwrap_or(DELAY_MS) {
        ms @ 1..=MAX_DELAY_MS => Ok(sample.arm(Some(follow::Trouble::Delay { ms })).await),
        _ => {
            let words = format!("A webhook can be delayed by 1 to {MAX_DELAY_MS} ms.");
            Err(Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, words))
        }
    };
    sample.answer(submission.sender, done).await
}

pub(super) async fn deliver_next(State(sample): State<Arc<Sample>>, submission: Submission) -> Response {
    let done = sample.arm(None).await;
    sample.answer(submission.sender, Ok(done)).await
}

pub(super) async fn resend_dropped(State(sample): State<Arc<Sample>>, submission: Submission) -> Response {
    let done = sample.resend_dropped();
    sample.answer(submission.sender, done).await
}

impl Sample {
    async fn create(&self, fields: Fields) -> Result<Value, Trouble> {
        let name = match trimmed(fields.name) {
            Some(name) => name,
            None => {
                let mut follow = self.follow.lock().await;
                follow.made_up += 1;
                names::made_up(follow.made_up - 1).to_owned()
            }
        };
        check_name(&name)?;
        let user = match trimmed(fields.email) {
            Some(email) => {
                check_email(&email)?;
                self.make(&name, email)?
            }
            None => self.make_with_any_email(&name)?,
        };
        Ok(json!({ "id": user["id"] }))
    }

    fn make(&self, name: &str, email: String) -> Result<Value, Refusal> {
        let (first, last) = names::split(name);
        let user = NewUser::new().first_name(first).email(email);
        self.app.clerk.create_user(match last {
            Some(last) => user.last_name(last),
            None => user,
        })
    }

    fn make_with_any_email(&self, name: &str) -> Result<Value, Refusal> {
        let mut attempt = 1;
        loop {
            match self.make(name, names::email(name, attempt)) {
                Err(refusal) if is_taken(&refusal) && attempt < MAX_NAMESAKES => attempt += 1,
                made => return made,
            }
        }
    }

    fn rename(&self, id: &str, fields: &Fields) -> Result<Value, Trouble> {
        let name = fields.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name =
            name.ok_or_else(|| Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, "Type the new name first."))?;
        check_name(name)?;
        self.app.clerk.update_user(id, names::renaming(name))?;
        Ok(json!({ "id": id }))
    }

    fn delete(&self, id: &str) -> Result<Value, Trouble> {
        self.app.clerk.delete_user(id)?;
        Ok(json!({ "id": id }))
    }

    async fn arm(&self, trouble: Option<follow::Trouble>) -> Value {
        let mut follow = self.follow.lock().await;
        // What was armed before may have struck meanwhile. A database that is away is told of by the page.
        let _ = follow.look(&self.app).await;
        follow.arm(&self.app.clerk, trouble);
        json!({ "armed": trouble })
    }

    fn resend_dropped(&self) -> Result<Value, Trouble> {
        let lost: Vec<_> = self.app.clerk.deliveries().into_iter().filter(is_lost).collect();
        if lost.is_empty() {
            return Err(Trouble::new(
                StatusCode::CONFLICT,
                "No webhook was dropped, so there is none to send again.",
            ));
        }
        for delivery in &lost {
            self.app.clerk.resend(&delivery.id)?;
        }
        Ok(json!({ "sent": lost.len() }))
    }
}

fn trimmed(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn is_taken(refusal: &Refusal) -> bool {
    refusal.code() == "form_identifier_exists"
}

fn check_name(name: &str) -> Result<(), Trouble> {
    if name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let words = format!("A name is at most {MAX_NAME} characters, all of them printable.");
    Err(Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, words))
}

fn check_email(email: &str) -> Result<(), Trouble> {
    let clean =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let valid = email.rsplit_once('@').is_some_and(|(local, domain)| {
        clean(local)
            && clean(domain)
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    });
    if valid && email.len() <= MAX_EMAIL {
        return Ok(());
    }
    let words = "This is not an e-mail address. Write one such as ada@example.com, or leave it empty.";
    Err(Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_checked() {
        for good in ["ada@example.com", "a.b+c@x.example", "\"a@b\"@example.com"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in ["ada", "@example.com", "ada@", "ada@localhost", "a b@example.com", "ada@.com", "ada@com."]
        {
            assert!(check_email(bad).is_err(), "{bad}");
        }
        assert!(check_name("<img src=x onerror=alert(1)>").is_ok());
        assert!(check_name(&"a".repeat(101)).is_err());
        assert!(check_name("a\u{0}b").is_err());
    }
}
