//! Session tokens: the instance's key, and what it signs.

mod claims;
mod key;
mod keyring;

pub use claims::TokenOptions;
pub(crate) use claims::{ActiveOrganization, TokenSubject, session_claims, template_claims};
pub use key::SigningKey;
pub(crate) use keyring::{Keyring, NamedKey};

/// The `cat` header of session tokens.
pub(crate) const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";
/// The `cat` header of tokens made from a template.
pub(crate) const TEMPLATE_CATEGORY: &str = "cl_B7d4PD222AAA";
