//! The calls to Clerk, made for real over HTTP to the emulated Clerk.

mod bench;
mod binding;
mod reads;
mod synced;
