//! Who is asking: Clerk's publishable keys, signing keys and session tokens.

mod authenticate;
mod authenticator;
mod backend;
pub mod clock;
mod cookies;
mod decision;
#[cfg(feature = "axum")]
mod extract;
mod finish;
pub mod gate;
pub mod guard;
mod js;
pub mod jwks;
pub mod jwt;
mod key_ring;
mod layer;
pub mod publishable_key;
mod reason;
mod request;
mod seen_tokens;
mod session;
mod settings;
mod sign_in;
pub mod signing_key;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verify;

pub use authenticate::{
    Facts, KeyAnswer, KeyLookup, Need, RefreshRequest, VerifiedToken, VerifiedTokens, authenticate,
};
pub use authenticator::{Authenticator, AuthenticatorBuilder, NoKeysError};
pub use backend::{Backend, BackendError};
#[cfg(feature = "client")]
pub use backend::{HttpBackend, HttpBackendError};
pub use decision::{AUTH_MESSAGE, AUTH_REASON, AUTH_STATUS, Decision, Failure, Status};
#[cfg(feature = "axum")]
pub use extract::{OptionalSession, SessionRejection};
pub use key_ring::KeyRing;
pub use layer::{ClerkLayer, ClerkService, Who};
pub use reason::{Reason, RefreshFailure};
pub use request::RequestHead;
pub use session::{Organization, Session};
pub use settings::{AuthSettings, ProxyUrlError};
