//! Events in any order.

use super::{change, emails, event, expected, unique, user};
use crate::harness::{Clerk, Database, Kind, Server, Setup, eventually, now_ms};
use clerk_emulator::NewUser;
use rstest::rstest;

async fn scene(kind: Kind) -> (Clerk, Database, Server) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    unique(&setup, &database).await;
    let server = setup.serve().await;
    (clerk, database, server)
}

#[rstest]
#[tokio::test]
async fn an_address_moves_whichever_event_comes_first(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
    #[values(false, true)] taker_first: bool,
) {
    let (clerk, database, server) = scene(kind).await;
    user(&clerk, "user_a", "shared@example.com");
    user(&clerk, "user_b", "b@example.com");
    for id in ["user_a", "user_b"] {
        server.accept(&event(&clerk, "user.created", id)).await;
    }
    change(&clerk, "user_a", "shared@example.com", "a@example.com");
    change(&clerk, "user_b", "b@example.com", "shared@example.com");
    let ids = if taker_first { ["user_b", "user_a"] } else { ["user_a", "user_b"] };
    for id in ids {
        server.accept(&event(&clerk, "user.updated", id)).await;
        let now = emails(&database).await;
        assert!(now.values().collect::<std::collections::BTreeSet<_>>().len() == now.len(), "{now:?}");
    }
    let now = expected([("user_a", "a@example.com"), ("user_b", "shared@example.com")]);
    assert_eq!(emails(&database).await, now);
    assert_eq!((database.letters().await, database.feed().await.len()), (0, 4));
    let reads = clerk.stats().count("GET /v1/users/{user_id}");
    assert_eq!(reads, if taker_first { 2 } else { 0 });
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn two_users_swap_by_events_at_once(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database, server) = scene(kind).await;
    user(&clerk, "user_a", "one@example.com");
    user(&clerk, "user_b", "two@example.com");
    for id in ["user_a", "user_b"] {
        server.accept(&event(&clerk, "user.created", id)).await;
    }
    change(&clerk, "user_a", "one@example.com", "between@example.com");
    change(&clerk, "user_b", "two@example.com", "one@example.com");
    change(&clerk, "user_a", "between@example.com", "two@example.com");
    let (a, b) = (event(&clerk, "user.updated", "user_a"), event(&clerk, "user.updated", "user_b"));
    tokio::join!(server.accept(&b), server.accept(&a));
    let now = expected([("user_a", "two@example.com"), ("user_b", "one@example.com")]);
    assert_eq!(emails(&database).await, now);
    assert_eq!(database.letters().await, 0);
    server.stop().await;
}

/// `user.deleted` is lost, and the same address signs up again: another user, whose row is its own.
#[rstest]
#[tokio::test]
async fn a_deleted_users_address_signs_up_again(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database, server) = scene(kind).await;
    user(&clerk, "user_old", "ada@example.com");
    server.accept(&event(&clerk, "user.created", "user_old")).await;
    clerk.delete_user("user_old").unwrap();
    user(&clerk, "user_new", "ada@example.com");
    server.accept(&event(&clerk, "user.created", "user_new")).await;
    assert_eq!(emails(&database).await, expected([("user_new", "ada@example.com")]));
    let told: Vec<_> = database.feed().await;
    let told: Vec<_> = told.iter().map(|(id, change)| (id.as_str(), change.as_str())).collect();
    let deleted = told.contains(&("user_old", "deleted"));
    assert!(deleted && told.contains(&("user_new", "created")) && told.len() == 3, "{told:?}");
    // The lost event comes after all.
    server.accept(&clerk.deleted("user_old", now_ms())).await;
    assert_eq!((database.feed().await.len(), database.letters().await), (3, 0));
    server.stop().await;
}

/// The same, and the old row cannot be deleted: it waits, and gives the address up.
#[rstest]
#[tokio::test]
async fn a_row_that_cannot_be_deleted_gives_its_address_up(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
    #[values("", "[users]\non_delete_refused = \"keep\"\n")] config: &str,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database).config(config);
    unique(&setup, &database).await;
    let server = setup.serve().await;
    user(&clerk, "user_old", "ada@example.com");
    server.accept(&event(&clerk, "user.created", "user_old")).await;
    database.refer_to("user_old").await;
    clerk.delete_user("user_old").unwrap();
    for (newcomer, freed) in [("user_new", false), ("user_newer", true)] {
        if freed {
            // Somebody writes into the row of a deleted user.
            let again = "update users set email = 'eve@example.com' where clerk_id = 'user_old'";
            database.run(again).await;
        }
        let address = if freed { "eve@example.com" } else { "ada@example.com" };
        user(&clerk, newcomer, address);
        server.accept(&event(&clerk, "user.created", newcomer)).await;
        let emails = emails(&database).await;
        assert_eq!((emails[newcomer].as_str(), emails["user_old"].as_str()), (address, ""));
    }
    server.stop().await;
    let deleted = ("user_old".to_owned(), "deleted".to_owned());
    assert_eq!(database.feed().await.into_iter().filter(|told| *told == deleted).count(), 1);
    // Why the row waits is told; where the settings say what happens to it, nothing is to be told.
    assert_eq!(database.letters().await, i64::from(config.is_empty()));
}

/// The same, and what is to happen to the old row is refused too: the newcomer waits for it, and says so.
#[rstest]
#[tokio::test]
async fn whoever_waits_for_a_row_that_nothing_can_be_done_to_is_written_once_it_goes(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    // The same address for everyone who is anonymized, in a unique column.
    let config =
        "[users]\non_delete_refused = \"anonymize\"\n[users.anonymize]\nemail = \"gone@example.com\"\n";
    let setup = Setup::new(&clerk, &database).config(config);
    unique(&setup, &database).await;
    database.run("insert into users (clerk_id, email) values ('by hand', 'gone@example.com')").await;
    let server = setup.serve().await;
    user(&clerk, "user_old", "ada@example.com");
    server.accept(&event(&clerk, "user.created", "user_old")).await;
    database.refer_to("user_old").await;
    clerk.delete_user("user_old").unwrap();
    user(&clerk, "user_new", "ada@example.com");
    let answer = server.post(&event(&clerk, "user.created", "user_new")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "kept as a dead letter"));
    let letter = &setup.json(&["dead-letters", "list", "--json"]).await[0];
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("user_old")), "{letter}");

    database.run("delete from orders").await;
    server.accept(&clerk.deleted("user_old", now_ms())).await;
    eventually("the newcomer has the address", async || {
        emails(&database).await.get("user_new").is_some_and(|email| email == "ada@example.com")
    })
    .await;
    eventually("its letter is gone", async || database.letters().await == 0).await;
    server.stop().await;
}

/// A user of a minute ago: Clerk's "no such user" must be heard twice, so the newcomer waits and is not given up.
#[tokio::test]
async fn a_young_users_absence_is_waited_for() {
    let (clerk, database, server) = scene(Kind::Sqlite).await;
    clerk.create_user(NewUser::new().id("user_old").email("ada@example.com").first_name("Ada")).unwrap();
    server.accept(&event(&clerk, "user.created", "user_old")).await;
    clerk.delete_user("user_old").unwrap();
    user(&clerk, "user_new", "ada@example.com");
    let newcomer = event(&clerk, "user.created", "user_new");
    let answer = server.post(&newcomer).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"));
    assert!(answer.retry_after() >= 60, "{answer:?}");
    assert_eq!(database.letters().await, 0);
    assert_eq!(emails(&database).await, expected([("user_old", "ada@example.com")]));
    server.stop().await;
}

/// Clerk says that both have it: kept, answered 200 once, and written as soon as the other one changes.
#[rstest]
#[tokio::test]
async fn a_true_conflict_is_kept_and_heals(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database, server) = scene(kind).await;
    user(&clerk, "user_b", "shared@example.com");
    let holder = crate::harness::Person {
        email: "shared@example.com".to_owned(),
        ..crate::harness::Person::new("user_a")
    };
    let fault = clerk.shows(&holder);
    server.accept(&clerk.created(&holder)).await;
    let newcomer = event(&clerk, "user.created", "user_b");
    for _ in 0..2 {
        let answer = server.post(&newcomer).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "kept as a dead letter"));
    }
    assert_eq!(database.letters().await, 1);
    assert_eq!(emails(&database).await, expected([("user_a", "shared@example.com")]));
    let reason = database.select(&["reason"], "from clerk_sync_dead_letters").await;
    let reason = reason[0][0].clone().unwrap();
    assert!(reason.contains("Clerk gives one value of email to two users"), "{reason}");
    assert!(reason.contains("users_by_email") && !reason.contains("shared@"), "{reason}");

    clerk.remove_fault(fault);
    let changed = crate::harness::Person { email: "a@example.com".to_owned(), ..holder.then("Ada") };
    server.accept(&clerk.updated(&changed)).await;
    eventually("the refused user's row", async || database.letters().await == 0).await;
    let now = expected([("user_a", "a@example.com"), ("user_b", "shared@example.com")]);
    assert_eq!(emails(&database).await, now);
    server.stop().await;
}
