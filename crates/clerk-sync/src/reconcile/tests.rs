//! The passes against a model Clerk.

mod catch_up;
mod conflicts;
mod import;
mod rig;
mod scrub;
