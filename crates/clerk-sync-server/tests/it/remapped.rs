//! A mapping that changes: rows of before get what is new, and two versions of it side by side leave each other's columns
//! alone.

use crate::harness::{Clerk, Database, Kind, Person, Setup, Signed, eventually, now_ms};
use clerk_emulator::NewUser;
use rstest::rstest;

const BEFORE: &str = "[users.columns]\nclerk_id = \"id\"\ngiven = \"first_name\"\n";
const AFTER: &str = "[users.columns]\nclerk_id = \"id\"\ngiven = \"first_name\"\nfamily = \"last_name\"\nbanned = \"banned\"\n";

/// `given`, `family` and whether anything is known of `banned`.
async fn row(database: &Database, id: &str) -> [String; 3] {
    let columns = ["given", "coalesce(family, '-')", "case when banned is null then '-' else 'known' end"];
    let rows = database.select(&columns, &format!("from users where clerk_id = '{id}'")).await;
    let [row] = rows.try_into().expect("one row");
    let row: [Option<String>; 3] = row.try_into().expect("three columns");
    row.map(|cell| cell.expect("a text"))
}

fn event(clerk: &Clerk, event_type: &str, person: &Person, family: &str) -> Signed {
    let mut json = person.json();
    json["last_name"] = family.into();
    let id = format!("msg_{}_{}_{event_type}", person.id, person.updated_at);
    Signed::new(&id, clerk.event_at(event_type, &json, person.updated_at).to_string())
}

/// Though scrubs are off, and no event comes.
#[rstest]
#[tokio::test]
async fn rows_of_before_get_the_new_columns(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let made = now_ms() - 3_600_000;
    for id in ["user_ada", "user_bob"] {
        let user =
            NewUser::new().id(id).first_name(id).last_name("Lovelace").created_at(made).updated_at(made);
        clerk.create_user(user).unwrap();
    }
    let setup = Setup::new(&clerk, &database).set("CLERK_SYNC_IMPORT", "auto").config(BEFORE);
    let server = setup.serve().await;
    eventually("all are imported", async || server.metrics().await.contains("clerk_sync_imported 1")).await;
    server.stop().await;
    assert!(!database.columns("users").await.contains(&"family".to_owned()));

    let setup = setup.config(AFTER);
    let server = setup.serve().await;
    for id in ["user_ada", "user_bob"] {
        eventually("the new columns are filled", async || {
            row(&database, id).await == [id, "Lovelace", "known"]
        })
        .await;
    }
    server.stop().await;
    assert_eq!(database.letters().await, 0);
}

/// As in a rolling deploy: events reach either of them.
#[rstest]
#[tokio::test]
async fn two_versions_leave_each_others_columns_alone(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database).config(BEFORE);
    let old = setup.serve().await;
    let (ada, bob) = (Person::new("user_ada"), Person::new("user_bob"));
    old.accept(&event(&clerk, "user.created", &bob, "Babbage")).await;
    let new = setup.config(AFTER).serve().await;
    assert_eq!(row(&database, "user_bob").await, ["Ada", "-", "-"], "nothing came since");

    new.accept(&event(&clerk, "user.created", &ada, "Byron")).await;
    assert_eq!(row(&database, "user_ada").await, ["Ada", "Byron", "known"]);
    let later = ada.then("Augusta");
    old.accept(&event(&clerk, "user.updated", &later, "King")).await;
    assert_eq!(row(&database, "user_ada").await, ["Augusta", "Byron", "known"], "its own columns alone");
    new.accept(&event(&clerk, "user.updated", &later, "King")).await;
    assert_eq!(row(&database, "user_ada").await, ["Augusta", "King", "known"], "the same, by who knows more");
    old.accept(&event(&clerk, "user.updated", &later, "King")).await;
    assert_eq!(row(&database, "user_ada").await, ["Augusta", "King", "known"]);

    new.accept(&event(&clerk, "user.updated", &bob.then("Charles"), "Babbage")).await;
    assert_eq!(row(&database, "user_bob").await, ["Charles", "Babbage", "known"]);
    old.accept(&clerk.deleted("user_bob", now_ms())).await;
    new.accept(&event(&clerk, "user.updated", &bob.then("Late"), "Babbage")).await;
    assert_eq!(database.number("count(*) from users").await, 1);
    old.stop().await;
    new.stop().await;
    assert_eq!(database.letters().await, 0);
}
