//! Ends in order, and addresses that cannot be used.

use crate::harness::{Clerk, Connection, Database, Kind, Load, Person, Setup, head};
use rstest::rstest;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_lets_running_requests_end_and_exits_0(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let load = Load::start(clerk);
    for signal in ["TERM", "INT"] {
        let server = setup.serve().await;
        load.aim(Some(server.address));
        load.more(200).await;
        server.signal(signal);
        let status = server.ended().await;
        load.aim(None);
        assert_eq!(status.code(), Some(0), "{}", server.log_text());
        server.logged("stopped").await;
        assert!(!server.log_text().contains("ERROR"), "{}", server.log_text());
    }
    load.check(&database).await;
}

#[tokio::test]
async fn a_request_whose_body_is_still_coming_is_answered_before_the_end() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let signed = clerk.created(&Person::new("user_ada"));
    let mut slow = Connection::open(server.address).await;
    slow.send(head(&signed, &format!("content-length: {}\r\n\r\n", signed.body.len()))).await;
    slow.send(&signed.body[..100]).await;
    // Answered after it was read, so the other one has been seen too.
    server.accept(&clerk.created(&Person::new("user_bob"))).await;
    server.signal("TERM");
    server.logged("stopping").await;
    slow.send(&signed.body[100..]).await;
    let (answer, _) = slow.receive_all().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.ended().await.code(), Some(0));
    assert_eq!(database.users().await.len(), 2);
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let mut idle = Connection::open(server.address).await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    idle.receive_until(|text| text.contains("alive")).await;
    let _silent = Connection::open(server.address).await;
    server.signal("TERM");
    let (rest, took) = idle.receive_all().await;
    assert!(rest.is_empty() && took.as_secs() < 5, "{took:?}");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_address_in_use_is_a_clear_error_that_names_the_setting() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["CLERK_SYNC_LISTEN", "CLERK_SYNC_ADMIN_LISTEN"] {
        let finished = Setup::new(&clerk, &database).set(setting, &address).run(&["serve"]).await;
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let expected = format!("clerk-sync: {setting}: listening on {address}: Address already in use");
        assert!(finished.err.lines().last().unwrap().starts_with(&expected), "{finished:?}");
    }
    assert!(database.tables().await.is_empty());
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_a_clear_error() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database).set("DATABASE_URL", "sqlite:///nowhere/at/all.db");
    let finished = setup.run(&["serve"]).await;
    assert_eq!(finished.code, Some(1));
    let last = finished.err.lines().last().unwrap();
    assert!(last.starts_with("clerk-sync: DATABASE_URL sqlite:///nowhere/at/all.db: "), "{finished:?}");
}
