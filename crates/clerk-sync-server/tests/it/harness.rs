//! What every area works with: an emulated Clerk, databases, the binary as a child process, signed events.

mod browser;
mod clerk;
mod database;
mod gate;
mod load;
mod nginx;
mod own_postgres;
mod ports;
mod raw;
mod server;
mod setup;
mod site;

pub(crate) use browser::Browser;
pub(crate) use clerk::{Clerk, Person, SIGNING_SECRET, Signed};
pub(crate) use database::{Database, Kind};
pub(crate) use gate::Gate;
pub(crate) use load::{Load, Random};
pub(crate) use nginx::Nginx;
pub(crate) use own_postgres::OwnPostgres;
pub(crate) use ports::free_address;
pub(crate) use raw::{Connection, head};
pub(crate) use server::{Answer, Server, client, post};
pub(crate) use setup::Setup;
pub(crate) use site::{Instance, Site};

use clerk_auth::clock::{Clock as _, SystemClock};
use std::time::Duration;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

const POLL_EVERY: Duration = Duration::from_millis(20);

/// Waits until `check` is true.
pub(crate) async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let clock = SystemClock::new();
    let give_up = clock.monotonic() + PATIENCE;
    while !check().await {
        assert!(clock.monotonic() < give_up, "in vain: {what}");
        clock.sleep(POLL_EVERY).await;
    }
}

/// Lets time pass where time is the point: load before a kill.
pub(crate) async fn pass(duration: Duration) {
    SystemClock::new().sleep(duration).await;
}

pub(crate) fn now_ms() -> i64 {
    SystemClock::new().now_ms()
}
