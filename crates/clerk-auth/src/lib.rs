//! Who is asking: Clerk's publishable keys, signing keys and session tokens.

pub mod clock;
pub mod jwks;
pub mod publishable_key;
