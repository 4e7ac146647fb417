//! The same request, put to us.

use crate::{
    ask::{Asked, Refresh},
    oracle::{Person, Verdict},
};
use clerk_auth::{
    AuthSettings, Decision, Facts, KeyAnswer, KeyLookup, Need, RefreshFailure, RequestHead, Session, Status,
    VerifiedToken, VerifiedTokens, authenticate, publishable_key::PublishableKey, signing_key::SigningKey,
    testing,
};
use http::{HeaderName, HeaderValue, Request, header};
use std::sync::{Arc, LazyLock};

static KEY: LazyLock<Arc<SigningKey>> = LazyLock::new(|| Arc::new(testing::instance().key()));

/// Knows the instance's key and has never seen a token.
#[derive(Debug)]
struct Instance;

impl KeyLookup for Instance {
    fn find(&self, kid: &str) -> KeyAnswer {
        if kid == testing::KID { KeyAnswer::Known(Arc::clone(&KEY)) } else { KeyAnswer::Unknown }
    }
}

impl VerifiedTokens for Instance {
    fn find(&self, _raw: &str) -> Option<Arc<VerifiedToken>> {
        None
    }
}

pub(crate) fn judge(asked: &Asked) -> Verdict {
    let key = PublishableKey::parse(&asked.publishable_key).expect("a key");
    let mut settings = AuthSettings::new(key).with_authorized_parties(asked.authorized_parties.clone());
    if let Some(proxy) = &asked.proxy_url {
        settings = settings.with_proxy_url(proxy).expect("a proxy");
    }
    let mut request = Request::builder().method(asked.method).uri(&asked.url);
    for (name, value) in &asked.headers {
        let value = HeaderValue::from_bytes(&latin1(value)).expect("a header");
        request = request.header(HeaderName::from_static(name), value);
    }
    let request = request.body(()).expect("a request");
    let scheme = if asked.url.starts_with("https") { "https" } else { "http" };
    verdict(&decide(asked, &RequestHead::received(&request, scheme, true), &settings))
}

fn decide(asked: &Asked, head: &RequestHead<'_>, settings: &AuthSettings) -> Decision {
    let mut facts = Facts::new(&Instance, &Instance);
    loop {
        match authenticate(head, settings, &mut facts, asked.now_ms) {
            Ok(decision) => return decision,
            Err(Need::Key(kid)) => facts.learn_key(kid, KeyAnswer::Unknown),
            Err(Need::HandshakePayload { nonce }) => {
                facts.learn_handshake(asked.handshakes.get(&nonce).cloned().unwrap_or_default());
            }
            Err(Need::Refresh(_)) => facts.learn_refresh(match &asked.refresh {
                Refresh::Cookies(cookies) => Ok(cookies.clone()),
                Refresh::Code(code) => Err(RefreshFailure::Refused((*code).to_owned())),
            }),
        }
    }
}

fn verdict(decision: &Decision) -> Verdict {
    let header = |name: &str| decision.headers.get(name).map(text);
    let status = match &decision.status {
        Status::SignedIn(_) => "signed-in",
        Status::SignedOut(_) => "signed-out",
        Status::Handshake(_) => "handshake",
        Status::Failed(_) => "failed",
    };
    Verdict {
        status: status.to_owned(),
        reason: header("x-clerk-auth-reason"),
        told: header("x-clerk-auth-status"),
        has_message: header("x-clerk-auth-message").is_some(),
        location: header("location"),
        cache: header("cache-control"),
        origin: header("access-control-allow-origin"),
        credentials: header("access-control-allow-credentials"),
        cookies: decision.headers.get_all(header::SET_COOKIE).iter().map(text).collect(),
        session: match &decision.status {
            Status::SignedIn(session) => Some(person(session)),
            _ => None,
        },
        why: match &decision.status {
            Status::Failed(failure) => Some(failure.to_string()),
            _ => None,
        },
    }
}

fn person(session: &Session) -> Person {
    let organization = session.organization();
    let owned = |text: &str| text.to_owned();
    Person {
        user: session.user_id().to_owned(),
        session: session.session_id().map(owned),
        pending: session.is_pending(),
        organization: organization.map(|organization| organization.id.to_string()),
        slug: organization.and_then(|organization| organization.slug.as_deref()).map(owned),
        role: organization.and_then(|organization| organization.role.as_deref()).map(owned),
        permissions: organization
            .map_or_else(Vec::new, |o| o.permissions.iter().map(ToString::to_string).collect()),
        admin: session.has_role("org:admin"),
        may: session.has_permission("org:invoices:create"),
        plan: session.has_plan("pro"),
        feature: session.has_feature("o:invoices"),
    }
}

fn text(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

/// JavaScript's header values are characters below 256, a byte each.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("a byte")).collect()
}
