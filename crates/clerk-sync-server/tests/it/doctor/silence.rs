//! Whatever hangs, it ends: three seconds for each check, ten for the whole.

use super::Report;
use crate::harness::{Clerk, Database, Instance, Kind, Setup, Site, eventually};
use clerk_auth::clock::{Clock as _, SystemClock};
use clerk_emulator::{Fault, FaultKind};
use rstest::rstest;
use std::time::Duration;
use tokio::net::TcpListener;

const PROMISED: Duration = Duration::from_secs(10);

/// Accepts, and says nothing.
async fn silent() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            kept.push(connection);
        }
    });
    port
}

async fn in_time(setup: &Setup) -> Report {
    let clock = SystemClock::new();
    let started = clock.monotonic();
    let report = Report::of(setup).await;
    let took = clock.monotonic() - started;
    assert!(took < PROMISED, "{took:?}: {report:#?}");
    report
}

#[rstest]
#[case::postgres("postgres")]
#[case::mysql("mysql")]
#[tokio::test]
async fn a_silent_database_is_named(#[case] scheme: &str) {
    let clerk = Clerk::start().await;
    let url = format!("{scheme}://app:hunter2@127.0.0.1:{}/app", silent().await);
    let report = in_time(&Setup::new(&clerk, &Database::sqlite()).set("DATABASE_URL", &url)).await;
    report.says("database", "problem", &["did not answer within 3 s", "is the server up"]);
    assert_eq!(report.states("clerk"), ["ok"]);
    assert!(!format!("{report:?}").contains("hunter2"), "{report:#?}");
}

#[tokio::test]
async fn a_silent_clerk_is_named() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let _server = site.serve().await;
    site.clerk.add_fault(Fault::new(FaultKind::ApiHang).path("/v1"));
    let report = in_time(&site.setup).await;
    report.only("clerk", &["did not answer within 3 s", "can this machine reach it"]);
    assert_eq!(report.states("database"), ["ok"]);
}

/// Clerk tells the instance and then no more.
#[tokio::test]
async fn silent_session_keys_are_named() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let _server = site.serve().await;
    site.clerk.add_fault(Fault::new(FaultKind::ApiHang).path("/v1/jwks"));
    let report = in_time(&site.setup).await;
    assert_eq!(report.problems(), ["session keys"], "{report:#?}");
}

#[tokio::test]
async fn a_silent_public_address_is_named() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let _server = site.serve().await;
    let setup =
        site.setup.clone().set("CLERK_SYNC_PUBLIC_URL", &format!("http://127.0.0.1:{}", silent().await));
    let report = in_time(&setup).await;
    report.only("public address", &["3 s"]);
}

/// All of them at once, which takes no longer.
#[tokio::test]
async fn everything_silent_at_once_is_named() {
    let clerk = Clerk::start().await;
    let setup = Setup::new(&clerk, &Database::sqlite())
        .set("DATABASE_URL", &format!("postgres://app@127.0.0.1:{}/app", silent().await))
        .set("CLERK_API_URL", &format!("http://127.0.0.1:{}", silent().await))
        .set("CLERK_SYNC_PUBLIC_URL", &format!("http://127.0.0.1:{}", silent().await));
    let report = in_time(&setup).await;
    assert_eq!(report.problems(), ["clerk", "database", "public address"], "{report:#?}");
}

/// A table that somebody has locked holds up no more than the checks of it.
#[tokio::test]
async fn a_locked_table_holds_nothing_else_up() {
    let site = Site::new(Instance::Development, Kind::Postgres).await;
    let _server = site.serve().await;
    let lock =
        "begin; lock table clerk_sync_dead_letters in access exclusive mode; select pg_sleep(20); commit";
    let look = async {
        eventually("the lock", async || {
            let locks = "count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted \
                 and relation = to_regclass('clerk_sync_dead_letters')";
            site.database.number(locks).await > 0
        })
        .await;
        let report = in_time(&site.setup).await;
        report.says("dead letters", "problem", &["no answer within 3 s"]);
        assert_eq!(report.states("migrations"), ["ok"], "{report:#?}");
    };
    tokio::select! {
        () = site.database.run(lock) => panic!("the lock is kept"),
        () = look => {}
    }
}
