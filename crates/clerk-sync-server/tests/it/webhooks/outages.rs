//! The database or Clerk is away.

use crate::harness::{Clerk, Database, Gate, Kind, Person, Setup, eventually};
use clerk_emulator::{Fault, FaultKind};
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn while_the_database_is_away_events_are_answered_503_and_then_work_again(
    #[values(Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let listener = Gate::listener().await;
    let (target, url) = database.through(listener.local_addr().unwrap().port());
    let gate = Gate::to(listener, target);
    let server = Setup::new(&clerk, &database).set("DATABASE_URL", &url).serve().await;
    let mut ada = Person::new("user_ada");
    server.accept(&clerk.created(&ada)).await;
    assert!(server.is_ready().await);

    gate.shut();
    for _ in 0..3 {
        let answer = server.post(&clerk.updated(&ada.then("Nobody"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"));
        assert!(answer.retry_after() > 0);
    }
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code().as_str()), (503, "not_ready"));
    assert_eq!(server.get("/healthz").await.status, 200);

    gate.open();
    server.ready().await;
    ada = ada.then("Augusta");
    let signed = clerk.updated(&ada);
    eventually("a connection that works", async || server.post(&signed).await.status == 200).await;
    assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Augusta"));
    server.stop().await;
}

#[tokio::test]
async fn while_another_program_holds_the_file_events_are_answered_503() {
    use sqlx::{Connection as _, Executor as _};
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let mut other = sqlx::SqliteConnection::connect(&database.url).await.unwrap();
    other.execute("begin immediate").await.unwrap();
    let ada = clerk.created(&Person::new("user_ada"));
    let answer = server.post(&ada).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"));
    assert!(answer.retry_after() > 0);
    other.execute("commit").await.unwrap();
    server.accept(&ada).await;
    assert_eq!(database.users().await.len(), 1);
}

#[tokio::test]
async fn until_the_instance_is_known_nothing_is_written_and_then_everything_works() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let outage = clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 503 }));
    let server = Setup::new(&clerk, &database).serve().await;
    let before = database.dump().await;
    let ada = Person::new("user_ada");
    for signed in
        [clerk.created(&ada), clerk.deleted("user_ada", ada.updated_at), clerk.unreadable("user_ada")]
    {
        let answer = server.post(&signed).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"));
        assert!(answer.retry_after() > 0);
    }
    assert_eq!(database.dump().await, before);
    assert!(server.is_ready().await, "readiness does not depend on Clerk");

    clerk.remove_fault(outage);
    server.logged("this database mirrors the instance").await;
    server.accept(&clerk.created(&ada)).await;
    assert_eq!(database.users().await.len(), 1);
    server.stop().await;
}
