//! The clerk-sync binary: keeps your own users table equal to Clerk, beside an app in any language.
pub mod settings;
