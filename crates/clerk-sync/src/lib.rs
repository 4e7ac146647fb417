//! Keeps your own users table equal to Clerk.

pub mod clerk;
pub mod database_url;
pub mod doubt;
pub mod engine;
pub mod ensure;
pub mod event;
pub mod instance;
pub mod mapping;
pub mod metrics;
pub mod observation;
pub mod reconcile;
pub mod rule;
pub mod store;
pub mod user_id;
pub mod webhook;
