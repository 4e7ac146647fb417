//! One file for each command.

pub(crate) mod backfill;
pub(crate) mod chance;
pub(crate) mod changes;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod deletions;
pub(crate) mod doctor;
pub(crate) mod emulate;
pub(crate) mod holder;
pub(crate) mod migrate;
pub(crate) mod reconcile;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod sync;
mod text;
mod upkeep;
mod watch;
