//! Who is asking? One pure function with the whole table of Clerk's own middleware (contract, section d).
//!
//! What the table cannot know (a signing key, the payload behind a nonce, a renewed session) it asks for with a [`Need`];
//! the caller finds it out, notes it in the [`Facts`] and asks again. [`crate::Authenticator`] is such a caller.

mod context;
mod cookie_path;
mod facts;
mod handshake;
mod refresh;
mod suffix;
mod token;

pub use facts::{Facts, KeyAnswer, KeyLookup, Need, RefreshRequest, VerifiedToken, VerifiedTokens};

use crate::{
    decision::{Carrier, Decision, Failure, Message},
    reason::Reason,
    request::RequestHead,
    settings::AuthSettings,
    verify::TokenError,
};
use context::Context;
use http::HeaderMap;
use token::TokenTrouble;

/// Why a step of the table went no further.
#[derive(Debug)]
enum Stop {
    Need(Need),
    Failed(Failure),
}

impl From<Need> for Stop {
    fn from(need: Need) -> Self {
        Self::Need(need)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

type Step<T = Decision> = Result<T, Stop>;

/// Decides about a request at `now_ms` (Unix ms).
///
/// A token in the `Authorization` header hides cookies and handshakes completely. Satellites and organization patterns
/// are not judged yet.
///
/// # Errors
/// A [`Need`]: what must be found out first. Not more than a handful per request.
pub fn authenticate(
    head: &RequestHead<'_>,
    settings: &AuthSettings,
    facts: &mut Facts<'_>,
    now_ms: i64,
) -> Result<Decision, Need> {
    let decided = decide(head, settings, facts, now_ms);
    match decided {
        Ok(decision) => Ok(decision),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Failed(failure)) => Ok(Decision::failed(failure)),
    }
}

fn decide(head: &RequestHead<'_>, settings: &AuthSettings, facts: &mut Facts<'_>, now_ms: i64) -> Step {
    let cookie_header = head.cookies();
    let (context, session) = Context::read(head, settings, cookie_header.as_deref(), facts, now_ms)?;
    match context.header_token() {
        Some(token) => header_path(&context, facts, token),
        None => cookie_path::walk(&context, facts, session),
    }
}

/// Contract, section d.2.
fn header_path(context: &Context<'_>, facts: &mut Facts<'_>, token: &str) -> Step {
    let Some(peek) = token::Peek::at(facts, token) else {
        return on_token_trouble(context, facts, TokenError::Invalid.into(), Carrier::Header);
    };
    if peek.is_of_another_class(token) {
        return Ok(Decision::signed_out(Reason::TokenTypeMismatch, &Message::None, HeaderMap::new()));
    }
    match token::verify_peek(context, facts, token, peek, context.clock_skew_ms())? {
        Ok(session) => Ok(Decision::signed_in(session, HeaderMap::new())),
        Err(trouble) => on_token_trouble(context, facts, trouble, Carrier::Header),
    }
}

/// What follows from a token that did not verify: it is renewed, Clerk is asked through the browser, or nobody is
/// signed in.
fn on_token_trouble(
    context: &Context<'_>,
    facts: &mut Facts<'_>,
    trouble: TokenTrouble,
    carrier: Carrier,
) -> Step {
    let TokenTrouble::Rejected(error) = trouble else {
        return Ok(Decision::signed_out(Reason::UnexpectedError, &Message::None, HeaderMap::new()));
    };
    let message = Message::Token(error, carrier);
    let reason = match refresh::reason_after(context, facts, error)? {
        refresh::Outcome::Renewed(decision) => return Ok(decision),
        refresh::Outcome::Reason(reason) => reason,
    };
    if error.is_about_time() {
        return handshake::begin_if_eligible(context, reason, message);
    }
    Ok(Decision::signed_out(reason, &message, HeaderMap::new()))
}

#[cfg(test)]
mod tests;
