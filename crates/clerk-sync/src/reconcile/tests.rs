//! The passes against a model Clerk.

mod catch_up;
mod import;
mod rig;
mod scrub;
