//! The `clerk-sync` binary as a library, so that its parts can be tested.

pub mod cli;
mod commands;
mod dev;
mod http;
mod mirror;
mod people;
pub mod settings;
mod table;
mod telemetry;
