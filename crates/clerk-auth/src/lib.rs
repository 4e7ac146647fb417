//! Who is asking? Authentication with [Clerk](https://clerk.com) for axum and any other tower service, that agrees with
//! Clerk's own middleware.
//!
//! Session tokens live for 60 seconds. A browser that comes back, or a tab left open, arrives with an expired one, or with
//! none on this domain yet; then Clerk must be asked through the browser, in a *handshake*. [`ClerkLayer`] does that, and
//! tells your handlers who is asking:
//!
#![cfg_attr(all(feature = "axum", feature = "client"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "axum", feature = "client")), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use clerk_auth::{AuthSettings, Authenticator, ClerkLayer, HttpBackend, Session, guard::RequireLayer};
//! use std::sync::Arc;
//!
//! async fn hello(session: Session) -> String {
//!     format!("Hello, {}!", session.user_id())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clerk = HttpBackend::try_new(&"https://api.clerk.com".parse()?, "sk_live_...".into())?;
//! let settings = AuthSettings::new("pk_live_...".parse()?)
//!     // Without it a token made on any of your sub-domains is accepted.
//!     .with_authorized_parties(["https://app.example.com".to_owned()]);
//! let authenticator = Authenticator::builder(settings).backend(Arc::new(clerk)).build()?;
//!
//! let admin = Router::new().route("/admin", get(hello)).layer(RequireLayer::role("org:admin"));
//! let app = Router::new()
//!     .route("/", get(hello))
//!     .merge(admin)
//!     // The origin that browsers see: a handshake returns there.
//!     .layer(ClerkLayer::new(authenticator).public_origin("https://app.example.com"));
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is inside
//! - [`authenticate()`]: the whole table of Clerk's middleware (headers, cookies with and without suffix, development and
//!   production, handshakes by token and by nonce, renewal, clocks that disagree, links from other sites) as one pure
//!   function of request, settings, keys and time. Thousands of made-up requests are put to it and to Clerk's own SDK for
//!   Node in the tests, and both must answer alike.
//! - [`Authenticator`]: finds out what the table asks for. Keys are fetched once for all who wait, served while Clerk is
//!   away, and a flood of made-up key names costs one request a minute. A token that was seen before costs no RSA, no lock
//!   that blocks and no I/O; who made it for whom and when it ends is judged each time.
//! - [`ClerkLayer`], [`guard::RequireLayer`], and extractors for axum: [`Session`], `Option<Session>`.
//! - [`Session`]: claims of both generations as one type: user, organization, role, permissions, features, plan, actor, and
//!   your own.
//! - `testing`: with the feature of that name, an instance whose tokens your tests can make.
//!
//! # What is not
//! Satellite domains, organization patterns and tokens for machines are not judged yet. `iss` is not compared: the instance's
//! own key binds it already, and Clerk's middleware does the same.

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
