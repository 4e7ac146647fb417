//! Who is asking: Clerk's publishable keys, signing keys and session tokens.

mod authenticate;
pub mod clock;
mod cookies;
mod decision;
mod js;
pub mod jwks;
pub mod jwt;
pub mod publishable_key;
mod reason;
mod request;
mod session;
mod settings;
pub mod signing_key;
#[cfg(test)]
mod testing;
pub mod verify;

pub use authenticate::{
    Facts, KeyAnswer, KeyLookup, Need, RefreshRequest, VerifiedToken, VerifiedTokens, authenticate,
};
pub use decision::{AUTH_MESSAGE, AUTH_REASON, AUTH_STATUS, Decision, Failure, Status};
pub use reason::{Reason, RefreshFailure};
pub use request::RequestHead;
pub use session::{Organization, Session};
pub use settings::{AuthSettings, ProxyUrlError};
