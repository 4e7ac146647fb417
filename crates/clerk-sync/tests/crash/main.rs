//! Ends at any moment: of the connection, of a statement, of the whole process. Whatever was acknowledged is there, and
//! ledger, row and feed are either all written or none of them.

#[path = "../databases/mod.rs"]
mod databases;
mod killed;
mod proxy;
mod servers;
mod trial;
mod triggers;
