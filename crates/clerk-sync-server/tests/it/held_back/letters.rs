//! Rows that the database does not let go when they are due.

use super::{HOUR, all_due, pending, served_until, with_people};
use crate::harness::{Kind, Person, now_ms};
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn a_row_that_others_refer_to_is_told_and_heals(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database, setup) = with_people(kind, HOUR, &["user_ada", "user_bob"]).await;
    database.refer_to("user_ada").await;
    let server = setup.serve().await;
    for id in ["user_ada", "user_bob"] {
        server.accept(&clerk.deleted(id, now_ms())).await;
    }
    server.stop().await;
    assert_eq!(database.letters().await, 0, "nothing is refused yet");
    all_due(&database).await;
    served_until(&setup, "a letter, and the other row is gone", async || {
        database.letters().await == 1 && database.users().await.len() == 1
    })
    .await;
    let letter = &setup.json(&["dead-letters", "list", "--json"]).await[0];
    assert_eq!((&letter["user_id"], &letter["event_type"]), (&"user_ada".into(), &"user.deleted".into()));
    let reason = letter["reason"].as_str().expect("a reason");
    let constraint = if kind == Kind::Sqlite { "" } else { "orders_of_user" };
    for words in ["rows of another table refer to the row", constraint, "clerk-sync deletions run user_ada"] {
        assert!(reason.contains(words), "{words}: {reason}");
    }
    let due = setup.json(&["deletions", "list", "--json"]).await[0]["due_at"].as_i64().expect("a time");
    assert!((80_000_000..90_000_000).contains(&(due - now_ms())), "a day later");
    let refused = setup.run(&["deletions", "run", "user_ada"]).await;
    assert_eq!((refused.code, refused.out.contains("refer to the row")), (Some(1), true), "{refused:?}");

    database.run("delete from orders").await;
    all_due(&database).await;
    served_until(&setup, "it heals", async || database.users().await.is_empty()).await;
    assert_eq!((database.letters().await, pending(&database).await), (0, 0));
}

/// Without holding back: the user is gone all the same, and the row as soon as nothing refers to it.
#[rstest]
#[tokio::test]
async fn whose_row_cannot_be_deleted_is_gone_nevertheless(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database, setup) = with_people(kind, "", &["user_ada", "user_bob"]).await;
    database.refer_to("user_ada").await;
    let server = setup.serve().await;
    let late = clerk.updated(&Person { updated_at: now_ms() - 5_000, ..Person::new("user_ada") });
    for id in ["user_ada", "user_bob"] {
        server.accept(&clerk.deleted(id, now_ms())).await;
    }
    server.accept(&late).await;
    server.stop().await;
    assert_eq!((database.users().await.len(), pending(&database).await), (1, 1));
    assert_eq!(database.letters().await, 1, "it is told why the row stays, before the program ends");
    let told = setup.json(&["changes", "--json"]).await;
    assert_eq!(told.iter().filter(|change| change["change"] == "deleted").count(), 2);
    let letter = &setup.json(&["dead-letters", "list", "--json"]).await[0];
    let reason = letter["reason"].as_str().expect("a reason");
    assert!(reason.contains("clerk-sync deletions run user_ada"), "{reason}");

    database.run("delete from orders").await;
    let number = letter["number"].to_string();
    setup.output(&["dead-letters", "replay", &number]).await;
    assert!(database.users().await.is_empty());
    assert_eq!((database.letters().await, pending(&database).await), (0, 0));
}

#[rstest]
#[tokio::test]
async fn a_row_that_others_refer_to_takes_the_way_out_when_it_is_due(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let config =
        format!("{HOUR}on_delete_refused = \"anonymize\"\n[users.anonymize]\nfirst_name = \"Nobody\"\n");
    let (clerk, database, setup) = with_people(kind, &config, &["user_ada", "user_bob"]).await;
    database.refer_to("user_ada").await;
    let server = setup.serve().await;
    for id in ["user_ada", "user_bob"] {
        server.accept(&clerk.deleted(id, now_ms())).await;
    }
    assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Ada"));
    server.stop().await;
    all_due(&database).await;
    served_until(&setup, "both are dealt with", async || pending(&database).await == 0).await;
    assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Nobody"));
    assert_eq!((database.users().await.len(), database.letters().await), (1, 0));
}
