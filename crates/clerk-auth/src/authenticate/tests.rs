use super::*;
use crate::{
    reason::RefreshFailure,
    signing_key::SigningKey,
    testing::{self, NOW_MS, NOW_S},
    verify::TokenError,
};
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

mod bearer;
mod handshake;
mod suffix;
mod table;

/// Knows one key, and has never seen a token.
#[derive(Debug)]
struct Known(Option<Arc<SigningKey>>);

impl KeyLookup for Known {
    fn find(&self, kid: &str) -> KeyAnswer {
        match &self.0 {
            Some(key) if kid == testing::KID => KeyAnswer::Known(Arc::clone(key)),
            Some(_) => KeyAnswer::Unavailable(TokenError::KeyMismatch),
            None => KeyAnswer::Unknown,
        }
    }
}

impl VerifiedTokens for Known {
    fn find(&self, _raw: &str) -> Option<Arc<VerifiedToken>> {
        None
    }
}

/// A request that is being put together: a page of `https://app.example`.
struct Asked {
    environment: &'static str,
    method: Method,
    path: String,
    headers: HeaderMap,
    cookies: Vec<String>,
    handshake: HashMap<String, Vec<String>>,
    refresh: Result<Vec<String>, RefreshFailure>,
    parties: Vec<String>,
}

fn ask(environment: &'static str) -> Asked {
    let asked = Asked {
        environment,
        method: Method::GET,
        path: "/page".to_owned(),
        headers: HeaderMap::new(),
        cookies: Vec::new(),
        handshake: HashMap::new(),
        refresh: Err(RefreshFailure::Unreachable),
        parties: Vec::new(),
    };
    asked.with("sec-fetch-dest", "document")
}

/// A production browser with a client as old as the day and a good session.
fn signed_in() -> Asked {
    ask("live").cookie("__client_uat", NOW_S - 86_400).cookie("__session", good_token())
}

/// The same at a development instance.
fn signed_in_at_development() -> Asked {
    let mut asked = signed_in().cookie("__clerk_db_jwt", "dvb_1");
    asked.environment = "test";
    asked
}

fn good_token() -> String {
    testing::instance().token(&testing::claims())
}

/// A good token but for these claims; `null` takes one away.
fn token_with(changes: &Value) -> String {
    let mut claims = testing::claims();
    for (name, value) in changes.as_object().expect("claims") {
        if value.is_null() {
            claims.as_object_mut().expect("claims").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    testing::instance().token(&claims)
}

fn expired_token() -> String {
    token_with(&json!({"iat": NOW_S - 100, "nbf": NOW_S - 110, "exp": NOW_S - 40}))
}

impl Asked {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    fn cookie(mut self, name: &str, value: impl ToString) -> Self {
        self.cookies.push(format!("{name}={}", value.to_string()));
        self
    }

    fn suffixed(self, name: &str, value: impl ToString) -> Self {
        let suffix = testing::settings(self.environment).suffix().to_owned();
        self.cookie(&format!("{name}_{suffix}"), value)
    }

    fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    fn nonce(mut self, nonce: &str, directives: &[&str]) -> Self {
        self.handshake.insert(nonce.to_owned(), directives.iter().map(ToString::to_string).collect());
        self
    }

    fn decide(self) -> Decided {
        let mut headers = self.headers;
        if !self.cookies.is_empty() {
            headers.insert(header::COOKIE, self.cookies.join("; ").parse().expect("a header"));
        }
        let head = RequestHead::new(self.method, "https://app.example", self.path, &headers);
        let settings = testing::settings(self.environment).with_authorized_parties(self.parties);
        let known = Known(Some(Arc::new(testing::instance().key())));
        let mut facts = Facts::new(&known, &known);
        let mut needs = Vec::new();
        loop {
            match authenticate(&head, &settings, &mut facts, NOW_MS) {
                Ok(decision) => return Decided { decision, needs },
                Err(need) => {
                    assert!(needs.len() < 5, "asks for ever more: {needs:?}");
                    match &need {
                        Need::Key(kid) => facts.learn_key(kid.clone(), KeyAnswer::Unknown),
                        Need::HandshakePayload { nonce } => {
                            facts.learn_handshake(self.handshake.get(nonce).cloned().unwrap_or_default());
                        }
                        Need::Refresh(_) => facts.learn_refresh(self.refresh.clone()),
                    }
                    needs.push(need);
                }
            }
        }
    }
}

struct Decided {
    decision: Decision,
    needs: Vec<Need>,
}

impl Decided {
    /// `signed-in`, `signed-out <reason>`, `handshake <reason>` or `failed <why>`.
    fn summary(&self) -> String {
        match &self.decision.status {
            Status::SignedIn(_) => "signed-in".to_owned(),
            Status::SignedOut(reason) => format!("signed-out {reason}"),
            Status::Handshake(reason) => format!("handshake {reason}"),
            Status::Failed(failure) => format!("failed {failure:?}"),
        }
    }

    fn location(&self) -> Option<String> {
        Some(self.decision.location()?.to_str().expect("ASCII").to_owned())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.decision.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    fn cookies(&self) -> Vec<&str> {
        self.decision
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|cookie| cookie.to_str().expect("ASCII"))
            .collect()
    }
}

use crate::decision::Status;
