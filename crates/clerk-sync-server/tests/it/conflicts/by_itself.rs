//! Reconciling, with every webhook lost.

use super::{HOUR_MS, change, emails, expected, unique, user};
use crate::harness::{Clerk, Database, Kind, Person, Setup, now_ms};
use rstest::rstest;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconcile_ends_equal_to_clerk(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    for (id, email) in [("user_a", "one"), ("user_b", "two"), ("user_c", "three"), ("user_d", "four")] {
        user(&clerk, id, &format!("{email}@example.com"));
    }
    unique(&setup, &database).await;
    setup.output(&["backfill"]).await;
    // Two swap, one takes over from one who is deleted, and somebody takes what was given up.
    change(&clerk, "user_a", "one@example.com", "between@example.com");
    change(&clerk, "user_b", "two@example.com", "one@example.com");
    change(&clerk, "user_a", "between@example.com", "two@example.com");
    clerk.delete_user("user_c").unwrap();
    change(&clerk, "user_d", "four@example.com", "three@example.com");
    user(&clerk, "user_e", "four@example.com");
    setup.output(&["reconcile"]).await;
    let now = expected([
        ("user_a", "two@example.com"),
        ("user_b", "one@example.com"),
        ("user_d", "three@example.com"),
        ("user_e", "four@example.com"),
    ]);
    assert_eq!(emails(&database).await, now);
    assert_eq!(database.letters().await, 0);
    let again = setup.run(&["reconcile"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
}

/// Whom an earlier version of Clerk's list left behind: rows of users who are gone, and an import of those who came after.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_takes_over_from_those_who_left(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    unique(&setup, &database).await;
    let server = setup.serve().await;
    let made = now_ms() - HOUR_MS;
    for number in 0..3 {
        let left = Person {
            email: format!("{number}@example.com"),
            created_at: made,
            ..Person::new(&format!("user_left_{number}"))
        };
        server.accept(&clerk.created(&left)).await;
    }
    server.stop().await;
    for number in 0..6 {
        user(&clerk, &format!("user_{number}"), &format!("{number}@example.com"));
    }
    setup.output(&["backfill"]).await;
    let expected = (0..6).map(|number| (format!("user_{number}"), format!("{number}@example.com"))).collect();
    assert_eq!(emails(&database).await, expected);
    assert_eq!(database.letters().await, 0);
}
