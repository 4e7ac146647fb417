//! Clerk's Backend API, as far as a mirror needs it.
//!
//! Every call passes the [`Budget`]: a method that counts against Clerk's rate limit takes a [`Permit`].

mod budget;
mod error;
mod http;
mod listing;
mod reads;
pub mod shares;

pub use budget::{Budget, Lane, Permit};
pub use error::{ClerkError, ClerkErrorKind};
pub use http::{API_VERSION, HttpClerk, HttpClerkError, Sighting};
pub use listing::{MAX_PAGE, UserOrder, UsersAnswer, UsersQuery};
pub use reads::{Freshness, Reads};

use crate::user_id::UserId;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;

/// Clerk's answer about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAnswer {
    /// The user as JSON; `None` where Clerk says `resource_not_found`.
    pub user: Option<Bytes>,
    /// The answer's `Date`, Unix ms: Clerk's clock, to the second. `None` if there was none.
    pub date_ms: Option<i64>,
}

/// Which instance a secret key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id, `ins_...`.
    pub id: String,
}

/// The calls that the engine makes. [`HttpClerk`] makes them for real.
#[async_trait]
pub trait ClerkApi: Send + Sync + fmt::Debug + 'static {
    /// `GET /v1/users/{id}`.
    ///
    /// # Errors
    /// See [`ClerkErrorKind`]. A user that is not there is no error.
    async fn user(&self, permit: Permit, user: &UserId) -> Result<UserAnswer, ClerkError>;

    /// `GET /v1/users`.
    ///
    /// # Errors
    /// See [`ClerkErrorKind`]; [`ClerkErrorKind::Rejected`] where Clerk does not take this query.
    async fn users(&self, permit: Permit, query: &UsersQuery) -> Result<UsersAnswer, ClerkError>;

    /// `GET /v1/users/count`, without a filter: how many users there are.
    ///
    /// # Errors
    /// See [`ClerkErrorKind`].
    async fn count(&self, permit: Permit) -> Result<i64, ClerkError>;

    /// `GET /v1/instance`.
    ///
    /// # Errors
    /// See [`ClerkErrorKind`].
    async fn instance(&self, permit: Permit) -> Result<Instance, ClerkError>;
}
