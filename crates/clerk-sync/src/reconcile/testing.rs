//! A model Clerk, a store with troubles, and a clock, for tests of the passes and for the simulation.

pub(super) mod clerk;
pub(super) mod dice;
pub(super) mod life;
mod list;
pub(super) mod process;
pub(super) mod store;
