//! Starting, stopping, and the listener for operators.

mod admin;
mod instance;
mod stopping;
