//! Events that only Clerk can complete.

use crate::harness::{Clerk, Database, Kind, Person, Setup, Signed, now_ms};
use clerk_emulator::{Fault, FaultKind, NewUser};
use rstest::rstest;
use serde_json::json;

fn unavailable() -> Fault {
    Fault::new(FaultKind::ApiUnavailable { status: 503 })
}

#[rstest]
#[tokio::test]
async fn an_event_that_cannot_be_read_is_healed_by_asking_clerk(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let server = Setup::new(&clerk, &database).serve().await;
    clerk.create_user(NewUser::new().id("user_ada").first_name("Ada").email("ada@example.com")).unwrap();
    let ada = Person::new("user_ada");
    let mut poison = ada.json();
    poison["updated_at"] = json!(now_ms() + 2 * 3_600_000);
    let mut no_timestamp = clerk.event("user.updated", &ada.json());
    no_timestamp["timestamp"] = json!("soon");
    let events = [
        ("no updated_at", clerk.unreadable("user_ada").body),
        ("an updated_at far ahead", clerk.event("user.updated", &poison).to_string().into()),
        ("no timestamp", no_timestamp.to_string().into()),
    ];
    for (what, body) in events {
        let reads = clerk.stats().count("GET /v1/users/{user_id}");
        server.accept(&Signed::new("msg_1", body)).await;
        assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Ada"), "{what}");
        assert_eq!(clerk.stats().count("GET /v1/users/{user_id}"), reads + 1, "{what}");
    }
    assert_eq!(database.letters().await, 0);
    assert_eq!(database.feed().await.len(), 1);
}

#[tokio::test]
async fn while_clerk_is_away_only_events_that_need_it_wait() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    clerk.create_user(NewUser::new().id("user_bob").first_name("Bob")).unwrap();
    let faults = [
        unavailable(),
        Fault::new(FaultKind::ApiDisconnect),
        Fault::new(FaultKind::ApiUnavailable { status: 404 }),
        Fault::new(FaultKind::ApiUnavailable { status: 401 }),
        Fault::new(FaultKind::ApiUnavailable { status: 302 }),
    ];
    let mut ada = Person::new("user_ada");
    for fault in faults {
        let shown = format!("{fault:?}");
        let id = clerk.add_fault(fault);
        ada = ada.then("Augusta");
        server.accept(&clerk.updated(&ada)).await;
        let answer = server.post(&clerk.unreadable("user_bob")).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"), "{shown}");
        assert!(answer.retry_after() > 0);
        assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_ada"], "{shown}");
        assert_eq!(database.letters().await, 0, "{shown}");
        assert!(server.is_ready().await, "readiness does not depend on Clerk");
        clerk.remove_fault(id);
    }
    server.accept(&clerk.unreadable("user_bob")).await;
    assert_eq!(database.first_name("user_bob").await.as_deref(), Some("Bob"));
}

#[tokio::test]
async fn clerks_wish_for_patience_is_passed_on() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    clerk.create_user(NewUser::new().id("user_ada")).unwrap();
    clerk.add_fault(Fault::new(FaultKind::ApiTooManyRequests { retry_after: 17 }).times(1));
    let answer = server.post(&clerk.unreadable("user_ada")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.retry_after(), 17);
    let again = server.post(&clerk.unreadable("user_ada")).await;
    assert_eq!(again.status, 503, "Clerk is left alone meanwhile");
    assert!((1..=17).contains(&again.retry_after()), "{again:?}");
    assert_eq!(clerk.stats().count("GET /v1/users/{user_id}"), 1);
    server.accept(&clerk.created(&Person::new("user_bob"))).await;
}

#[tokio::test]
async fn a_user_whom_clerk_does_not_know_is_neither_written_nor_buried_at_once() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let answer = server.post(&clerk.unreadable("user_nobody")).await;
    assert_eq!(answer.status, 503, "it may be too young to be seen");
    assert!(answer.retry_after() >= 60, "{answer:?}");
    assert_eq!(database.letters().await, 0);
    assert_eq!(database.number("count(*) from clerk_sync_users").await, 0);
}

#[rstest]
#[tokio::test]
async fn what_clerk_itself_cannot_tell_is_kept_as_a_dead_letter_until_the_next_change(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let server = Setup::new(&clerk, &database).serve().await;
    clerk.create_user(NewUser::new().id("user_ada")).unwrap();
    let body = json!({"id": "user_ada", "object": "user", "created_at": 1, "updated_at": "never"});
    clerk.add_fault(Fault::new(FaultKind::UserAnswer { status: 200, code: None, body: Some(body) }));
    let answer = server.post(&clerk.unreadable("user_ada")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "kept as a dead letter"));
    assert_eq!(database.letters().await, 1);
    assert!(database.users().await.is_empty());
    server.logged("an event cannot be applied and is kept").await;

    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    assert_eq!(database.letters().await, 0, "healed");
    assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Ada"));
}

#[rstest]
#[tokio::test]
async fn a_row_that_the_database_refuses_does_not_hurt_its_neighbours(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["migrate"]).await;
    database.run("create unique index users_by_email on users (email)").await;
    let server = setup.serve().await;
    let person = Person::new("user_holder");
    server.accept(&clerk.created(&person)).await;
    // Clerk says that both have it, which it should never do.
    clerk.shows(&person);

    let holder = "user_holder@example.com";
    clerk.create_user(NewUser::new().id("user_rival").email(holder)).unwrap();
    let rival = Person { email: holder.to_owned(), ..Person::new("user_rival") };
    let people: Vec<Person> = (0..20).map(|number| Person::new(&format!("user_{number:02}"))).collect();
    let signed: Vec<Signed> = people.iter().map(|person| clerk.created(person)).collect();
    let rivals = clerk.created(&rival);
    let neighbours = async {
        for (signed, answer) in post_all(&server, &signed).await {
            assert_eq!(answer, 200, "{signed}");
        }
    };
    let (answer, ()) = tokio::join!(server.post(&rivals), neighbours);
    assert_eq!((answer.status, answer.body.as_str()), (200, "kept as a dead letter"));
    assert_eq!(database.users().await.len(), 21);
    assert_eq!(database.letters().await, 1);
    assert_eq!(database.feed().await.len(), 21);
}

/// Sends all at once; answers id and status of each.
async fn post_all(server: &crate::harness::Server, all: &[Signed]) -> Vec<(String, u16)> {
    let posts = all
        .iter()
        .map(async |signed| (signed.header("svix-id").to_owned(), server.post(signed).await.status));
    futures_util::future::join_all(posts).await
}
