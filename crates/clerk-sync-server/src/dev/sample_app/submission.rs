//! What the page or a program sends, as JSON or as a plain form; and how either is answered.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use clerk_emulator::Refusal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::browser::Browser;
use super::{Sample, page};

/// A webhook usually takes less.
const WEBHOOK_MOMENT: Duration = Duration::from_millis(200);

/// Everything that can be sent; each action takes what it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fields {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) ms: Option<u64>,
    pub(super) action: Option<String>,
}

/// A body, and how it was sent.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) fields: Fields,
    pub(super) sender: Sender,
}

/// Who wants an answer.
#[derive(Debug)]
pub(super) enum Sender {
    Program,
    /// A plain form, with its headers.
    Form(Box<HeaderMap>),
}

/// Why something was not done, for people.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    pub(super) words: String,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }

    fn unreadable(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("The request cannot be read: {why}."))
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let words = match (refusal.code(), refusal.param()) {
            ("resource_not_found", _) => "This user is not in Clerk any more.".to_owned(),
            ("form_identifier_exists", Some("email_address")) => {
                "Another user has this e-mail address. Choose a different one.".to_owned()
            }
            _ => format!("Clerk refuses this: {refusal}."),
        };
        Self { status, words }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.words }))).into_response()
    }
}

impl<S: Send + Sync> FromRequest<S> for Submission {
    type Rejection = Trouble;

    async fn from_request(request: Request, state: &S) -> Result<Self, Trouble> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let sender =
            if is_form { Sender::Form(Box::new(request.headers().clone())) } else { Sender::Program };
        let body =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, "That is too long. Choose something shorter.")
                }
                _ => Trouble::unreadable(rejection.body_text()),
            })?;
        let fields = match (body.is_empty(), is_form) {
            (true, _) => Fields::default(),
            (false, true) => form(&body)?,
            (false, false) => serde_json::from_slice(&body).map_err(Trouble::unreadable)?,
        };
        Ok(Self { fields, sender })
    }
}

fn form(body: &[u8]) -> Result<Fields, Trouble> {
    let mut fields = Fields::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value = value.into_owned();
        match &*name {
            "name" => fields.name = Some(value),
            "email" => fields.email = Some(value),
            "action" => fields.action = Some(value),
            "ms" => fields.ms = Some(value.parse().map_err(Trouble::unreadable)?),
            other => return Err(Trouble::unreadable(format!("{other} is unknown"))),
        }
    }
    Ok(fields)
}

impl Sample {
    /// Answers a program with JSON, and a plain form with the page.
    pub(super) async fn answer(self: &Arc<Self>, sender: Sender, done: Result<Value, Trouble>) -> Response {
        match (done, sender) {
            (Ok(_), Sender::Form(_)) => {
                // A page without a script does not follow, so the row gets a moment to.
                self.app.clock.sleep(WEBHOOK_MOMENT).await;
                Redirect::to("/").into_response()
            }
            (Ok(answer), Sender::Program) => Json(answer).into_response(),
            (Err(trouble), Sender::Form(headers)) => {
                let browser = Browser::of_form(&self.app, &headers).await;
                let view = self.view().await;
                let page = page::page(&self.app.addresses, &view, &browser, Some(&trouble.words));
                browser.answer((trouble.status, Html(page.into_string())).into_response())
            }
            (Err(trouble), Sender::Program) => trouble.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_unknown_fields() {
        let fields = form(b"name=Ada+%3Cb%3E&email=&ms=20").unwrap();
        assert_eq!(
            (fields.name.as_deref(), fields.email.as_deref(), fields.ms),
            (Some("Ada <b>"), Some(""), Some(20))
        );
        assert!(form(b"ms=soon").is_err());
        assert!(form(b"admin=1").is_err());
        assert!(serde_json::from_str::<Fields>(r#"{"admin":1}"#).is_err());
    }
}
